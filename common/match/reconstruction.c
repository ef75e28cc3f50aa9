#include "match/reconstruction.h"

#include "base/die.h"
#include "base/progress.h"

#include <omp.h>
#include <stdlib.h>

#define NO_PAIR UINT32_MAX

/* Sums over tokens are made in so many parts, whatever the number of threads is. */
enum { SUMS = 16 };

static size_t blocks_of(size_t tokens)
{
	return tokens / RECONSTRUCTION_TOKENS + (tokens % RECONSTRUCTION_TOKENS > 0);
}

size_t reconstruction_blocks(const struct activations *a)
{
	return blocks_of(a->tokens);
}

/* Entry k of a stream as it was before means were taken. */
static double activation(const struct activations *a, size_t k)
{
	return (double)a->by_token.value[k] + (double)a->mean_removed[a->by_token.index[k]];
}

/* pair_of[feature], NO_PAIR for none. */
static uint32_t *pairs_by(const uint32_t *feature, size_t n, size_t features)
{
	uint32_t *pair = xalloc(features, sizeof *pair);

	for (size_t i = 0; i < features; i++)
		pair[i] = NO_PAIR;
	for (size_t k = 0; k < n; k++)
		pair[feature[k]] = (uint32_t)k;
	return pair;
}

/* -- Vectors ----------------------------------------------------------------------------------- */

/* An activation of 1 adds `times` this row of a decoder. */
struct decoded {
	const float *row;
	double times;
};

static struct decoded decoded_by(const struct sae *s, size_t feature)
{
	return (struct decoded){s->w_dec + feature % s->features * s->d_out,
		sae_decoding(s, feature, 1)};
}

/* Of pair k. */
static struct decoded substitute(const struct reconstruction *r, const struct substitutes *p,
	size_t k)
{
	return r->row_sae ? decoded_by(r->row_sae, p->row[k]) : decoded_by(r->sae, p->col[k]);
}

static double product(struct decoded x, struct decoded y, size_t d)
{
	double sum = 0;

	for (size_t c = 0; c < d; c++)
		sum += (double)x.row[c] * (double)y.row[c];
	return x.times * y.times * sum;
}

static void subtract(double *y, struct decoded x, double activation, size_t d)
{
	double v = x.times * activation;

	for (size_t c = 0; c < d; c++)
		y[c] -= v * (double)x.row[c];
}

static double square(const double *y, size_t d)
{
	double sum = 0;

	for (size_t c = 0; c < d; c++)
		sum += y[c] * y[c];
	return sum;
}

/* -- Scales ------------------------------------------------------------------------------------ */

void reconstruction_scales(struct substitutes *p, const struct reconstruction *r)
{
	const struct activations *a = r->a, *b = r->b;
	double *on_token = xcalloc(b->features, sizeof *on_token);
	double *squares = xcalloc(p->n, sizeof *squares);
	uint32_t *pair = pairs_by(p->row, p->n, a->features);

	for (size_t k = 0; k < p->n; k++)
		p->scale[k] = 0;
	for (size_t t = 0; t < a->tokens; t++) {
		for (size_t e = b->by_token.indptr[t]; e < b->by_token.indptr[t + 1]; e++)
			on_token[b->by_token.index[e]] = activation(b, e);
		for (size_t e = a->by_token.indptr[t]; e < a->by_token.indptr[t + 1]; e++) {
			size_t k = pair[a->by_token.index[e]];
			if (k == NO_PAIR)
				continue;
			squares[k] += activation(a, e) * activation(a, e);
			p->scale[k] += activation(a, e) * on_token[p->col[k]];
		}
		for (size_t e = b->by_token.indptr[t]; e < b->by_token.indptr[t + 1]; e++)
			on_token[b->by_token.index[e]] = 0;
	}
	for (size_t k = 0; k < p->n; k++) {
		struct decoded own = decoded_by(r->sae, p->col[k]), other = substitute(r, p, k);
		double length = r->row_sae ? product(other, other, r->sae->d_out) : 1;
		p->scale[k] = squares[k] * length > 0 ? p->scale[k] / squares[k] : 0;
		if (r->row_sae && length > 0)
			p->scale[k] *= product(own, other, r->sae->d_out) / length;
	}
	free(pair);
	free(squares);
	free(on_token);
}

/* -- Errors ------------------------------------------------------------------------------------ */

/* y = x - b_dec of token t. */
static void state(double *y, float *x, const struct reconstruction *r, size_t t)
{
	states_row(r->states, r->token[t], x);
	for (size_t c = 0; c < r->sae->d_out; c++)
		y[c] = (double)x[c] - (r->sae->b_dec ? (double)r->sae->b_dec[c] : 0);
}

static void subtract_own(double *y, const struct reconstruction *r, size_t t)
{
	const struct sparse *b = &r->b->by_token;

	for (size_t e = b->indptr[t]; e < b->indptr[t + 1]; e++)
		subtract(y, decoded_by(r->sae, b->index[e]), activation(r->b, e), r->sae->d_out);
}

/* What a part of the blocks is summed with: the substitutes, and a workspace. */
struct sums {
	const struct reconstruction *r;
	const struct substitutes *p;	/* NULL: none */
	const uint32_t *pair_of_row, *pair_of_col;
	double *y;			/* (d) */
	float *x;			/* (d) */
	double *of_row, *of_col;	/* (n): activations on the token, else 0 */
	uint32_t *pair;			/* (n): those that are on it */
	double *change;			/* (n) */
};

