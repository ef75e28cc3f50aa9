#include "match/uniform_transport.h"

#include "base/die.h"
#include "base/simd.h"
#include "kernel/emd.h"
#include "kernel/sinkhorn.h"

#include <math.h>
#include <stdlib.h>

/* C becomes factor (C - least), from 0 to 2: the kernels take no negative costs, and sums of large
 * ones would leave the range of floats. The factor is a power of 2 and `least` 0 where no cost is
 * negative, so that nothing is rounded. */
struct scaled {
	double factor, least;
	double mean, largest;		/* afterwards */
};

static struct scaled scale_costs(float *cost, size_t n, size_t m)
{
	struct scaled s = {0};
	double largest = 0, sum = 0;
	int exponent;

	for (size_t k = 0; k < n * padded(m); k++) {
		s.least = fmin(s.least, (double)cost[k]);
		largest = fmax(largest, fabs((double)cost[k]));
	}
	frexp(largest, &exponent);
	s.factor = ldexp(1, -exponent);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++) {
			double c = ((double)cost[i * padded(m) + j] - s.least) * s.factor;
			cost[i * padded(m) + j] = (float)c;
			s.largest = fmax(s.largest, c);
			sum += c;
		}
	s.mean = sum / ((double)n * (double)m);
	return s;
}

static float *equal_weights(size_t n)
{
	float *weight = xalloc(n, sizeof *weight);

	for (size_t i = 0; i < n; i++)
		weight[i] = 1 / (float)n;
	return weight;
}

/* The plan of emd() and its cost. Its masses are whole lots of 1 / (n m), but for rounding. */
static double plan_cost(double *plan, const float *cost, size_t n, size_t m,
	const double *workspace)
{
	double lots = (double)n * (double)m, paid = 0;

	emd_plan(plan, m, n, workspace);
	for (size_t k = 0; k < n * m; k++) {
		plan[k] = round(plan[k] * lots) / lots;
		paid += plan[k] * (double)cost[k / m * padded(m) + k % m];
	}
	return paid;
}

/* As in distance/transport.c, the network simplex starts from nearly optimal potentials. */
struct uniform_transport uniform_transport(double *plan, float *cost, size_t n, size_t m)
{
	struct scaled s = scale_costs(cost, n, m);
	size_t exact = emd_workspace(m, n), entropic = sinkhorn_workspace(m, n);
	double *workspace = xalloc(exact > entropic ? exact : entropic, sizeof *workspace);
	float *row = equal_weights(n), *col = equal_weights(m);
	float *potential = xcalloc(padded(m), sizeof *potential);

	sinkhorn(cost, NULL, col, row, m, n, s.largest, fmax(0.005 * s.mean, 1e-30), 0.1, 60,
		potential, workspace);
	struct emd best = emd(cost, col, row, m, n, s.largest, potential, workspace);
	double paid = plan ? plan_cost(plan, cost, n, m, workspace) : best.cost;
	free(workspace);
	free(row);
	free(col);
	free(potential);
	return (struct uniform_transport){.cost = paid / s.factor + s.least,
		.mean = s.mean / s.factor + s.least};
}
