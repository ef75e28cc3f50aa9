/* What tests of kernels have in common: numbers that are the same each time, and a count of what
 * is wrong. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static size_t failures;

static inline void check(bool right, const char *what, size_t trial)
{
	if (right)
		return;
	printf("not ok: %s (trial %zu)\n", what, trial);
	fflush(stdout);
	failures++;
}

/* In [0, 1): xorshift64*. */
static inline double uniform(void)
{
	static uint64_t state = 1;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * 0x2545F4914F6CDD1Du) >> 11) / 9007199254740992.0;
}

static inline size_t below(size_t n)
{
	return (size_t)(uniform() * (double)n);
}

static inline double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

static inline void random_costs(float *cost, size_t n, size_t m, size_t kind)
{
	for (size_t k = 0; k < n * m; k++)
		switch (kind) {
		case 0: cost[k] = (float)uniform(); break;
		case 1: cost[k] = (float)below(4); break;
		case 2: cost[k] = (float)(1 + 1e-7 * (double)below(4)); break;
		case 3: cost[k] = below(3) == 0 ? INFINITY : (float)below(9); break;
		case 4: cost[k] = (float)(1e6 * normal()); break;
		default: cost[k] = 1;
		}
}

static inline void random_points(float *x, size_t n, size_t d, double offset)
{
	for (size_t k = 0; k < n * d; k++)
		x[k] = (float)(offset + normal());
}

/* Weights of 1e-6 to 1 before they are normalised. */
static inline void wide_weights(float *w, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)(w[i] = (float)pow(10, -6 * uniform()));
	for (size_t i = 0; i < n; i++)
		w[i] = (float)((double)w[i] / sum);
}

#endif
