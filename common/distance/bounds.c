#include "distance/bounds.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/cost.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 32 };		/* tokens of one side at a time: one cache line of whole costs */
enum { CHUNK = 128 };		/* tokens of the other side whose costs are then in cache */
enum { TILE = 32 };		/* features of one side whose bounds are written at a time */
enum { STRIP = 1024 };		/* features of the other side that are summed at a time */

/* What share of a token's distance from typical ones is its potential, and how many times as far
 * as these it may be: costs of farther ones count as less than they are. */
#define SHARE 0.75
#define FARTHEST 3.0

#define ROOM ((size_t)1 << 31)	/* bytes that distances of tokens to features may take */

typedef uint16_t tokens_line __attribute__((vector_size(TOKENS * sizeof(uint16_t)), aligned(2),
	may_alias));

/* Features first .. first+n-1 of `all`: the tokens they use, and which of these each of their
 * points is. */
struct portion {
	const struct distributions *all;
	const size_t *indptr;		/* (n+1), of `all` */
	const float *surcharge;		/* (tokens of `all`) */
	size_t first, n, tokens;
	uint32_t *token, *place;	/* (tokens), (points) */
};

/* q_kt = floor((C_kt + s_k) / unit), of n tokens k and TOKENS t; 65535 where that is more. */
MULTIVERSION
static void whole_units(uint16_t *restrict q, const float *restrict cost, const uint32_t *token,
	const float *surcharge, size_t n, float inverse)
{
	for (size_t k = 0; k < n; k++)
		for (size_t t = 0; t < TOKENS; t++) {
			float x = (cost[k * TOKENS + t] + surcharge[token[k]]) * inverse;
			q[k * TOKENS + t] = (uint16_t)(int32_t)(x < 65535.0f ? x : 65535.0f);
		}
}

/* nearest[t][y] = min over the points k of feature y of table[k][t], for `count` of TOKENS tokens
 * t. */
MULTIVERSION
static void nearest_points(uint16_t *nearest, size_t count, const uint16_t *table,
	const struct portion *y)
{
	for (size_t j = 0; j < y->n; j++) {
		const uint32_t *place = y->place + y->indptr[j] - y->indptr[0];
		size_t n = y->indptr[j + 1] - y->indptr[j];
		tokens_line least = ((const tokens_line *)table)[place[0]];
		for (size_t k = 1; k < n; k++) {	/* TOKENS minima at once */
			tokens_line x = ((const tokens_line *)table)[place[k]],
				less = (tokens_line)(x < least);
			least = CHOOSE(less, x, least);
		}
		for (size_t t = 0; t < count; t++)
			nearest[t * y->n + j] = least[t];
	}
}

/* sum[y] = floor(sum_k w_k nearest[k][y] - paid[y]), over the n points k of one feature; not below
 * 0. */
MULTIVERSION
static void weighted_sum(uint16_t *restrict sum, const uint16_t *nearest, const float *paid,
	size_t cols, const uint32_t *place, const float *weight, size_t n)
{
	float keep = 1 - 2e-7f * (float)(n + 8);	/* rounding errors of the sum */

	for (size_t y0 = 0; y0 < cols; y0 += STRIP) {
		size_t strip = cols - y0 < STRIP ? cols - y0 : STRIP;
		float total[STRIP] = {0};
		for (size_t k = 0; k < n; k++) {
			const uint16_t *restrict x = nearest + place[k] * cols + y0;
			float w = weight[k];
			for (size_t y = 0; y < strip; y++)
				total[y] += w * (float)x[y];
		}
		for (size_t y = 0; y < strip; y++) {
			float x = total[y] * keep - paid[y0 + y];
			sum[y0 + y] = (uint16_t)(int32_t)(x > 0 ? x : 0);
		}
	}
}

static struct portion take_portion(const struct distributions *s, const float *surcharge,
	size_t first, size_t n)
{
	struct portion p = {s, s->indptr + first, surcharge, first, n, 0, NULL, NULL};
	const uint32_t *row = s->row + p.indptr[0];
	size_t points = p.indptr[n] - p.indptr[0];
	uint32_t *place = xcalloc(s->tokens, sizeof *place);	/* of a token, plus one */

	p.token = xalloc(s->tokens, sizeof *p.token);
	p.place = xalloc(points, sizeof *p.place);
	for (size_t k = 0; k < points; k++) {
		if (place[row[k]] == 0) {
			p.token[p.tokens++] = row[k];
			place[row[k]] = (uint32_t)p.tokens;
		}
		p.place[k] = place[row[k]] - 1;
	}
	free(place);
	return p;
}

