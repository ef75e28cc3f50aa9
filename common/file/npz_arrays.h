/* The arrays of an .npz, each read from its beginning to its end, some rows at a time: numbers as
 * another dtype, texts. What is wrong with one ends the program, with FILE:KEY in its line. */
#ifndef FILE_NPZ_ARRAYS_H
#define FILE_NPZ_ARRAYS_H

#include "base/pool.h"
#include "file/array.h"
#include "file/npz.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct npz_array {
	char *key;
	struct array shape;		/* of numbers; without data */
	struct array_parts *numbers;	/* one of these, ... */
	struct npz_texts *texts;
	char *same;			/* ... or a text that stands for all rows, ... */
	bool range;			/* ... or 0, 1, 2, ... */
	size_t rows, left;		/* rows: 1 of a single text or number */
	double end;			/* of offsets: the last that was read */
	uint32_t next;			/* of a range */
};

struct npz_arrays {
	struct archive *file;
	struct npz_array **item;
	size_t n;
	char **key;			/* of all arrays that the file has */
	size_t keys;
};

void npz_arrays_open(struct npz_arrays *, const char *path);
void npz_arrays_close(struct npz_arrays *);

bool npz_has(const struct npz_arrays *, const char *key);
/* NULL when there is none of that name. */
struct npz_array *npz_array(struct npz_arrays *, const char *key);
bool npz_is_single(const struct npz_array *);		/* of no dimension */
/* Adds an array that the file lacks, or has as a single text: the text, or a range when NULL. */
void npz_array_add(struct npz_arrays *, const char *key, const char *same);

/* The next rows of a tensor, or of a list of strings, whose dtype and shape are set: they become
 * its data, until the next call for this array or until the pool is cleared. Offsets are those of
 * file/frame_npz.h. */
void npz_take(struct npz_arrays *, struct npz_array *, struct sm_field *, struct pool *);

/* Is it what stands beside the arrays of a stream: header, frames, and scipy's shape and format? */
bool npz_is_beside(const char *key);
/* Ends the program where another array was not read to its end. */
void npz_arrays_end(const struct npz_arrays *);

/* The names of the arrays, "a, b, c", to free(). */
char *npz_names(const struct npz_arrays *);

#endif
