/* A transport plan between the tokens of two sides. */
#ifndef DISTANCE_TOKEN_PLAN_H
#define DISTANCE_TOKEN_PLAN_H

#include "kernel/sparse.h"

struct token_plan {
	double epsilon;			/* a distance; 1e-9 of the largest cost at least */
	double tol;			/* on the rows' sums, L1 */
	size_t max_iters;
	size_t iters;			/* done ... */
	double residual;		/* ... and how far the sums were off then */
};

/* The weights of the pairs (rows, cols) become those of the plan with the costs dist, of each pair:
 * plan_weights(). Pairs that weigh almost nothing are left out. */
void weigh_by_plan(struct token_plan *, struct sparse *pairs, const float *dist, size_t rows,
	size_t cols);

#endif
