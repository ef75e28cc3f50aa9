/* Kernels: matchings by nearness, of cost (n, k); at (n, k): which of m columns each cost is in, or
 * NULL: k = m, all in order. Of equals the lower column, then the lower row. Nothing is
 * allocated. */
#ifndef KERNEL_NEAREST_H
#define KERNEL_NEAREST_H

#include <stddef.h>
#include <stdint.h>

/* col_of (n): each row's nearest column; UNASSIGNED (assign.h) where all costs are infinite. paid
 * (n): its cost.
 * margin (n): by how much the second is farther; infinite without one. */
void nearest_columns(uint32_t *col_of, float *paid, double *margin, const float *cost,
	const uint32_t *at, size_t n, size_t k);

/* Takes from col_of, which is of nearest_columns(), the pairs that are not each other's nearest.
 * workspace: m doubles. */
void nearest_mutual(uint32_t *col_of, const float *cost, const uint32_t *at, double *workspace,
	size_t n, size_t k, size_t m);

/* The nearest pair of all, then the nearest of the rows and columns left, and so on. workspace: 2 n
 * + m doubles. */
void nearest_greedy(uint32_t *col_of, float *paid, const float *cost, const uint32_t *at,
	double *workspace, size_t n, size_t k, size_t m);

#endif
