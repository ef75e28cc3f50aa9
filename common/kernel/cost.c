#include "kernel/cost.h"

#include <stdbool.h>
#include <string.h>

LEVELS(cost_matrix);
LEVELS(sum_rows);
LEVELS(summarise_costs);
LEVELS(join_rows);
LEVELS(largest_potentials);
LEVELS(dual_cost);
LEVELS(lay_points);
LEVELS(capped_mean);

enum { ROWS = 4 };	/* of y at a time, and two vectors of x: their sums stay in registers */
enum { DEPTH = 256 };	/* coordinates that stay in the second cache */
enum { TILE = 16 };	/* coordinates at a time: they stay in the cache */
enum { CAP = 3 };	/* of capped_mean() */

void KERNEL(lay_points)(float *lane, const float *x, const uint32_t *row, size_t n, size_t d)
{
	size_t ld = padded(n);

	for (size_t first = 0, end; first < d; first = end) {
		end = d - first < TILE ? d : first + TILE;
		for (size_t i = 0; i < ld; i++)
			for (size_t k = first; k < end; k++)	/* X' */
				lane[k * ld + i] = i < n ? x[(row ? row[i] : i) * d + k] : 0;
	}
}

/* Adds sum_k (y_jk - x_ik)^2, over `depth` coordinates k, to ROWS rows of costs, of which `rows`
 * are wanted; `first` when they are the first coordinates. */
static inline void add_squares(vec *out, const float *const *at, const vec *x, size_t rows,
	size_t width, size_t depth, bool first)
{
	for (size_t w = 0; w < width; w += 2) {
		size_t second = w + 1 < width;	/* of an odd width the last is done twice */
		vec sum[ROWS] = {0}, more[ROWS] = {0};
		for (size_t r = 0; r < ROWS && !first; r++) {
			sum[r] = out[(r < rows ? r : 0) * width + w];
			more[r] = out[(r < rows ? r : 0) * width + w + second];
		}
		for (size_t k = 0; k < depth; k++)
			for (size_t r = 0; r < ROWS; r++) {
				vec one = at[r][k] - x[k * width + w];
				vec other = at[r][k] - x[k * width + w + second];
				sum[r] = vec_fma(one, one, sum[r]);
				more[r] = vec_fma(other, other, more[r]);
			}
		for (size_t r = 0; r < ROWS && r < rows; r++) {
			out[r * width + w] = sum[r];
			out[r * width + w + second] = more[r];
		}
	}
}

void KERNEL(cost_matrix)(float *cost, const float *y, const uint32_t *row, size_t m, const float *x,
	size_t n, size_t d, int p)
{
	size_t ld = padded(n), width = ld / VEC;

	for (size_t k = 0; k == 0 || k < d; k += DEPTH)	/* |y_j - x_i|^2 = sum_k (y_jk - x_ik)^2 */
		for (size_t j = 0; j < m; j += ROWS) {
			const float *at[ROWS];
			for (size_t r = 0; r < ROWS; r++) {
				size_t i = j + r < m ? j + r : m - 1;
				at[r] = y + (row ? row[i] : i) * d + k;
			}
			add_squares((vec *)(cost + j * ld), at, (const vec *)(x + k * ld), m - j,
				width, d - k < DEPTH ? d - k : DEPTH, k == 0);
		}
	if (p == 1)		/* C_ij = |y_j - x_i| */
		for (size_t k = 0; k < m * ld; k++)
			cost[k] = __builtin_sqrtf(cost[k]);
	for (size_t j = 0; n < ld && j < m; j++)
		memset(cost + j * ld + n, 0, (ld - n) * sizeof *cost);
}

static inline struct row_costs sum_row(const vec *c, size_t width)
{
	vec sum[PARTS] = {0}, least[PARTS] = {0};	/* of -C */

	for (size_t i = 0; i < width; i += PARTS)
		for (size_t q = 0; q < PARTS; q++) {
			sum[q] += c[i + q];
			least[q] = vec_min(-c[i + q], least[q]);
		}
	return (struct row_costs){lane_sum(sum), -lane_min(least)};
}

void KERNEL(sum_rows)(struct row_costs *of, const float *cost, size_t n, size_t m)
{
	for (size_t j = 0; j < m; j++)
		of[j] = sum_row((const vec *)(cost + j * padded(n)), padded(n) / VEC);
}

static inline void take_row(struct costs *all, struct row_costs row)
{
	all->mean += (double)row.sum;
	all->largest = (double)row.largest > all->largest ? (double)row.largest : all->largest;
}

struct costs KERNEL(summarise_costs)(const float *cost, size_t n, size_t m)
{
	struct costs all = {0, 0};

	for (size_t j = 0; j < m; j++)
		take_row(&all, sum_row((const vec *)(cost + j * padded(n)), padded(n) / VEC));
	all.mean /= (double)n * (double)m;
	return all;
}

/* Newton's method, from the mean down: M - mean min(C, 3 M) is convex in M, and linear while the
 * same costs are above 3 M. */
double KERNEL(capped_mean)(const float *cost, const uint32_t *row, size_t n, size_t m,
	struct costs c)
{
	double mean = c.mean, all = (double)n * (double)m, above = 0, before = -1;

	while (c.largest > CAP * mean && above > before) {
		double below = 0;
		before = above;
		above = 0;
		for (size_t j = 0; j < m; j++)
			for (size_t i = 0; i < n; i++) {
				double x = (double)cost[(row ? row[j] : j) * padded(n) + i];
				if (x > CAP * mean)
					above++;
				else
					below += x;
			}
		if (above > before && CAP * above < all)
			mean = below / (all - CAP * above);
	}
	return mean;
}

struct costs KERNEL(join_rows)(const struct row_costs *of, const uint32_t *row, size_t n, size_t m)
{
	struct costs all = {0, 0};

	for (size_t j = 0; j < m; j++)
		take_row(&all, of[row[j]]);
	all.mean /= (double)n * (double)m;
	return all;
}

void KERNEL(largest_potentials)(float *g, const float *cost, const float *f, size_t n, size_t m)
{
	size_t ld = padded(n);

	for (size_t j = 0; j < m; j++)
		g[j] = least_difference((const vec *)(cost + j * ld), (const vec *)f, ld / VEC);
}

double KERNEL(dual_cost)(const float *cost, const uint32_t *row, const float *a, const float *b,
	const float *f, size_t n, size_t m)
{
	size_t ld = padded(n);
	double total = 0;

	for (size_t i = 0; i < n; i++)
		total += (double)a[i] * (double)f[i];		/* <a, f> */
	for (size_t j = 0; j < m; j++) {			/* + <b, g> */
		const vec *c = (const vec *)(cost + (row ? row[j] : j) * ld);
		total += (double)b[j] * (double)least_difference(c, (const vec *)f, ld / VEC);
	}
	return total;
}
