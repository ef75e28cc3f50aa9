#include "distance/bounds.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/near.h"
#include "kernel/product.h"
#include "kernel/relaxed.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = RELAXED_POINTS, WIDTH = RELAXED_WIDTH };	/* of one side at a time */
enum { PART = 64 * PRODUCT_ROWS };	/* tokens of the other side, whose units stay in cache */
enum { TILE = 32 };		/* features of either side that change places at a time */

/* What share of a token's distance from typical ones is its potential, and how many times as far
 * as these it may be: costs of farther ones count as less than they are. */
#define SHARE 0.75
#define FARTHEST 3.0

/* Features first .. first+n-1 of `all`: the tokens they use, and which of these each of their
 * points is. */
struct portion {
	const struct distributions *all;
	const size_t *indptr;		/* (n+1), of `all` */
	const float *surcharge;		/* (tokens of `all`) */
	size_t n, tokens;
	uint32_t *token, *place;	/* (tokens), (points) */
};

/* The tokens of one side as products take them, PRODUCT_ROWS at a time, and its features' points,
 * those among PART tokens at a time. */
struct packed {
	size_t tokens, d, n, parts;
	float *rows;		/* of the points less the middle */
	float *level;		/* (tokens): what is left of |x|^2 when rounding had its most */
	float *surcharge;	/* (tokens) */
	size_t *indptr;		/* (parts, n), and one more */
	uint32_t *place;	/* (points): within the part */
};

