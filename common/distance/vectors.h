/* Features as vectors: the stages whose distances are Euclidean between them. */
#ifndef DISTANCE_VECTORS_H
#define DISTANCE_VECTORS_H

#include "distance/stage.h"
#include "stream/distributions.h"

struct vectors {
	size_t n, d;
	float *at;		/* (n, d) */
};

/* |x - y|; |x - y|^2; |x - y|^2 / 2; and the same of unit vectors, which is 1 less their cosine: a
 * vector of zeros is at distance 1 from all but itself. */
enum vector_distance { EUCLIDEAN, SQUARED, HALF_SQUARED, COSINE };

/* The distances of rows and columns, which are the same vectors when both point to the same. What
 * they point to must outlive it.
 *
 * With --top the columns that may be among a row's nearest are found by a product of matrices
 * (near.h), and the distances of these are computed, as all are without it: the numbers are the
 * same. */
void vectors_open(struct stage *, const struct vectors *row, const struct vectors *col,
	enum vector_distance);
/* Distances |m_i - m_j| of the features' means or, with deviations, of their means with the
 * standard deviations of all coordinates beside them. */
void moments_open(struct stage *, const struct distributions *row, const struct distributions *col,
	bool deviations);

#endif
