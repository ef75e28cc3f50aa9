/* Kernels: assignments of the rows of a cost matrix to its columns. Nothing is allocated. */
#ifndef KERNEL_ASSIGN_H
#define KERNEL_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNASSIGNED UINT32_MAX

/* A row is known by its cheapest columns, sorted by key: c_ij - v_j at prices v of some time. Any other column had
 * `beyond` or more. As prices only fall, both remain lower bounds of what is to be paid now. */
struct candidate {
	double key;
	float cost;			/* c_ij: finite */
	uint32_t col;
};

struct candidates {
	size_t n;
	struct candidate *at;
	double beyond;			/* infinite: there are no others */
};

/* A problem, its answer and the proof. */
struct assignment {
	size_t n, m;			/* m >= n */
	struct candidates *of;		/* (n) */
	/* Lists more of row i, so that of[i].beyond rises; false when it cannot. */
	bool (*more)(void *context, size_t i, const double *v);
	void *context;
	const float *cost;		/* (n, m), or NULL where there is no matrix */
	double ceiling;			/* what a row may cost before it is better left alone; infinite for none */
	uint32_t *col_of, *row_of;	/* (n), (m): UNASSIGNED: alone, free */
	float *paid;			/* (n): the row's cost in its column */
	double *u, *v;			/* (n), (m): duals */
};

/* Assigns the n rows to n of the columns, or leaves them alone, with the smallest sum of costs and ceilings.
 *
 * The proof: u_i + v_j <= c_ij, equal where i is assigned to j; u_i <= ceiling, equal where i is alone; v_j <= 0,
 * zero where column j is free. It holds for all columns, listed or not, wherever u_i <= of[i].beyond, which is
 * everywhere unless more() refused.
 *
 * Augmenting row reduction, then a shortest augmenting path for each row that is left (Jonker and Volgenant 1987;
 * Crouse 2016 for n < m), on the listed pairs. A search asks for more of a row when it comes as far as that row's
 * `beyond`, and not before, so that its result is that of the whole matrix (compare Volgenant 1996, who prices
 * what is not listed afterwards).
 *
 * Returns false when no assignment is left. workspace: assign_workspace(n, m) doubles. */
bool assign(const struct assignment *, double *workspace);
size_t assign_workspace(size_t n, size_t m);

/* The margin of a pair is by how much the cheapest assignment without it is dearer: the cheapest way, over reduced
 * costs, on which row i leaves its column, the row whose column it takes over leaves for another, and so on, until
 * one takes over i's; or leaving a row alone or a column free. Exact as far as the lists reach; where a way might
 * lead beyond them, no more than it is.
 *
 * Once the assignment is found, margin_arcs() turns the list of each row into arcs: `key` becomes the reduced cost, and
 * `col` the row whose column it is, or n for a free one. Then margin_arrivals(), then the margins.
 * arrival (n): what it costs at least to take over row i's column. own: all costs in that column, where there is a
 * matrix, or NULL. workspace: margin_workspace(n, m) doubles. */
struct column {
	const float *cost;		/* row x has cost[x * step] */
	size_t step;
};

void margin_arcs(const struct assignment *, size_t i);
void margin_arrivals(double *arrival, const struct assignment *, double *workspace);
double assign_margin(const struct assignment *, size_t i, const struct column *own, const double *arrival, double *workspace);
size_t margin_workspace(size_t n, size_t m);

/* Each row's nearest column, the lower one of equals, and by how much the second is farther: infinite without one. */
void nearest(uint32_t *col_of, double *margin, const float *cost, size_t n, size_t m);

/* The nearest pair of all, then the nearest of the rows and columns left, and so on; of equals the lower row, then
 * the lower column. cost (n, k); at (n, k): the columns, of m, that the costs are in; NULL: all m in order.
 * workspace: 2 n + m doubles. */
void greedy(uint32_t *col_of, const float *cost, const uint32_t *at, size_t n, size_t k, size_t m, double *workspace);

#endif