static struct portion take_portion(const struct distributions *s, const float *surcharge,
	size_t first, size_t n)
{
	struct portion p = {s, s->indptr + first, surcharge, n, 0, NULL, NULL};
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

/* x (n, d) = factor (points of p's tokens, from `first` on, less the middle); level (n) of these.
 * With u = 2^-24, moving the points there took less than 4 u (|x|^2 + |y|^2) from |x - y|^2; sums
 * of levels and a product may be 5 u of it too large, beside what near.h says of products; floats
 * lose less than 2^-120 near 0. */
static void take_points(float *x, float *level, const struct portion *p, size_t first, size_t n,
	const float *middle, float factor)
{
	size_t d = p->all->d;
	double u = (double)(PRODUCT_ROUNDINGS(d) + 12) * 0x1p-24, lost = u / (1 - u);

	for (size_t t = 0; t < n; t++, x += d) {
		const float *point = p->all->point + p->token[first + t] * d;
		for (size_t k = 0; k < d; k++)
			x[k] = point[k] - middle[k];
		double square = square_length(x, d) * (1 - lost) - 0x1p-120 * (double)d;
		level[t] = (float)fmin(square, FLT_MAX);
		for (size_t k = 0; k < d; k++)
			x[k] *= factor;
	}
}

/* Points in the order of parts, and in these of features. */
static void part_points(struct packed *p, const struct portion *y)
{
	size_t *next = p->indptr + 1;		/* becomes the end of each list */

	for (size_t j = 0; j < y->n; j++)
		for (size_t k = y->indptr[j]; k < y->indptr[j + 1]; k++)
			next[y->place[k - y->indptr[0]] / PART * y->n + j]++;
	for (size_t q = 0, sum = 0; q < p->parts * y->n; q++) {
		size_t n = next[q];
		next[q] = sum;
		sum += n;
	}
	for (size_t j = 0; j < y->n; j++)
		for (size_t k = y->indptr[j]; k < y->indptr[j + 1]; k++) {
			uint32_t place = y->place[k - y->indptr[0]];
			p->place[next[place / PART * y->n + j]++] = place % PART;
		}
}

static struct packed pack(const struct portion *y, const float *middle)
{
	size_t n = y->tokens, d = y->all->d, parts = (n + PART - 1) / PART;
	size_t blocks = (n + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
	struct packed p = {n, d, y->n, parts,
		xalloc(blocks * product_rows_size(d), sizeof(float)), xalloc(n, sizeof(float)),
		xalloc(n, sizeof(float)), xcalloc(parts * y->n + 1, sizeof(size_t)),
		xalloc(y->indptr[y->n] - y->indptr[0], sizeof(uint32_t))};

	part_points(&p, y);
	#pragma omp parallel
	{
		float *x = xalloc(PRODUCT_ROWS * sizeof *x, d);
		#pragma omp for
		for (size_t t = 0; t < n; t += PRODUCT_ROWS) {
			size_t some = n - t < PRODUCT_ROWS ? n - t : PRODUCT_ROWS;
			take_points(x, p.level + t, y, t, some, middle, 1);
			product_pack_rows(p.rows + t * d, x, some, d);
			for (size_t k = t; k < t + some; k++)
				p.surcharge[k] = y->surcharge[y->token[k]];
		}
		free(x);
	}
	return p;
}

static void packed_free(struct packed *p)
{
	free(p->rows);
	free(p->level);
	free(p->surcharge);
	free(p->indptr);
	free(p->place);
}

/* What one thread works in. */
struct room {
	float *x, *level, *matrix, *product;
	uint16_t *memory, *units;	/* (WIDTH / TOKENS, PART, TOKENS) */
	uint16_t *least;		/* (WIDTH / TOKENS, features, TOKENS) */
};

static struct room room_for(const struct packed *y)
{
	size_t line = TOKENS * sizeof(uint16_t);
	struct room r = {xalloc(WIDTH * sizeof(float), y->d), xalloc(WIDTH, sizeof(float)),
		xalloc(product_matrix_size(y->d, WIDTH), sizeof(float)),
		xalloc(PRODUCT_ROWS * WIDTH, sizeof(float)),
		xalloc((PART + y->n + 1) * WIDTH, sizeof(uint16_t)), NULL, NULL};

	r.units = (uint16_t *)(((uintptr_t)r.memory + line - 1) / line * line);
	r.least = r.units + PART * WIDTH;
	return r;
}

static void room_free(struct room *r)
{
	free(r->x);
	free(r->level);
	free(r->matrix);
	free(r->product);
	free(r->memory);
}

/* r->least: from `count` of WIDTH tokens of x, t on, to the nearest point of each feature. */
static void take_least(struct room *r, const struct portion *x, size_t t, size_t count,
	const struct packed *y, const float *middle, int p, double unit)
{
	size_t d = y->d;

	memset(r->x, 0, WIDTH * d * sizeof *r->x);
	memset(r->level, 0, WIDTH * sizeof *r->level);
	memset(r->least, 0xff, y->n * WIDTH * sizeof *r->least);
	take_points(r->x, r->level, x, t, count, middle, -2);
	product_pack_matrix(r->matrix, r->x, &(struct product_part){0, d, 0, WIDTH, 1, d}, d,
		WIDTH);
	for (size_t k = 0, n; k < y->tokens; k += n) {
		n = y->tokens - k < PRODUCT_ROWS ? y->tokens - k : PRODUCT_ROWS;
		memset(r->product, 0, n * WIDTH * sizeof *r->product);
		product_add_packed(r->product, WIDTH, y->rows + k * d, r->matrix, n, d, WIDTH, 0,
			WIDTH);
		relaxed_units(r->units + k % PART * TOKENS, PART * TOKENS, r->product, r->level,
			y->level + k, y->surcharge + k, n, (float)unit, p);
		if ((k + n) % PART == 0 || k + n == y->tokens)
			for (size_t c = 0; c * TOKENS < count; c++)
				relaxed_least(r->least + c * y->n * TOKENS,
					r->units + c * PART * TOKENS, y->place,
					y->indptr + k / PART * y->n, y->n);
	}
}

/* nearest (count, features of y): from `count` tokens of x, `first` on, to their nearest point of
 * each feature. */
static void take_nearest(uint16_t *nearest, const struct portion *x, size_t first, size_t count,
	const struct packed *y, const float *middle, int p, double unit)
{
	#pragma omp parallel
	{
		struct room r = room_for(y);
		#pragma omp for schedule(dynamic)
		for (size_t t = 0; t < count; t += WIDTH) {
			size_t some = count - t < WIDTH ? count - t : WIDTH;
			take_least(&r, x, first + t, some, y, middle, p, unit);
			for (size_t k = 0; k < some; k += TOKENS)
				relaxed_turn(nearest + (t + k) * y->n, r.least + k * y->n,
					some - k < TOKENS ? some - k : TOKENS, y->n);
			progress_add(some);
		}
		room_free(&r);
	}
}

/* paid[j]: the surcharges that all mass of feature j of y pays, in units and a little more, which
 * costs, their minima and sums of `times` parts may have been rounded up by. */
static void take_paid(float *paid, const struct portion *y, double unit, size_t times)
{
	for (size_t j = 0; j < y->n; j++) {
		double sum = 0;
		for (size_t k = y->indptr[j]; k < y->indptr[j + 1]; k++)
			sum += (double)y->all->weight[k]
				* (double)y->surcharge[y->all->row[k]];
		paid[j] = (float)(sum / unit * (1 + 1e-6) + 0.1 + 0.01 * (double)times);
	}
}

/* Tokens whose costs to n features `room` bytes hold. */
static size_t tokens_at_a_time(const struct portion *x, size_t n, size_t room)
{
	size_t most = room / sizeof(uint16_t) / n / WIDTH * WIDTH;

	most = most > WIDTH ? most : WIDTH;
	return most < x->tokens ? most : x->tokens;
}

/* of (features of x, features of y), which is 0: what the points of one of x pay to the nearest of
 * one of y. */
static void one_side(uint16_t *of, const struct portion *x, const struct portion *y,
	const float *middle, int p, double unit, size_t room)
{
	size_t most = tokens_at_a_time(x, y->n, room);
	uint16_t *nearest = xalloc(most * sizeof *nearest, y->n);
	float *paid = xalloc(y->n, sizeof *paid);
	struct packed packed = pack(y, middle);

	take_paid(paid, y, unit, (x->tokens - 1) / most + 1);
	for (size_t t = 0, n; t < x->tokens; t += n) {
		n = x->tokens - t < most ? x->tokens - t : most;
		bool last = t + n == x->tokens;
		take_nearest(nearest, x, t, n, &packed, middle, p, unit);
		#pragma omp parallel for schedule(dynamic)
		for (size_t i = 0; i < x->n; i++) {
			const size_t *at = x->indptr + i;
			relaxed_sums(of + i * y->n, nearest, t, n, last ? paid : NULL, y->n,
				x->place + at[0] - x->indptr[0], x->all->weight + at[0],
				at[1] - at[0]);
		}
	}
	packed_free(&packed);
	free(paid);
	free(nearest);
}

/* of_ij (n, m) = max(of_ij, other_ji); of both when they are one. */
static void raise_bounds(uint16_t *of, uint16_t *other, size_t n, size_t m)
{
	#pragma omp parallel for schedule(dynamic)
	for (size_t i0 = 0; i0 < n; i0 += TILE)
		for (size_t j0 = 0; j0 < (of == other ? i0 + 1 : m); j0 += TILE)
			for (size_t i = i0; i < n && i < i0 + TILE; i++)
				for (size_t j = j0; j < m && j < j0 + TILE; j++) {
					uint16_t *one = of + i * m + j, *two = other + j * n + i;
					*one = *one > *two ? *one : *two;
					if (of == other)
						*two = *one;
				}
}

/* Ends the program when the bounds and what they are made of do not fit. */
static void check_memory(const struct bounds *r, bool one, const struct portion *x,
	const struct portion *y, size_t room)
{
	double pairs = (double)r->rows * (double)r->cols * sizeof *r->of;
	double nearest = fmax((double)tokens_at_a_time(x, y->n, room) * (double)y->n,
		(double)tokens_at_a_time(y, x->n, room) * (double)x->n) * sizeof *r->of;
	double tokens = fmax((double)x->tokens, (double)y->tokens) * (double)x->all->d;

	memory_need(pairs * (one ? 1 : 2) + nearest + tokens * sizeof(float), "--rows I/N",
		"bounds of %zu x %zu pairs", r->rows, r->cols);
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
	const struct distributions *b, int p, size_t room)
{
	const struct distributions *side[2] = {a, b};
	struct bounds r = {first, end - first, b->ids.n, NULL, 0};
	bool one = a == b && r.rows == r.cols;
	float *surcharge[2];

	if (r.rows == 0 || r.cols == 0)
		return r;
	double *at = xcalloc(a->d, sizeof *at), square = take_middle(at, side);
	double most = SHARE * pow(FARTHEST * sqrt(square), p);
	float *middle = xalloc(a->d, sizeof *middle);
	for (size_t k = 0; k < a->d; k++)
		middle[k] = (float)at[k];
	for (int s = 0; s < 2; s++)
		surcharge[s] = take_surcharges(side[s], at, square, p, most);
	struct portion rows = take_portion(a, surcharge[0], first, r.rows);
	struct portion cols = take_portion(b, surcharge[1], 0, r.cols);

	check_memory(&r, one, &rows, &cols, room);
	r.of = xcalloc(r.rows * sizeof *r.of, r.cols);
	uint16_t *other = one ? r.of : xcalloc(r.rows * sizeof *r.of, r.cols);
	r.unit = fmax((pow(2 * FARTHEST * sqrt(square), p) + most) / 65534, 1e-30);
	progress_begin(rows.tokens + (one ? 0 : cols.tokens), "tokens for bounds");
	one_side(r.of, &rows, &cols, middle, p, r.unit, room);	/* sum_k a_k min_l C_kl + s_l */
	if (!one)		/* sum_l b_l min_k C_kl + s_k */
		one_side(other, &cols, &rows, middle, p, r.unit, room);
	raise_bounds(r.of, other, r.rows, r.cols);
	progress_end();
	if (!one)
		free(other);
	portion_free(&rows);
	portion_free(&cols);
	free(surcharge[0]);
	free(surcharge[1]);
	free(middle);
	free(at);
	return r;
}

void bounds_free(struct bounds *r)
{
	free(r->of);
	*r = (struct bounds){0};
}
