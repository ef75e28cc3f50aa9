/* The principal axes of reference states: estimated from the states, or read from a stream of axes,
 * which frame(5) describes. */
#ifndef FILE_AXES_H
#define FILE_AXES_H

#include "file/kept.h"
#include "file/states.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* y = (x - mean) map: the directions of largest variance, scaled to variance 1 with `whiten`. {0}
 * is no axes. */
struct axes {
	bool whiten;
	size_t dims;			/* at most so many directions; 0: all */
	struct kept kept;		/* of which states; read: words and --skip alone */

	size_t d, r;
	float *mean, *map;		/* (d) and (d, r), packed: kernel/product.h */
	char *reference;		/* name of the states, with a digest of all of them */
	size_t rows;			/* of the states, and a digest of some of these */
	uint64_t sample;
};

/* Estimates d and all that follows it, in one pass over the states. Ends the program where they
 * have no variance. */
void axes_estimate(struct axes *, struct states *);

void axes_write(const struct axes *, struct sm_writer *);
/* Reads all of it from a file. What is wrong with it ends the program. */
void axes_read(struct axes *, const char *path);
/* Ends the program unless the axes, of that file, are those of these states, by their number and
 * AXES_SAMPLE of them. */
void axes_want(const struct axes *, const char *path, struct states *);
void axes_free(struct axes *);

enum { AXES_SAMPLE = 256 };

/* A matrix (d, r) packed, to free(), in place of `matrix`, which is freed. */
float *packed_matrix(float *matrix, size_t d, size_t r);

#endif
