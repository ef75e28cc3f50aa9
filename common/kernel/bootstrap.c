#include "kernel/bootstrap.h"

#include "kernel/bottom_k.h"

#include <stdlib.h>

double ratio_of_sums(const double *part, const double *whole, size_t n)
{
	double sum = 0, of = 0;

	for (size_t i = 0; i < n; i++) {
		sum += part[i];
		of += whole[i];
	}
	return of > 0 ? sum / of : 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* x_at with at = q (n - 1), linear between neighbours. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t i = (size_t)at;

	return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

void bootstrap_interval(double *low, double *high, const double *part, const double *whole,
	size_t n, double *drawn, size_t draws, uint64_t seed, size_t threads)
{
	#pragma omp parallel for num_threads(threads)
	for (size_t r = 0; r < draws; r++) {	/* Efron 1979: n of n parts, with replacement */
		double sum = 0, of = 0;
		for (size_t k = 0; k < n; k++) {
			size_t i = (size_t)(token_uniform(seed, (uint64_t)r << 32, (uint32_t)k)
				* (double)n);
			sum += part[i];
			of += whole[i];
		}
		drawn[r] = of > 0 ? sum / of : 0;	/* the ratio of this sample */
	}
	qsort(drawn, draws, sizeof *drawn, by_size);
	*low = quantile(drawn, draws, 0.025);	/* percentile interval of 95% */
	*high = quantile(drawn, draws, 0.975);
}
