/* Kernel: how sure each pair of an optimal assignment is. Nothing is allocated.
 *
 * The margin of a pair is by how much the cheapest assignment without it is dearer. That is the
 * length of a shortest cycle through the pair over reduced costs
 *
 *	r_ij = c_ij - u_i - v_j >= 0
 *
 * on which row i leaves its column for another, the row that had this one leaves for a third, and
 * so on, until one takes over i's column. Leaving a row alone or a column free are ways too. The
 * margin is exact as far as the lists reach; where a way might lead beyond them it is a lower
 * bound.
 *
 *	for each i: margin_arcs(a, i);
 *	margin_arrivals(arrival, a, workspace);
 *	for each assigned i: margin_of_row(a, i, ...); */
#ifndef KERNEL_MARGINS_H
#define KERNEL_MARGINS_H

#include "kernel/assign.h"

/* The costs of all rows in one column: row x has cost[x * step]. */
struct margin_column {
	const float *cost;
	size_t step;
};

/* Turns the list of row i, once the assignment is found, into arcs to other rows, sorted: `key`
 * becomes r_ij and `col` the row whose column j is, or n for a free column; `beyond` becomes a
 * bound of other arcs. */
void margin_arcs(const struct assignment *, size_t i);

/* arrival (n): the least that any row pays to take over row i's column. workspace:
 * margin_workspace(n, m) doubles. */
void margin_arrivals(double *arrival, const struct assignment *, double *workspace);

/* The margin of assigned row i. own: all costs in its column, where there is a matrix, or NULL. */
double margin_of_row(const struct assignment *, size_t i, const struct margin_column *own,
	const double *arrival, double *workspace);

size_t margin_workspace(size_t n, size_t m);

#endif
