/* cost_rate RUNS: the rate of cost_matrix() beside that of SGEMM, 128 points against 128, on one
 * thread. Prints, for each run and number of dimensions, that number and both rates, as the
 * operations of a matrix product of that size, in 10^9 a second of this thread's own time. Set
 * OPENBLAS_NUM_THREADS=1. */
#include "kernel/cost.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POINTS = 128, MOST_DIMS = 2304, SIDE = 1024 };
static const double WORK = 4e8;		/* that is timed at once */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *numbers(size_t n)
{
	float *x = malloc(n * sizeof *x);
	uint32_t state = 1;

	for (size_t k = 0; x && k < n; k++) {
		state = state * 1664525 + 1013904223;
		x[k] = (float)(state >> 8) / 0x1p24F;
	}
	return x;
}

static double cost_rate(float *cost, const float *y, const float *x, size_t d)
{
	double work = 2.0 * POINTS * POINTS * (double)d, start = now();
	size_t times = (size_t)(WORK / work);

	for (size_t k = 0; k < times; k++)
		cost_matrix(cost, y, NULL, POINTS, x, POINTS, d, 1);
	return work * (double)times / (now() - start) / 1e9;
}

static double sgemm_rate(float *z, const float *y, const float *x)
{
	double start = now();

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, x, SIDE, y,
		SIDE, 0, z, SIDE);
	return 2.0 * SIDE * SIDE * SIDE / (now() - start) / 1e9;
}

int main(int argc, char **argv)
{
	static const size_t dims[] = {64, 256, 768, MOST_DIMS};
	long runs = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	float *x = numbers(SIDE * SIDE), *y = numbers(SIDE * SIDE), *z = numbers(SIDE * SIDE);
	float *lane = numbers(POINTS * MOST_DIMS);

	if (runs < 1 || !x || !y || !z || !lane) {
		fprintf(stderr, "usage: cost_rate RUNS\n");
		return 2;
	}
	for (size_t k = 0; k < sizeof dims / sizeof *dims; k++) {
		lay_points(lane, x, NULL, POINTS, dims[k]);
		cost_rate(z, y, lane, dims[k]);		/* caches are warm from here on */
		for (long run = 0; run < runs; run++) {
			double ours = cost_rate(z, y, lane, dims[k]);
			printf("%zu %.4g %.4g\n", dims[k], ours, sgemm_rate(z, y, x));
		}
	}
	free(x);
	free(y);
	free(z);
	free(lane);
	return 0;
}
