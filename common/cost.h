/* Kernels: costs between points. */
#ifndef COST_H
#define COST_H

#include "simd.h"

/* One point a lane: lane[k][i] = x[row[i]][k] for x (., d), n rows of it, or the first n when row is NULL; lane
 * (d, padded(n)), 0 beyond n. */
void lay_points(float *lane, const float *x, const uint32_t *row, size_t n, size_t d);

/* cost[j][i] = |y_j - x_i|^p, p 1 or 2, Euclidean: cost (m, padded(n)), 0 beyond n; y_j is row[j] of y (., d), or its row j
 * when row is NULL; x (d, padded(n)) from lay_points(). By the differences themselves, so that nothing
 * cancels, d(x, y) has the bits of d(y, x), and no cost depends on which others are computed beside it. */
void cost_matrix(float *cost, const float *y, const uint32_t *row, size_t m, const float *x, size_t n, size_t d, int p);

/* Of a cost matrix for n row points and m column points. */
double mean_cost(const float *cost, size_t n, size_t m);
float largest_cost(const float *cost, size_t n, size_t m);

#endif
