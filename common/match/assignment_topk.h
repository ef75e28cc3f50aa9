/* Assignments of a stream that has only the k nearest columns of each row. */
#ifndef MATCH_ASSIGNMENT_TOPK_H
#define MATCH_ASSIGNMENT_TOPK_H

#include "stream/distances.h"
#include "match/assignment.h"

/* A lower bound of the distances of row i that the stream lacks: `beyond`, or its farthest that is
 * given; infinite where none is lacking. */
double topk_least_unlisted(const struct distances *, size_t i);

/* The given pairs as lists of the rows, or, flipped, of the columns, and an empty one; for
 * lists_free(). */
struct candidates *topk_lists(const struct distances *, bool flipped);

/* More than any change of the assignment can save: as the cost of being alone it makes as many
 * pairs as there can be. */
double topk_worst_cost(const struct distances *);

/* Pairs that the stream lacks and that could improve the assignment: nothing excludes that d_ij <
 * u_i + v_j. */
struct open_pairs {
	size_t n;
	uint32_t *row, *col;		/* (n), listed on request; NULL otherwise */
	float *least, *below;	/* (n): d_ij >= least; it helps if d_ij < below = u_i + v_j */
};

struct open_pairs open_pairs_of(const struct distances *, const double *row_dual,
	const double *col_dual, bool list);
void open_pairs_free(struct open_pairs *);

#endif
