/* Kernels: costs between points. */
#ifndef KERNEL_COST_H
#define KERNEL_COST_H

#include "base/simd.h"

/* One point a lane: lane[k][i] = x[row[i]][k] for x (., d), n rows of it, or the first n when row
 * is NULL; lane (d, padded(n)), 0 beyond n. */
void lay_points(float *lane, const float *x, const uint32_t *row, size_t n, size_t d);

/* cost[j][i] = |y_j - x_i|^p, p 1 or 2, Euclidean: cost (m, padded(n)), 0 beyond n; y_j is row[j]
 * of y (., d), or its row j when row is NULL; x (d, padded(n)) from lay_points(). By the
 * differences themselves, so that nothing cancels, d(x, y) has the bits of d(y, x), and no cost
 * depends on which others are computed beside it. */
void cost_matrix(float *cost, const float *y, const uint32_t *row, size_t m, const float *x,
	size_t n, size_t d, int p);

struct costs {
	double mean, largest;
};

struct costs summarise_costs(const float *cost, size_t n, size_t m);
/* Below, row j of the costs is row[j] of cost (., padded(n)), or its row j when row is NULL. */
/* M = mean min(C, 3 M), the largest such number: the mean cost, in which one above three times the
 * result counts as three times it; the plain mean where no cost is. A few far points, whose costs
 * are less than a third of all, change it little. */
double capped_mean(const float *cost, const uint32_t *row, size_t n, size_t m, struct costs);

/* Of each of m rows the sum and the largest. */
struct row_costs {
	float sum, largest;
};

void sum_rows(struct row_costs *of, const float *cost, size_t n, size_t m);
/* What summarise_costs() says of rows row[0 .. m) of what sum_rows() said `of` of. */
struct costs join_rows(const struct row_costs *of, const uint32_t *row, size_t n, size_t m);

/* g_j = min_i C_ij - f_i, the largest g that potentials f of the row points allow (f_i + g_j <=
 * C_ij; the C-transform, Peyre and Cuturi 2019, sec. 5.1); f (padded(n)) is -infinity beyond n. */
void largest_potentials(float *g, const float *cost, const float *f, size_t n, size_t m);
/* <a, f> + <b, g> for this g: below the transport cost by duality, but for rounding. */
double dual_cost(const float *cost, const uint32_t *row, const float *a, const float *b,
	const float *f, size_t n, size_t m);

#endif
