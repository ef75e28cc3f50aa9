/* Hidden states: a matrix (rows, d) in one file or in several read in order as one, row = token. Of
 * an array of more dimensions some may be layers, which are not tokens: states_settle(). Mapped, so
 * larger than memory is fine; "-" is a .npy on stdin, which can be read in order only. */
#ifndef FILE_STATES_H
#define FILE_STATES_H

#include "base/opt.h"
#include "file/array.h"

#include <stdint.h>

struct states;
struct kept_tokens;

/* How files of states are read. */
struct states_options {
	struct list axis;	/* "A=I,...", what is taken of a stack: of each file, or of all */
	bool bf16;		/* 16 bits of no type, or of integers, are bfloat16 */
};

#define OPT_STATES(o) \
	{"axis", OPT_LIST, &(o)->axis, "A=I", \
		"of stacked states, take number I along dimension A, both from 0", 0, 0}, \
	{"bf16", OPT_FLAG, &(o)->bf16, NULL, \
		"states of type V2, u2 or i2 are the bits of bfloat16", 0, 0}

/* Of the files that these names and patterns stand for: file/pattern.h. */
struct states *states_open(const struct list *files, const struct states_options *);
void states_close(struct states *);
size_t states_rows(const struct states *);
size_t states_d(const struct states *);
/* SM_F4, SM_F2 or SM_BF16 as stored; anything else is given as SM_F4. */
enum sm_dtype states_dtype(const struct states *);
const char *states_name(const struct states *);	/* of the first file */

/* Takes the last two dimensions of each file, such as (heads, numbers of a head), as one of d
 * numbers: false when they are not d. Before any row is read. */
bool states_flatten(struct states *, size_t d);

/* Ends the program unless all rows are tokens, row by row: file/stack.h. Is their number that of
 * something else, `counted`? */
void states_settle(const struct states *, size_t context, bool counted);
/* What an error line adds where the number of rows is wrong: "; " and the shape and options, of an
 * array of more dimensions, else "". To free(). */
char *states_ways(const struct states *);

/* Takes the files side by side: a row is that of each file, one after the other. They have to have
 * as many rows; before any row is read. */
void states_join(struct states *);

bool states_finite(const float *x, size_t d);
/* Ends the program unless the numbers x (d) of row i are finite; names the file, its row and how
 * many are like it. */
void states_check(const struct states *, size_t i, const float *x);

/* Can rows be read in any order? Not from stdin. */
bool states_in_files(const struct states *);

/* At most n rows from row `at` on, in states_dtype(), fewer where a file ends: how many, and *rows
 * until the next call. From stdin, `at` has to be where the last call ended. */
size_t states_read(struct states *, size_t at, size_t n, const void **rows);

/* All rows in order, as floats, but those that do not count. Its pages are let go. */
struct states_pass {
	struct states *states;
	const struct kept_tokens *kept;	/* NULL: all count */
	size_t at;
	struct XXH64_state_s *hash;
};

/* The next n rows x (n, d), fewer only at the end: how many. One that is not finite ends the
 * program. */
size_t states_next(struct states_pass *, float *x, size_t n);

/* Asks the pass, before it begins, to hash all rows, left out or not. The name of the states after
 * it, to free(): the file's and the digest. */
void states_hash(struct states_pass *);
char *states_hashed(struct states_pass *);

/* The name alone. */
char *states_digest(struct states *);
/* Such a name: before, the last part of the path, the digest. */
char *digest_name(const char *before, const char *path, uint64_t digest);

/* Lets go of the pages that were read: file/mapping.h. */
void states_release(const struct states *);

/* Row i as floats (d); any thread, not from stdin. */
void states_row(const struct states *, size_t i, float *row);

#endif
