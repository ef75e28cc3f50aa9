/* Kernels: assignments of the rows of a cost matrix to its columns. Nothing is allocated. */
#ifndef ASSIGN_H
#define ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNASSIGNED UINT32_MAX

/* The assignment of n rows to n of m >= n columns with the smallest sum of min(cost, ceiling), for cost
 * (n, m) without NaN or -infinity; the ceiling, infinite for none, is what a row may cost at most before it
 * is better left alone. col_of (n), row_of (m).
 *
 * Also the proof, duals u (n) and v (m): u_i + v_j <= min(cost_ij, ceiling), equal where i is assigned to j, and
 * v_j <= 0, zero where column j is free.
 *
 * Augmenting row reduction, then a shortest augmenting path for each row that is left (Jonker and Volgenant
 * 1987; Crouse 2016 for n < m). Returns false when infinite costs leave no assignment.
 * workspace: assign_workspace(n, m) doubles. */
bool assign(uint32_t *col_of, uint32_t *row_of, double *u, double *v, const float *cost, size_t n,
	size_t m, double ceiling, double *workspace);
size_t assign_workspace(size_t n, size_t m);

/* What the pair of row i and its column is worth: by how much the cheapest assignment without that pair is
 * dearer. It is the shortest way, over reduced costs, from row i by another column than its own to a row that
 * takes its own over, where a free column may be used and another be left free instead. Infinite when there is
 * no other assignment.
 * workspace: assign_workspace(n, m) doubles. */
double assign_margin(size_t i, const uint32_t *col_of, const uint32_t *row_of, const double *u,
	const double *v, const float *cost, size_t m, double ceiling, double *workspace);

/* Each row's nearest column, the lower one of equals, and by how much the second is farther. */
void nearest(uint32_t *col_of, double *margin, const float *cost, size_t n, size_t m);

/* The nearest pair of all, then the nearest of the rows and columns left, and so on; of equals the lower row,
 * then the lower column. workspace: n + m doubles. */
void greedy(uint32_t *col_of, const float *cost, size_t n, size_t m, double *workspace);

#endif
