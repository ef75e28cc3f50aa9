/* Relaxed transport: bounds that decide which pairs of features need not be solved. */
#ifndef DISTANCE_BOUNDS_H
#define DISTANCE_BOUNDS_H

#include "stream/distributions.h"

/* For rows first .. first+rows-1 of A and all columns of B: whole units, at most the transport
 * cost. */
struct bounds {
	size_t first, rows, cols;
	uint16_t *of;			/* (rows, cols) */
	double unit;
};

/* Below min <P, C>, C = |x - y|^p, is the larger of the two problems in which each point goes to
 * its nearest of the other side, whatever room that has (Kusner et al. 2015, sec. 4.1):
 *	max(sum_k a_k min_l C_kl, sum_l b_l min_k C_kl)
 * For each token and each feature of the other side the cost to the feature's nearest point is
 * found once; a feature's bound is the weighted mean over its tokens. */
struct bounds bounds_open(const struct distributions *a, size_t first, size_t end,
	const struct distributions *b, int p);
void bounds_free(struct bounds *);

static inline const uint16_t *bounds_row(const struct bounds *b, size_t i)
{
	return b->of + (i - b->first) * b->cols;
}

#endif
