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

/* The distance of x and y, between any two of many points, may be looked for where either of them
 * has a limit: no farther than that, or equal. With half = (1 - c) |x|^2 / 2 and short = half less
 * the limit that (1 - g_(d+3)) leaves of it, a pair has to be looked at unless
 *
 *	P < min(short_x + half_y, half_x + short_y)
 *
 * where c is larger by what these floats are rounded. Lengths and limits below 1e37. */
struct near_limit {
	float half, less;	/* less: short */
};
struct near_limit near_limit(double x2, float limit, size_t d);
/* Writes, ascending, the columns j to look at; half and less (n) are of the columns. */
size_t near_either(uint32_t *col, const float *product, struct near_limit x, const float *half,
	const float *less, size_t n);

/* At least the kth least rounded distance of x and n columns; infinite where there are fewer. heap:
 * k numbers. */
float near_bound(const float *product, double x2, const double *y2, size_t n, size_t k, size_t d,
	double *heap);

/* |x|^2, for all these. */
double square_length(const float *x, size_t d);

/* |x - y|^2, rounded; that of y and x has the same bits. */
float square_distance(const float *x, const float *y, size_t d);

#endif
