/* Kernel: products of states and a matrix, the same for a state whatever is beside it. (BLAS sums
 * in another order in the last rows of a block, and on some CPUs in every second one.) */
#ifndef KERNEL_PRODUCT_H
#define KERNEL_PRODUCT_H

#include <stddef.h>

enum { PRODUCT_ROWS = 264, PRODUCT_DEPTH = 256, PRODUCT_WORKSPACE = PRODUCT_ROWS * PRODUCT_DEPTH };

/* At most so many roundings on the way of a term of a product of d terms into its sum, which is
 * within g_n sum_k |x_ik w_kj| of the exact one (near.h). */
#define PRODUCT_ROUNDINGS(d) (PRODUCT_DEPTH + (d) / PRODUCT_DEPTH + 2)

/* Y (n, r) += X W, for X (n, d) and W (d, r); rows of y and w lie y_stride and w_stride apart.
 * work: PRODUCT_WORKSPACE floats, whatever n is.
 *
 *	y_ij = (y_ij + s_0) + s_1 ...    s_b = sum_k x_ik w_kj, PRODUCT_DEPTH of them, k ascending
 *
 * From x86-64-v3 on each step of s_b is one fused multiply-add, rounded once: all CPUs that have
 * it, with any vectors, give the same bits. Those without it round the product, too. */
void product_add(float *y, size_t y_stride, const float *x, const float *w, size_t w_stride,
	size_t n, size_t d, size_t r, float *work);

#endif
