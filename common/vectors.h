/* Features as vectors: the stages whose distances are Euclidean between them. */
#ifndef VECTORS_H
#define VECTORS_H

#include "set.h"

struct vectors {
	size_t n, d;
	float *at;		/* (n, d) */
};

/* The mean of every feature, less the first point of `about`, for what is far from 0 to keep its
 * digits; and then, with deviations, the standard deviation of every coordinate: (n, d) or (n, 2
 * d), at is to be freed. */
struct vectors moments_of(const struct set *, const struct set *about, bool deviations);

/* What such a stage works in: its context. */
struct vector_stage;

/* Distances |row_i - col_j|^p, p 1 or 2, times `scale`. The rows must outlive it; stage->col.n
 * columns. */
struct vector_stage *vector_stage(struct stage *, const struct vectors *row, const struct vectors *col, int p, float scale);
void vector_stage_free(struct vector_stage *);

#endif
