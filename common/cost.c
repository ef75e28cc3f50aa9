#include "cost.h"

#include <string.h>

enum { ROWS = 4 };	/* of y at a time: their sums stay in registers */

void lay_points(float *lane, const float *x, const uint32_t *row, size_t n, size_t d)
{
	size_t ld = padded(n);

	for (size_t i = 0; i < ld; i++)
		for (size_t k = 0; k < d; k++)
			lane[k * ld + i] = i < n ? x[(row ? row[i] : i) * d + k] : 0;
}

MULTIVERSION
void cost_matrix(float *cost, const float *y, const uint32_t *row, size_t m, const float *x, size_t n, size_t d, int p)
{
	size_t ld = padded(n), width = ld / LANES;

	for (size_t j = 0; j < m; j += ROWS) {
		const float *at[ROWS];
		for (size_t r = 0; r < ROWS; r++) {
			size_t k = j + r < m ? j + r : m - 1;
			at[r] = y + (row ? row[k] : k) * d;
		}
		for (size_t w = 0; w < width; w += 2) {
			size_t second = w + 1 < width;		/* of an odd width the last is done twice */
			const lanes *x_lanes = (const lanes *)x + w;
			lanes *out = (lanes *)cost + j * width + w;
			lanes sum[ROWS] = {0}, more[ROWS] = {0};
			for (size_t k = 0; k < d; k++)
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
	if (p == 1)
		for (size_t k = 0; k < m * ld; k++)
			cost[k] = __builtin_sqrtf(cost[k]);
	for (size_t j = 0; n < ld && j < m; j++)
		memset(cost + j * ld + n, 0, (ld - n) * sizeof *cost);
}

MULTIVERSION
double mean_cost(const float *cost, size_t n, size_t m)
{
	double sum = 0;

	for (size_t j = 0; j < m; j++) {
		const lanes *c = (const lanes *)(cost + j * padded(n));
		lanes row = {0};
		for (size_t i = 0; i < padded(n) / LANES; i++)
			row += c[i];
		sum += (double)lane_sum(&row);
	}
	return sum / ((double)n * (double)m);
}

MULTIVERSION
float largest_cost(const float *cost, size_t n, size_t m)
{
	const lanes *c = (const lanes *)cost;
	lanes least = {0};

	for (size_t k = 0; k < m * padded(n) / LANES; k++) {
		lanes x = -c[k];
		least = SMALLER(lanes, mask, x, least);
	}
	return -lane_min(&least);
}
