/* Kernel: entropic transport between two sets of equal weights where mass moves between some pairs
 * only, those of a sparse matrix of costs C (n,m). Sinkhorn's iterations in logarithms (Peyre and
 * Cuturi 2019, sec. 4.4):
 *
 *	P_ij = exp((f_i + g_j - C_ij) / epsilon)
 *	f_i = -epsilon log(n sum_j exp((g_j - C_ij) / epsilon)), so that row i sums to 1 / n
 *
 * and g by the transpose of C. */
#ifndef KERNEL_SPARSE_PLAN_H
#define KERNEL_SPARSE_PLAN_H

#include "kernel/sparse.h"

/* f of the rows first .. end-1 of n; 0 where a row has no pair. Returns by how much their sums
 * were off with f as it was, all together. */
double plan_potentials(double *f, const struct sparse *cost, const double *g, size_t first,
	size_t end, size_t n, double epsilon);

/* weight_ij = n P_ij + m P'_ij of these rows, where P is of g and P' of g_after: with f made of g,
 * and g_after of f, each row spreads 1 over its pairs, and so does each column. */
void plan_weights(float *weight, const struct sparse *cost, const double *f, const double *g,
	const double *g_after, size_t first, size_t end, size_t n, size_t m, double epsilon);

#endif
