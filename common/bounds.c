#include "bounds.h"

#include "cost.h"
#include "die.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 32 };		/* of one side, that are taken at a time: one cache line of whole costs */
enum { CHUNK = 128 };		/* tokens of the other side whose costs are then in cache */
enum { TILE = 32 };		/* features of one side whose bounds are written at a time */
enum { STRIP = 1024 };		/* features of the other side that are summed at a time */

static const size_t room = (size_t)1 << 31;	/* bytes that distances of tokens to features may take */

typedef uint16_t tokens_line __attribute__((vector_size(TOKENS * sizeof(uint16_t)), aligned(2), may_alias));

/* One side of the problem: features first .. first+n-1 of a set. */
struct side {
	const struct set *set;
	size_t first, n;
};

/* Features of Y that are done together: the tokens they use, and for each of their points which of these it is. */
struct chunk {
	size_t first, n, tokens;
	uint32_t *token, *place;	/* (tokens), (points) */
};

/* q[k] = costs in whole units, rounded down. */
MULTIVERSION
static void whole_units(uint16_t *restrict q, const float *restrict cost, size_t n, float inverse)
{
	for (size_t k = 0; k < n; k++) {
		float x = cost[k] * inverse;
		q[k] = (uint16_t)(int32_t)(x < 65535.0f ? x : 65535.0f);
	}
}

/* nearest[t][y]: the least of table[place][t] over the points of feature y, for TOKENS tokens t. */
MULTIVERSION
static void nearest_points(uint16_t *nearest, size_t stride, size_t count, const uint16_t *table, const struct chunk *c,
	const size_t *indptr)
{
	for (size_t y = 0; y < c->n; y++) {
		const uint32_t *place = c->place + indptr[y] - indptr[0];
		size_t n = indptr[y + 1] - indptr[y];
		tokens_line least = ((const tokens_line *)table)[place[0]];
		for (size_t k = 1; k < n; k++) {
			tokens_line x = ((const tokens_line *)table)[place[k]], less = (tokens_line)(x < least);
			least = CHOOSE(less, x, least);
		}
		for (size_t t = 0; t < count; t++)
			nearest[t * stride + y] = least[t];
	}
}

/* sum[y] = what the points of a feature have to pay at least, in whole units, rounded down. */
MULTIVERSION
static void weighted_sum(uint16_t *restrict sum, const uint16_t *nearest, size_t stride, size_t cols, const uint32_t *row,
	const float *weight, size_t n)
{
	float keep = 1 - 2e-7f * (float)(n + 8);	/* rounding errors of the sum */

	for (size_t y0 = 0; y0 < cols; y0 += STRIP) {
		size_t strip = cols - y0 < STRIP ? cols - y0 : STRIP;
		float total[STRIP] = {0};
		for (size_t k = 0; k < n; k++) {
			const uint16_t *restrict x = nearest + row[k] * stride + y0;
			float w = weight[k];
			for (size_t y = 0; y < strip; y++)
				total[y] += w * (float)x[y];
		}
		for (size_t y = 0; y < strip; y++)
			sum[y0 + y] = (uint16_t)(int32_t)(total[y] * keep);
	}
}

/* The features of Y from `first` on, as many as `most`. */
static struct chunk take_chunk(const struct side *y, size_t first, size_t most)
{
	const struct set *s = y->set;
	struct chunk c = {first, y->n - first < most ? y->n - first : most, 0, NULL, NULL};
	const size_t *indptr = s->indptr + y->first + first;
	const uint32_t *row = s->row + indptr[0];
	size_t points = indptr[c.n] - indptr[0];
	uint32_t *place = need_zero(s->tokens, sizeof *place);	/* of a token, plus one */

	c.token = need(s->tokens, sizeof *c.token);
	c.place = need(points, sizeof *c.place);
	for (size_t k = 0; k < points; k++) {
		if (place[row[k]] == 0) {
			c.token[c.tokens++] = row[k];
			place[row[k]] = (uint32_t)c.tokens;
		}
		c.place[k] = place[row[k]] - 1;
	}
	free(place);
	return c;
}

