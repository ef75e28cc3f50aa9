/* Assignments of all features that solve only the pairs that the proof needs: column generation by
 * transport bounds. */
#ifndef MATCH_COLUMN_GENERATION_H
#define MATCH_COLUMN_GENERATION_H

#include "kernel/assign.h"
#include "stream/distributions.h"

/* Solves pairs that a --top stream of emd or sinkhorn distances lacks, when an assignment asks for
 * them. */
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

/* Struct assignment's more(): solves the next few pairs of a list, in the order of their bounds
 * less the prices. */
bool column_generation_more(void *column_generation, size_t i, const double *v);

/* How many pairs were solved here. */
size_t column_generation_close(struct column_generation *);

#endif
