/* Assignments of all features that solve only the pairs that the proof needs: column generation by
 * transport bounds. */
#ifndef MATCH_COLUMN_GENERATION_H
#define MATCH_COLUMN_GENERATION_H

#include "match/assignment.h"
#include "stream/distributions.h"

/* Solves pairs that a --top stream of emd or sinkhorn distances lacks, where an assignment depends
 * on them. */
struct column_generation;

/* The solver and its settings are those that the stream's header names; the sets have to be those
 * of its rows and columns, read from two files. Otherwise the program ends with a line that says
 * so.
 * of: topk_lists(d, flipped), which will grow; d and header have to outlive it.
 *
 * A pair's bound is the larger of the relaxed transport bound (bounds.h) and the row's farthest
 * given distance.
 * Memory: two bytes and a bit for every pair, and up to 2 GB while the bounds are worked out. */
struct column_generation *column_generation_open(const struct distances *d,
	const struct sm_frame *header, char *const operand[2], struct candidates *of, bool flipped);

/* The assignment of all pairs with margins, for assignment_free(). An assignment of the listed
 * pairs has duals. Pairs whose bounds contradict them are solved, the worst of each list and those
 * of all lists at once, and the assignment is found again, until no bound contradicts. */
void column_generation_assign(struct column_generation *, struct assignment *, double ceiling);

/* How many pairs were solved here. */
size_t column_generation_close(struct column_generation *);

#endif
