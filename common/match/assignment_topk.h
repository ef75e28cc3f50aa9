/* Assignments of which only some pairs are given: the k nearest columns of each row. */
#ifndef MATCH_ASSIGNMENT_TOPK_H
#define MATCH_ASSIGNMENT_TOPK_H

#include "stream/distances.h"
#include "match/assignment.h"

/* What no pair of row i that the stream lacks is nearer than. */
double least_unlisted(const struct distances *, size_t i);

/* The given pairs as lists of the rows, or, flipped, of the columns; those of lists_free(). */
struct candidates *lists_of(const struct distances *, bool flipped);
void lists_free(struct candidates *, size_t n);
void sort_candidates(struct candidates *);	/* by key */

/* More than any change of the assignment can be worth: the cost of being alone where that is to be avoided. */
double worst_cost(const struct distances *);

/* Pairs that were not given and could improve the assignment, since no more is known of their distance than `least`,
 * which is less than the duals ask for. */
struct open_pairs {
	size_t n;
	uint32_t *row, *col;		/* listed on request; NULL otherwise */
	float *least, *below;		/* it would have to be below this */
};

struct open_pairs open_pairs(const struct distances *, const double *row_dual, const double *col_dual, bool list);
void open_pairs_free(struct open_pairs *);

#endif
