/* Kernel: exact optimal transport between weighted point sets. */
#ifndef KERNEL_EMD_H
#define KERNEL_EMD_H

#include <stddef.h>

struct emd {
	double cost;		/* of an optimal plan, ... */
	double dual;		/* ... and of potentials that prove it: never above the optimum */
};

/* Weights a (n) and b (m), positive and of sum 1, n + m < 2^31, m < 2^16; cost (m, padded(n))
 * without NaN or infinity, `largest` its largest entry: row j is column point j.
 *
 * The network simplex on the dense bipartite graph (Ahuja, Magnanti and Orlin 1993, ch. 11). It
 * starts from potentials of the row points, v (n), any at all, and is the faster the nearer they
 * are to optimal ones; these are in v afterwards. workspace: emd_workspace(n, m) doubles. */
struct emd emd(const float *cost, const float *a, const float *b, size_t n, size_t m,
	double largest, float *v, double *workspace);
size_t emd_workspace(size_t n, size_t m);

/* The plan of the emd() that used this workspace last: plan (m, n) is the mass that moves between
 * column point j and row point i. It is one of those of the least cost. */
void emd_plan(double *plan, size_t n, size_t m, const double *workspace);

#endif
