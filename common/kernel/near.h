/* Kernel: which of many points may be among the nearest, by products that are rounded. */
#ifndef KERNEL_NEAR_H
#define KERNEL_NEAR_H

#include <stddef.h>
#include <stdint.h>

/* A product has to be within g_a |x||y| of x.y, as product_add() is for d terms, and a distance
 * within g_(d+3) D of D = |x - y|^2, as the sum of squared differences in floats is in any order:
 *
 *	g_n = n u / (1 - n u), u = 2^-24	(Higham 2002, lemma 3.1, eq. 3.5)
 *	D = s - 2 x.y,  s = |x|^2 + |y|^2 >= 2 |x||y|
 *
 * so that from a product P the rounded distance is between
 *
 *	(1 - g_(d+3)) ((1 - c) s - 2 P)  and  (1 + g_(d+3)) ((1 + c) s - 2 P),  c = g_a + rounding
 *	of doubles,
 *
 * less, and more, than what floats lose near 0. NEAR_MOST dimensions at most. */
enum { NEAR_MOST = 1 << 22 };

/* Writes, ascending, the columns j whose rounded distance may be one of the k least, or equal the
 * last of them, or have the same rounded square root, or half; returns how many. product (n): of x
 * and y_j; x2 = |x|^2, y2 (n) = |y_j|^2. Columns with a product that may have overflowed are all
 * there. heap: k numbers. */
size_t near_columns(uint32_t *col, const float *product, double x2, const double *y2, size_t n,
	size_t k, size_t d, double *heap);

/* |x|^2, for near_columns(). */
double square_length(const float *x, size_t d);

#endif
