#include "kernel/sparse_plan.h"

#include <math.h>

double plan_potentials(double *f, const struct sparse *cost, const double *g, size_t first,
	size_t end, size_t n, double epsilon)
{
	double off = 0;

	for (size_t i = first; i < end; i++) {
		double most = -INFINITY, sum = 0, before = f[i];
		for (size_t k = cost->indptr[i]; k < cost->indptr[i + 1]; k++) {
			double x = g[cost->index[k]] - (double)cost->value[k];
			most = x > most ? x : most;	/* gcc 12 for arm64 breaks off at fmax() */
		}
		for (size_t k = cost->indptr[i]; k < cost->indptr[i + 1]; k++)
			sum += exp((g[cost->index[k]] - (double)cost->value[k] - most) / epsilon);
		f[i] = sum > 0 ? -epsilon * log((double)n * sum) - most : 0;
		/* the row's sum was exp((before - f_i) / epsilon) / n */
		off += sum > 0 ? fabs(exp((before - f[i]) / epsilon) - 1) / (double)n : 0;
	}
	return off;
}

void plan_weights(float *weight, const struct sparse *cost, const double *f, const double *g,
	const double *g_after, size_t first, size_t end, size_t n, size_t m, double epsilon)
{
	for (size_t i = first; i < end; i++)
		for (size_t k = cost->indptr[i]; k < cost->indptr[i + 1]; k++) {
			double by = f[i] - (double)cost->value[k];
			uint32_t j = cost->index[k];
			weight[k] = (float)((double)n * exp((by + g[j]) / epsilon)
				+ (double)m * exp((by + g_after[j]) / epsilon));
		}
}
