/* Kernels: energy distances (Szekely and Rizzo 2013),
 *	D^2 = 2 E|X - Y| - E|X - X'| - E|Y - Y'|,
 * from mean distances E|y - X| of points y from a feature. */
#ifndef KERNEL_ENERGY_H
#define KERNEL_ENERGY_H

#include "base/simd.h"

/* mean[row[t]] = sum_i weight_i |y_row[t] - x_i| for the m rows row[t] of y (., d); x (d,
 * padded(n)) from lay_points(), weight (padded(n)), 0 beyond n. A mean does not depend on which
 * others are computed beside it. */
void mean_distances(double *mean, const float *y, const uint32_t *row, size_t m, const float *x,
	const float *weight, size_t n, size_t d, float *work);
size_t mean_distances_workspace(size_t n);

/* sum_k weight_k mean[row[k]] */
double energy_expectation(const double *mean, const uint32_t *row, const float *weight, size_t n);

#endif