/* nearest (tokens of X, c->n): from each token of X to its nearest point of each feature of the chunk. */
static void take_nearest(uint16_t *nearest, const struct set *x, const struct set *y, size_t y_first, const struct chunk *c,
	int p, double unit)
{
	#pragma omp parallel num_threads(threads)
	{
		tokens_line *memory = need(c->tokens + 1, sizeof *memory);
		uint16_t *table = (uint16_t *)(((uintptr_t)memory + sizeof *memory - 1) & ~(sizeof *memory - 1));
		float *lane = need(x->d * TOKENS, sizeof *lane), cost[CHUNK * TOKENS];
		#pragma omp for schedule(dynamic)
		for (size_t t = 0; t < x->tokens; t += TOKENS) {
			size_t count = x->tokens - t < TOKENS ? x->tokens - t : TOKENS;
			uint32_t row[TOKENS];
			for (size_t k = 0; k < TOKENS; k++)
				row[k] = (uint32_t)(t + (k < count ? k : 0));
			lay_points(lane, x->point, row, TOKENS, x->d);
			for (size_t k = 0; k < c->tokens; k += CHUNK) {
				size_t n = c->tokens - k < CHUNK ? c->tokens - k : CHUNK;
				cost_matrix(cost, y->point, c->token + k, n, lane, TOKENS, x->d, p);
				whole_units(table + k * TOKENS, cost, n * TOKENS, (float)(1 / unit));
			}
			nearest_points(nearest + t * c->n, c->n, count, table, c, y->indptr + y_first + c->first);
		}
		free(memory);
		free(lane);
	}
}

/* Raises of[x * x_step + y * y_step] to what the points of feature x pay to the nearest of feature y. */
static void one_side(uint16_t *of, const struct side *x, size_t x_step, const struct side *y, size_t y_step, int p, double unit)
{
	size_t most = room / sizeof(uint16_t) / (x->set->tokens + 1) + 1;

	for (size_t first = 0; first < y->n; first += most) {
		struct chunk c = take_chunk(y, first, most);
		uint16_t *nearest = need(x->set->tokens * sizeof *nearest, c.n);
		take_nearest(nearest, x->set, y->set, y->first, &c, p, unit);
		#pragma omp parallel num_threads(threads)
		{
			uint16_t *sum = need(TILE * sizeof *sum, c.n);
			#pragma omp for schedule(dynamic)
			for (size_t i = 0; i < x->n; i += TILE) {
				size_t n = x->n - i < TILE ? x->n - i : TILE;
				for (size_t k = 0; k < n; k++) {
					const size_t *at = x->set->indptr + x->first + i + k;
					weighted_sum(sum + k * c.n, nearest, c.n, c.n, x->set->row + at[0],
						x->set->weight + at[0], at[1] - at[0]);
				}
				for (size_t j = 0; j < c.n; j++)
					for (size_t k = 0; k < n; k++) {
						uint16_t *to = of + (i + k) * x_step + (first + j) * y_step;
						uint16_t bound = sum[k * c.n + j];
						*to = bound > *to ? bound : *to;
					}
			}
			free(sum);
		}
		free(nearest);
		free(c.token);
		free(c.place);
	}
}

/* No point of either set is farther from another than the two farthest are from the first. */
static double diameter(const struct set *a, const struct set *b)
{
	double most[2] = {0, 0};

	for (size_t s = 0; s < 2; s++) {
		const struct set *set = s ? b : a;
		for (size_t t = 0; t < set->tokens; t++) {
			double square = 0;
			for (size_t k = 0; k < set->d; k++) {
				double x = (double)set->point[t * set->d + k] - (double)a->point[k];
				square += x * x;
			}
			most[s] = square > most[s] ? square : most[s];
		}
	}
	return sqrt(most[0]) + sqrt(most[1]);
}

struct bounds bounds_open(const struct set *a, size_t first, size_t end, const struct set *b, int p)
{
	struct bounds r = {first, end - first, b->ids.n, NULL, 0};
	struct side rows = {a, first, r.rows}, cols = {b, 0, r.cols};

	r.of = need_zero(r.rows * sizeof *r.of, r.cols);
	if (r.rows == 0 || r.cols == 0)
		return r;
	r.unit = fmax(pow(diameter(a, b), p) / 65534, 1e-30);
	one_side(r.of, &rows, r.cols, &cols, 1, p, r.unit);
	one_side(r.of, &cols, 1, &rows, r.cols, p, r.unit);
	return r;
}

void bounds_free(struct bounds *r)
{
	free(r->of);
	*r = (struct bounds){0};
}
