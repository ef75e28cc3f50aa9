#include "kernel/cost.h"

#include <string.h>

enum { ROWS = 4 };	/* of y at a time: their sums stay in registers */
enum { TILE = 16 };	/* coordinates at a time: they stay in the cache */

void lay_points(float *lane, const float *x, const uint32_t *row, size_t n, size_t d)
{
	size_t ld = padded(n);

	for (size_t first = 0, end; first < d; first = end) {
		end = d - first < TILE ? d : first + TILE;
		for (size_t i = 0; i < ld; i++)
			for (size_t k = first; k < end; k++)	/* X' */
				lane[k * ld + i] = i < n ? x[(row ? row[i] : i) * d + k] : 0;
	}
}

MULTIVERSION
void cost_matrix(float *cost, const float *y, const uint32_t *row, size_t m, const float *x,
	size_t n, size_t d, int p)
{
	size_t ld = padded(n), width = ld / LANES;

	for (size_t j = 0; j < m; j += ROWS) {
		const float *at[ROWS];
		for (size_t r = 0; r < ROWS; r++) {
			size_t k = j + r < m ? j + r : m - 1;
			at[r] = y + (row ? row[k] : k) * d;
		}
		for (size_t w = 0; w < width; w += 2) {
			size_t second = w + 1 < width;	/* of an odd width the last is done twice */
			const lanes *x_lanes = (const lanes *)x + w;
			lanes *out = (lanes *)cost + j * width + w;
			lanes sum[ROWS] = {0}, more[ROWS] = {0};
			for (size_t k = 0; k < d; k++)	/* |y_j - x_i|^2 = sum_k (y_jk - x_ik)^2 */
				for (size_t r = 0; r < ROWS; r++) {
					lanes one = at[r][k] - x_lanes[k * width];
					lanes other = at[r][k] - x_lanes[k * width + second];
					sum[r] += one * one;
					more[r] += other * other;
				}
			for (size_t r = 0; r < ROWS && j + r < m; r++) {
				out[r * width] = sum[r];
				out[r * width + second] = more[r];
			}
		}
	}
	if (p == 1)		/* C_ij = |y_j - x_i| */
		for (size_t k = 0; k < m * ld; k++)
			cost[k] = __builtin_sqrtf(cost[k]);
	for (size_t j = 0; n < ld && j < m; j++)
		memset(cost + j * ld + n, 0, (ld - n) * sizeof *cost);
}

/* Adds a row of costs to *sum; *least is the least -C so far. */
static inline void take_row(double *sum, lanes *least, const lanes *c, size_t width)
{
	lanes row = {0};

	for (size_t i = 0; i < width; i++) {
		lanes x = -c[i];
		row += c[i];
		*least = SMALLER(lanes, mask, x, *least);
	}
	*sum += (double)lane_sum(&row);
}

MULTIVERSION
struct costs summarise_costs(const float *cost, size_t n, size_t m)
{
	size_t width = padded(n) / LANES;
	lanes least = {0};
	double sum = 0;

	for (size_t j = 0; j < m; j++)
		take_row(&sum, &least, (const lanes *)cost + j * width, width);
	return (struct costs){sum / ((double)n * (double)m), (double)-lane_min(&least)};
}

MULTIVERSION
struct costs gather_costs(float *cost, const float *table, const uint32_t *row, size_t n, size_t m)
{
	size_t width = padded(n) / LANES;
	lanes least = {0};
	double sum = 0;

	for (size_t j = 0; j < m; j++) {
		memcpy(cost + j * padded(n), table + row[j] * padded(n), padded(n) * sizeof *cost);
		take_row(&sum, &least, (const lanes *)cost + j * width, width);
	}
	return (struct costs){sum / ((double)n * (double)m), (double)-lane_min(&least)};
}

/* g_j = min_i C_ij - f_i for row j, c. */
static inline float largest_potential(const lanes *c, const lanes *f, size_t width)
{
	lanes least = c[0] - f[0];

	for (size_t i = 1; i < width; i++) {
		lanes x = c[i] - f[i];
		least = SMALLER(lanes, mask, x, least);
	}
	return lane_min(&least);
}

MULTIVERSION
void largest_potentials(float *g, const float *cost, const float *f, size_t n, size_t m)
{
	size_t ld = padded(n);

	for (size_t j = 0; j < m; j++)
		g[j] = largest_potential((const lanes *)(cost + j * ld), (const lanes *)f,
			ld / LANES);
}

MULTIVERSION
double dual_cost(const float *cost, const float *a, const float *b, const float *f, size_t n,
	size_t m)
{
	size_t ld = padded(n);
	double total = 0;

	for (size_t i = 0; i < n; i++)
		total += (double)a[i] * (double)f[i];		/* <a, f> */
	for (size_t j = 0; j < m; j++) {			/* + <b, g> */
		const lanes *c = (const lanes *)(cost + j * ld);
		total += (double)b[j] * (double)largest_potential(c, (const lanes *)f, ld / LANES);
	}
	return total;
}
