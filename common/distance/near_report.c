#include "distance/near_report.h"

#include "base/die.h"
#include "kernel/bottom_k.h"
#include "kernel/near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 512 };		/* tokens of a side */

/* A number below n, of token i. */
static size_t draw(size_t seed, uint64_t salt, size_t i, size_t n)
{
	size_t x = (size_t)(token_uniform(seed, salt, (uint32_t)i) * (double)n);

	return x < n ? x : n - 1;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The q-quantile of n > 0 squares, as a distance; they are sorted. */
static double quantile(const float *square, size_t n, double q)
{
	return sqrt((double)square[(size_t)(q * (double)(n - 1))]);
}

/* How many tokens of a side no token of the other has among its nearest. */
static size_t nobodys(const struct near_tokens *of, size_t n)
{
	bool *named = xcalloc(n, sizeof *named);
	size_t left = n;

	for (size_t e = 0; e < of->n * of->k; e++)
		if (of->index[e] != UINT32_MAX && !named[of->index[e]]) {
			named[of->index[e]] = true;
			left--;
		}
	free(named);
	return left;
}

double near_tokens_tell(const struct near_tokens of[2], const struct vectors side[2], size_t seed)
{
	size_t n = side[0].n, m = side[1].n, d = side[0].d, found = 0;
	float *near = xalloc(n + m, sizeof *near), *any = xalloc(n, sizeof *any);
	double sum = 0;

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < of[k].n; i++)
			if (of[k].k > 0 && of[k].square[i * of[k].k] < INFINITY)
				near[found++] = of[k].square[i * of[k].k];
	for (size_t i = 0; i < n && m > 0; i++) {
		any[i] = square_distance(side[0].at + i * d, side[1].at + draw(seed, 1, i, m) * d,
			d);
		sum += sqrt((double)any[i]);
	}
	qsort(near, found, sizeof *near, by_size);
	if (found > 0) {
		qsort(any, n, sizeof *any, by_size);
		note("nearest token: median distance %.4g, 90%% quantile %.4g; any token: %.4g, "
			"%.4g", quantile(near, found, .5), quantile(near, found, .9),
			quantile(any, n, .5), quantile(any, n, .9));
		note("among no token's %zu nearest: %zu of %zu tokens of A, %zu of %zu of B",
			of[0].k, nobodys(&of[1], n), n, nobodys(&of[0], m), m);
	}
	free(near);
	free(any);
	return n > 0 ? sum / (double)n : 0;
}

struct near_sample near_sample_draw(const struct vectors side[2], size_t seed)
{
	struct near_sample s = {{0}, {NULL}, {NULL}};
	struct near_tokens of[2];

	for (int k = 0; k < 2; k++) {
		size_t n = side[k].n < SAMPLE ? side[k].n : SAMPLE, d = side[k].d;
		struct vectors few = {n, d, xalloc(n * sizeof(float), d)};
		s.n[k] = n;
		s.token[k] = xalloc(n, sizeof *s.token[k]);
		for (size_t i = 0; i < n; i++) {
			s.token[k][i] = (uint32_t)draw(seed, 2, i, side[k].n);
			memcpy(few.at + i * d, side[k].at + s.token[k][i] * d, d * sizeof(float));
		}
		near_tokens(of, (struct vectors[]){few, side[1 - k]}, 1);
		s.square[k] = of[0].square;
		of[0].square = NULL;
		near_tokens_free(of);
		free(few.at);
	}
	return s;
}

void near_sample_tell(struct near_sample *s, const struct near_tokens of[2])
{
	size_t found = 0;

	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < s->n[k] && of[k].k > 0; i++)
			found += of[k].square[s->token[k][i] * of[k].k] == s->square[k][i];
		free(s->token[k]);
		free(s->square[k]);
	}
	if (s->n[0] > 0 && s->n[1] > 0)
		note("of %zu tokens, %.1f%% have their nearest: --probes looks in more cells",
			s->n[0] + s->n[1], 100 * (double)found / (double)(s->n[0] + s->n[1]));
}
