/* Kernels: assignments of the rows of a cost matrix to its columns. Nothing is allocated. */
#ifndef ASSIGN_H
#define ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNASSIGNED UINT32_MAX

/* A problem, its answer and the proof. */
struct assignment {
	size_t n, m;			/* m >= n */
	const float *cost;		/* (n, m), no NaN or -infinity */
	double ceiling;			/* what a row may cost before it is better left alone; infinite for none */
	uint32_t *col_of, *row_of;	/* (n), (m) */
	double *u, *v;			/* (n), (m): duals */
};

/* Assigns the n rows to n of the columns with the smallest sum of min(cost, ceiling).
 *
 * The proof: u_i + v_j <= min(cost_ij, ceiling), equal where i is assigned to j, and v_j <= 0, zero where column j
 * is free.
 *
 * Augmenting row reduction, then a shortest augmenting path for each row that is left (Jonker and Volgenant
 * 1987; Crouse 2016 for n < m). Returns false when infinite costs leave no assignment.
 * workspace: assign_workspace(n, m) doubles. */
bool assign(const struct assignment *, double *workspace);
size_t assign_workspace(size_t n, size_t m);

/* The margin of a pair is by how much the cheapest assignment without it is dearer: the cheapest way, over reduced
 * costs, on which row i leaves its column, the row whose column it takes over leaves for another, and so on, until
 * one takes over i's; or what leaving i alone costs more. */

/* The MOVES cheapest moves of row i, sorted: the row whose column it takes over, or n for a free column. Those of
 * i = n, which stands for the free columns, are the n rows whose columns can go free instead. */
enum { MOVES = 64 };

struct move {
	double cost;			/* reduced; infinite: there are no more */
	uint32_t to;
};

void margin_moves(struct move *move, const struct assignment *, size_t i);

/* arrival[i]: no move to row i's column costs less. moves (n, MOVES) and n more are those of all rows and of n. */
void margin_arrivals(double *arrival, const struct move *moves, const struct assignment *);

/* Infinite when there is no other assignment. workspace: margin_workspace(n, m) doubles. */
double assign_margin(const struct assignment *, size_t i, const struct move *moves, const double *arrival,
	double *workspace);
size_t margin_workspace(size_t n, size_t m);

/* Each row's nearest column, the lower one of equals, and by how much the second is farther. */
void nearest(uint32_t *col_of, double *margin, const float *cost, size_t n, size_t m);

/* The nearest pair of all, then the nearest of the rows and columns left, and so on; of equals the lower row,
 * then the lower column. workspace: 2 n + m doubles. */
void greedy(uint32_t *col_of, const float *cost, size_t n, size_t m, double *workspace);

#endif