static void portion_free(struct portion *p)
{
	free(p->token);
	free(p->place);
}

/* Surcharged costs from TOKENS tokens of x, t on, to all of y: table (tokens of y, TOKENS), whole;
 * lane (d, TOKENS). */
static void take_costs(uint16_t *table, float *lane, const struct portion *x, size_t t,
	const struct portion *y, int p, double unit)
{
	size_t d = x->all->d;
	float cost[CHUNK * TOKENS];
	uint32_t row[TOKENS];

	for (size_t k = 0; k < TOKENS; k++)
		row[k] = x->token[t + k < x->tokens ? t + k : t];
	lay_points(lane, x->all->point, row, TOKENS, d);
	for (size_t k = 0; k < y->tokens; k += CHUNK) {
		size_t n = y->tokens - k < CHUNK ? y->tokens - k : CHUNK;
		cost_matrix(cost, y->all->point, y->token + k, n, lane, TOKENS, d, p);
		whole_units(table + k * TOKENS, cost, y->token + k, y->surcharge, n,
			(float)(1 / unit));
	}
}

/* nearest (tokens of x, features of y): from each token to its nearest point of each feature. */
static void take_nearest(uint16_t *nearest, const struct portion *x, const struct portion *y, int p,
	double unit)
{
	size_t threads = (size_t)omp_get_max_threads(), lanes_each = x->all->d * TOKENS;
	tokens_line *memory = xalloc(threads * y->tokens + 1, sizeof *memory);
	uintptr_t end = (uintptr_t)memory + sizeof *memory - 1;
	uint16_t *tables = (uint16_t *)(end / sizeof *memory * sizeof *memory);	/* aligned */
	float *lanes_of_all = xalloc(threads * lanes_each, sizeof *lanes_of_all);

	#pragma omp parallel for schedule(dynamic)
	for (size_t t = 0; t < x->tokens; t += TOKENS) {
		size_t thread = (size_t)omp_get_thread_num();
		size_t count = x->tokens - t < TOKENS ? x->tokens - t : TOKENS;
		uint16_t *table = tables + thread * y->tokens * TOKENS;
		take_costs(table, lanes_of_all + thread * lanes_each, x, t, y, p, unit);
		nearest_points(nearest + t * y->n, count, table, y);
		progress_add(count);
	}
	free(memory);
	free(lanes_of_all);
}

/* paid[j]: the surcharges that all mass of feature j of y pays, in units and a little more, which
 * costs and their minima may have been rounded up by. */
static void take_paid(float *paid, const struct portion *y, double unit)
{
	for (size_t j = 0; j < y->n; j++) {
		double sum = 0;
		for (size_t k = y->indptr[j]; k < y->indptr[j + 1]; k++)
			sum += (double)y->all->weight[k]
				* (double)y->surcharge[y->all->row[k]];
		paid[j] = (float)(sum / unit * (1 + 1e-6) + 0.1);
	}
}

/* Raises of[i * x_step + j * y_step] to what the points of feature i of x pay to the nearest of
 * feature j of y. */
static void raise_bounds(uint16_t *of, const struct portion *x, size_t x_step,
	const struct portion *y, size_t y_step, int p, double unit)
{
	uint16_t *nearest = xalloc(x->tokens * sizeof *nearest, y->n);
	uint16_t *sums = xalloc((size_t)omp_get_max_threads() * TILE * sizeof *sums, y->n);
	float *paid = xalloc(y->n, sizeof *paid);

	take_paid(paid, y, unit);
	take_nearest(nearest, x, y, p, unit);
	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < x->n; i += TILE) {
		uint16_t *sum = sums + (size_t)omp_get_thread_num() * TILE * y->n;
		size_t n = x->n - i < TILE ? x->n - i : TILE;
		for (size_t k = 0; k < n; k++) {
			const size_t *at = x->indptr + i + k;
			weighted_sum(sum + k * y->n, nearest, paid, y->n,
				x->place + at[0] - x->indptr[0], x->all->weight + at[0],
				at[1] - at[0]);
		}
		for (size_t j = 0; j < y->n; j++)
			for (size_t k = 0; k < n; k++) {
				uint16_t *to = of + (i + k) * x_step + j * y_step;
				uint16_t bound = sum[k * y->n + j];
				*to = bound > *to ? bound : *to;
			}
	}
	free(paid);
	free(sums);
	free(nearest);
}

