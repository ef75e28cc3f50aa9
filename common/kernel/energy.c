#include "kernel/energy.h"

#include "base/simd.h"
#include "kernel/cost.h"

LEVELS(mean_distances_workspace);
LEVELS(mean_distances);
LEVELS(energy_expectation);

enum { ROWS = 16 };	/* of y at a time: their costs stay in the cache */

size_t KERNEL(mean_distances_workspace)(size_t n)
{
	return ROWS * padded(n);
}

/* In double, for what is left when energies are subtracted. */
void KERNEL(mean_distances)(double *mean, const float *y, const uint32_t *row, size_t m,
	const float *x, const float *weight, size_t n, size_t d, float *work)
{
	size_t ld = padded(n);

	for (size_t t = 0; t < m; t += ROWS) {
		size_t rows = m - t < ROWS ? m - t : ROWS;
		cost_matrix(work, y, row + t, rows, x, n, d, 1);
		for (size_t r = 0; r < rows; r++) {
			double sum[LANES] = {0};	/* sum_i w_i |y_t - x_i| */
			for (size_t i = 0; i < ld; i += LANES)
				for (size_t l = 0; l < LANES; l++)
					sum[l] += (double)weight[i + l]
						* (double)work[r * ld + i + l];
			for (size_t half = LANES / 2; half > 0; half /= 2)
				for (size_t l = 0; l < half; l++)
					sum[l] += sum[l + half];
			mean[row[t + r]] = sum[0];
		}
	}
}

double KERNEL(energy_expectation)(const double *mean, const uint32_t *row, const float *weight,
	size_t n)
{
	double sum = 0;		/* E|X - Y| = sum_k w_k E|y_k - X| */

	for (size_t k = 0; k < n; k++)
		sum += (double)weight[k] * mean[row[k]];
	return sum;
}
