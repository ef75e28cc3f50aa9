/* Features as vectors: the stages whose distances are Euclidean between them. */
#ifndef DISTANCE_VECTORS_H
#define DISTANCE_VECTORS_H

#include "distance/stage.h"
#include "stream/distributions.h"

struct vectors {
	size_t n, d;
	float *at;		/* (n, d) */
};

/* Distances |row_i - col_j|^p, p 1 or 2, times `scale`. What the rows' `at` points to must outlive
 * it. */
void vectors_open(struct stage *, const struct vectors *row, const struct vectors *col, int p,
	float scale);
/* Distances |m_i - m_j| of the features' means or, with deviations, of their means with the
 * standard deviations of all coordinates beside them. */
void moments_open(struct stage *, const struct distributions *row, const struct distributions *col,
	bool deviations);

#endif
