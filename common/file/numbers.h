/* The numbers of an array of a file, one after the other; a block of them is held. */
#ifndef FILE_NUMBERS_H
#define FILE_NUMBERS_H

#include "file/array.h"

#include <stdbool.h>
#include <stddef.h>

struct numbers {
	char *name;			/* FILE:KEY, for error lines */
	struct array_parts *parts;
	struct array shape;		/* without data */
	size_t left, at, n;		/* left: after the block of n */
	const void *block;
};

/* The array of that name of a file that stays open, row-major; NULL: the only one. Ends the program
 * when there is none. */
void numbers_open(struct numbers *, struct archive *, const char *key);
void numbers_close(struct numbers *);		/* {0} is closed */

/* Ends the program unless the numbers are f2, bf16, f4 or f8, or are integers. */
void numbers_want_floats(const struct numbers *);
void numbers_want_integers(const struct numbers *);

/* The next one, or the next n: not both of one array. No more than `left` may be asked for. */
double numbers_next(struct numbers *);
void numbers_read(struct numbers *, float *x, size_t n);

#endif