/* How many features of the other side there is room for at a time. */
static size_t room_for(const struct portion *x)
{
	return ROOM / sizeof(uint16_t) / (x->tokens + 1) + 1;
}

/* Ends the program when the bounds and what they are made of do not fit. */
static void check_memory(const struct bounds *r, const struct portion *x, const struct portion *y)
{
	double all = (double)r->rows * (double)r->cols * sizeof *r->of;
	double one = (double)x->tokens * (double)y->n, other = (double)y->tokens * (double)x->n;

	memory_need(all + fmin(fmax(one, other) * sizeof(uint16_t), (double)ROOM),
		"--rows I/N", "bounds of %zu x %zu pairs", r->rows, r->cols);
}

/* Tokens of x that are taken, once for each time that there is room for y. */
static size_t turns(const struct portion *x, const struct portion *y)
{
	return x->tokens * ((y->n - 1) / room_for(x) + 1);
}

/* All of x against y, as many features of y at a time as there is room for. */
static void one_side(uint16_t *of, const struct portion *x, size_t x_step, const struct portion *y,
	size_t y_step, int p, double unit)
{
	size_t most = room_for(x);

	for (size_t j = 0; j < y->n; j += most) {
		size_t n = y->n - j < most ? y->n - j : most;
		struct portion some = take_portion(y->all, y->surcharge, y->first + j, n);
		raise_bounds(of + j * y_step, x, x_step, &some, y_step, p, unit);
		portion_free(&some);
	}
}

/* The middle of all tokens, (d), and how far these are from it in the mean of squares. */
static double take_middle(double *middle, const struct distributions *const side[2])
{
	double n = (double)(side[0]->tokens + side[1]->tokens), square = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int s = 0; s < 2; s++)
			for (size_t t = 0; t < side[s]->tokens; t++)
				for (size_t k = 0; k < side[s]->d; k++) {
					double x = (double)side[s]->point[t * side[s]->d + k];
					if (pass == 0)
						middle[k] += x / n;
					else
						square += (x - middle[k]) * (x - middle[k]) / n;
				}
	return square;
}

/* most - SHARE (|y - middle|^2 + square)^(p/2), not below 0: of each token of s. */
static float *take_surcharges(const struct distributions *s, const double *middle, double square,
	int p, double most)
{
	float *surcharge = xalloc(s->tokens, sizeof *surcharge);

	for (size_t t = 0; t < s->tokens; t++) {
		double sum = square;
		for (size_t k = 0; k < s->d; k++) {
			double x = (double)s->point[t * s->d + k] - middle[k];
			sum += x * x;
		}
		surcharge[t] = (float)fmax(most - SHARE * (p == 1 ? sqrt(sum) : sum), 0);
	}
	return surcharge;
}

struct bounds bounds_open(const struct distributions *a, size_t first, size_t end,
	const struct distributions *b, int p)
{
	const struct distributions *side[2] = {a, b};
	struct bounds r = {first, end - first, b->ids.n, NULL, 0};
	float *surcharge[2];

	if (r.rows == 0 || r.cols == 0)
		return r;
	double *middle = xcalloc(a->d, sizeof *middle), square = take_middle(middle, side);
	double most = SHARE * pow(FARTHEST * sqrt(square), p);
	for (int s = 0; s < 2; s++)
		surcharge[s] = take_surcharges(side[s], middle, square, p, most);
	struct portion rows = take_portion(a, surcharge[0], first, r.rows);
	struct portion cols = take_portion(b, surcharge[1], 0, r.cols);

	check_memory(&r, &rows, &cols);
	r.of = xcalloc(r.rows * sizeof *r.of, r.cols);
	r.unit = fmax((pow(2 * FARTHEST * sqrt(square), p) + most) / 65534, 1e-30);
	progress_begin(turns(&rows, &cols) + turns(&cols, &rows), "tokens for bounds");
	one_side(r.of, &rows, r.cols, &cols, 1, p, r.unit);	/* sum_k a_k min_l C_kl + s_l */
	one_side(r.of, &cols, 1, &rows, r.cols, p, r.unit);	/* sum_l b_l min_k C_kl + s_k */
	progress_end();
	portion_free(&rows);
	portion_free(&cols);
	free(surcharge[0]);
	free(surcharge[1]);
	free(middle);
	return r;
}

void bounds_free(struct bounds *r)
{
	free(r->of);
	*r = (struct bounds){0};
}