/* Adds the pairs of the features of side `of` on token t to the n that are listed. */
static size_t list_pairs(struct sums *s, double *of, const struct activations *a,
	const uint32_t *pair, size_t t, size_t n)
{
	for (size_t e = a->by_token.indptr[t]; e < a->by_token.indptr[t + 1]; e++) {
		uint32_t k = pair[a->by_token.index[e]];
		double v = activation(a, e);
		if (k == NO_PAIR || v == 0)
			continue;
		if (s->of_row[k] == 0 && s->of_col[k] == 0)
			s->pair[n++] = k;
		of[k] = v;
	}
	return n;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Adds one substitute after the other to x_hat, of which y = x - x_hat, and takes out the column
 * where it is in x_hat. */
static void replace(struct sums *s, bool cols, size_t t)
{
	const struct reconstruction *r = s->r;
	size_t d = r->sae->d_out;
	size_t n = list_pairs(s, s->of_row, r->a, s->pair_of_row, t, 0);

	if (cols)
		n = list_pairs(s, s->of_col, r->b, s->pair_of_col, t, n);
	qsort(s->pair, n, sizeof *s->pair, ascending);
	double before = n > 0 ? square(s->y, d) : 0;
	for (size_t m = 0; m < n; m++) {
		uint32_t k = s->pair[m];
		if (cols)
			subtract(s->y, decoded_by(r->sae, s->p->col[k]), -s->of_col[k], d);
		subtract(s->y, substitute(r, s->p, k), s->p->scale[k] * s->of_row[k], d);
		double after = square(s->y, d);
		s->change[k] += after - before;
		before = after;
		s->of_row[k] = s->of_col[k] = 0;
	}
}

enum what { OWN, ALONE, REPLACED };

static void sum_blocks(struct sums *s, double *error, enum what what, size_t from, size_t to)
{
	for (size_t b = from; b < to; b++) {
		size_t first = b * RECONSTRUCTION_TOKENS;
		error[b] = 0;
		for (size_t t = first; t < s->r->a->tokens && t < first + RECONSTRUCTION_TOKENS;
				t++) {
			state(s->y, s->x, s->r, t);
			if (what != ALONE)
				subtract_own(s->y, s->r, t);
			if (what != OWN)
				replace(s, what == REPLACED, t);
			error[b] += square(s->y, s->r->sae->d_out);
		}
		progress_add(RECONSTRUCTION_TOKENS);
	}
}

/* change, p: NULL of OWN. */
static void sum(double *change, double *error, const struct reconstruction *r,
	const struct substitutes *p, enum what what)
{
	size_t d = r->sae->d_out, n = p ? p->n : 0, blocks = blocks_of(r->a->tokens);
	double *changes = xcalloc(SUMS * sizeof *changes, n);
	uint32_t *of_row = p ? pairs_by(p->row, n, r->a->features) : NULL;
	uint32_t *of_col = p ? pairs_by(p->col, n, r->b->features) : NULL;

	progress_begin(r->a->tokens, "tokens decoded");
	#pragma omp parallel for schedule(dynamic)
	for (size_t m = 0; m < SUMS; m++) {
		struct sums s = {.r = r, .p = p, .pair_of_row = of_row, .pair_of_col = of_col,
			.y = xalloc(d, sizeof *s.y), .x = xalloc(d, sizeof *s.x),
			.of_row = xcalloc(n, sizeof *s.of_row),
			.of_col = xcalloc(n, sizeof *s.of_col),
			.pair = xalloc(n, sizeof *s.pair), .change = changes + m * n};
		sum_blocks(&s, error, what, blocks * m / SUMS, blocks * (m + 1) / SUMS);
		free(s.pair);
		free(s.of_col);
		free(s.of_row);
		free(s.x);
		free(s.y);
	}
	progress_end();
	for (size_t k = 0; change && k < n; k++) {
		change[k] = 0;
		for (size_t m = 0; m < SUMS; m++)
			change[k] += changes[m * n + k];
	}
	free(of_col);
	free(of_row);
	free(changes);
}

void reconstruction_own(double *error, const struct reconstruction *r)
{
	sum(NULL, error, r, NULL, OWN);
}

void reconstruction_alone(double *change, double *error, const struct reconstruction *r,
	const struct substitutes *p)
{
	sum(change, error, r, p, ALONE);
}

void reconstruction_replaced(double *change, double *error, const struct reconstruction *r,
	const struct substitutes *p)
{
	sum(change, error, r, p, REPLACED);
}

void reconstruction_variance(double *variance, const struct reconstruction *r)
{
	size_t d = states_d(r->states), tokens = r->a->tokens;
	double *mean = xcalloc(d, sizeof *mean), *y = xalloc(d, sizeof *y);
	float *x = xalloc(d, sizeof *x);

	for (size_t t = 0; t < tokens; t++) {
		states_row(r->states, r->token[t], x);
		states_check(r->states, r->token[t], x);
		for (size_t c = 0; c < d; c++)
			mean[c] += (double)x[c];
	}
	for (size_t c = 0; c < d && tokens > 0; c++)
		mean[c] /= (double)tokens;
	for (size_t t = 0; t < tokens; t++) {
		states_row(r->states, r->token[t], x);
		for (size_t c = 0; c < d; c++)
			y[c] = (double)x[c] - mean[c];
		if (t % RECONSTRUCTION_TOKENS == 0)
			variance[t / RECONSTRUCTION_TOKENS] = 0;
		variance[t / RECONSTRUCTION_TOKENS] += square(y, d);
	}
	free(x);
	free(y);
	free(mean);
}
