/* Kernels: sliced Wasserstein distances (Rabin, Peyre, Delon and Bernot 2011; Bonneel, Rabin, Peyre
 * and Pfister 2015), LANES directions at a time. On a line, with quantile functions X and Y,
 *	W_p^p = integral over q from 0 to 1 of |X(q) - Y(q)|^p
 * and X - Y is a sum of jumps, one at each accumulated weight of either side. */
#ifndef KERNEL_SLICED_H
#define KERNEL_SLICED_H

#include "base/simd.h"

/* Unit vectors, direction (count / LANES rounded up, d, LANES), 0 beyond count. Component c of
 * direction l, before it is made one, is normal (Box and Muller 1958): sqrt(-2 ln u) cos(2 pi v)
 * with u = token_uniform(seed, 2^32 l, 2 c) and v the same of 2 c + 1; see sample.h. */
void draw_directions(double *direction, size_t count, size_t d, uint64_t seed);

/* at (n, LANES) = x direction, of n points x (n, d) and LANES directions. */
void project_points(double *at, const float *x, size_t n, size_t d, const double *direction);

/* The quantile functions of n weighted points, each lane's its own: where they begin, first
 * (LANES); and at which weight, key (n - 1, LANES) in ascending order, they jump how far, jump (n -
 * 1, LANES). */
struct quantiles {
	double *first;
	float *key, *jump;
	size_t n;
};

struct placed {
	double at, weight;
};

/* Of the points at[row[0 .. n)], at from project_points(); weights count as their share of their
 * sum. work: n. */
void make_quantiles(struct quantiles *, const double *at, const uint32_t *row, const float *weight,
	size_t n, struct placed *work);

/* The sum of the lanes' W_p^p, p 1 or 2. */
double quantile_cost(const struct quantiles *x, const struct quantiles *y, int p, float *work);
size_t quantile_cost_workspace(size_t n, size_t m);

#endif
