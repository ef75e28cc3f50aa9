/* Streams of distances: one frame of ids, then blocks of rows. Every distance stage writes them with
 * write_distances_header() and write_block(); what reads a whole matrix takes read_distances(). */
#ifndef DISTANCES_H
#define DISTANCES_H

#include "frame.h"

/* Features by name: the layer as the user names it, the index in that layer's dictionary. */
struct ids {
	size_t n;
	const char **layer;
	const uint32_t *feature;
};

bool same_ids(const struct ids *, const struct ids *);

/* The header (its kind, rows and cols are set here) and the frame of ids. */
void write_distances_header(struct writer *, struct frame *header, const struct ids *row,
	const struct ids *col);
/* Rows row0 .. row0+rows-1: dist (rows, cols), and iters, residual of the same shape or NULL. */
void write_block(struct writer *, size_t row0, size_t rows, size_t cols, const float *dist,
	const uint32_t *iters, const float *residual);
/* How many rows a block should hold: about a megabyte of distances. */
size_t block_rows(size_t cols);

struct distances {
	struct ids row, col;
	float *dist;		/* (row.n, col.n); no NaN; infinite: forbidden */
	struct frame ids;	/* what row and col point to */
};

/* Reads the stream whose header was just read, up to its end mark. */
void read_distances(struct reader *, const struct frame *header, struct distances *);
void distances_free(struct distances *);

#endif
