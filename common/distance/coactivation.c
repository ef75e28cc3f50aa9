#include "distance/coactivation.h"

#include "base/die.h"
#include "base/simd.h"
#include "kernel/bottom_k.h"
#include "kernel/lift.h"
#include "kernel/sparse.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Of all features of a dictionary, over those tokens of a text that count. */
struct moments {
	size_t tokens;
	size_t *count;			/* tokens on which a feature fires */
	double *sum, *variance;		/* sum a, sum a^2 - (sum a)^2 / tokens */
};

/* Of one feature. */
struct moment {
	double n, s, q;
};

/* A thread's row. Between rows product, touched, u, seen and last are 0. */
struct firing_row {
	struct moment moment[2];	/* of the row's feature on each text */
	double *product;		/* (columns, texts) */
	uint8_t *touched;		/* (columns): which fire together with the row's feature */
	float *dist;			/* (columns) */
	uint32_t *index;		/* with halvings (tokens): the feature's entries of a ... */
	float *value;			/* ... half */
	double (*u)[2];			/* through a coupling, as lift_vector() says ... */
	uint32_t *list;
	uint8_t *seen;
	uint32_t *last;			/* ... (columns): as lift_add_firing() does */
};

struct firing {
	enum coactivation metric;
	const struct dictionary *row, *col;
	size_t texts;			/* 1, or 2 through a coupling */
	const struct coupling *coupling;
	struct lift lift;
	bool halved;			/* it is of a half of the tokens, and shares what is not */
	uint8_t *among[2];		/* (tokens of each text): which count; NULL: all */
	struct moments own, of_col[2];	/* of the rows on their text; of the columns on each */
	float *ones;			/* in place of all activations, where only firing counts */
	bool *undivided[2];		/* (rows), (columns): as stage.h says */
	struct firing_row *of_thread;
};

/* -- Distances --------------------------------------------------------------------------------- */

/* Of a feature and column j; product = sum_t a_i(t) b_j(t), which is n_ij of ones. */
static inline double likeness(enum coactivation metric, const struct moment *i,
	const struct moments *of, size_t j, double product)
{
	double n_j = (double)of->count[j], both = product;

	if (metric == COACT_JACCARD) {
		both = product / (i->n + n_j - product);
	} else if (metric == COACT_JOINT) {
		both = product / (i->n > n_j ? i->n : n_j);
	} else {
		/* r = (sum ab - sum a sum b / tokens) / sqrt(variance_a variance_b) */
		double deviations = sqrt(i->q * of->variance[j]);
		double r = (product - i->s * of->sum[j] / (double)of->tokens) / deviations;
		both = deviations > 0 ? (r > 1 ? 1 : r < -1 ? -1 : r) : 0;
	}
	return i->n == 0 || n_j == 0 ? 0 : both;
}

static inline float distance_of(enum coactivation metric, size_t texts, const struct firing *f,
	const struct firing_row *r, size_t j)
{
	double like = likeness(metric, &r->moment[0], &f->of_col[0], j, r->product[texts * j]);

	if (texts == 2)
		like = (like + likeness(metric, &r->moment[1], &f->of_col[1], j,
			r->product[2 * j + 1])) / 2;
	return (float)(1 - like);
}

#define FILL(metric, texts) \
	for (size_t j = 0; j < n; j++) \
		dist[j] = distance_of(metric, texts, f, r, j)

MULTIVERSION
static void whole_row(float *dist, const struct firing *f, const struct firing_row *r, size_t n)
{
	if (f->metric == COACT_JACCARD && f->texts == 1)
		FILL(COACT_JACCARD, 1);
	else if (f->metric == COACT_JACCARD)
		FILL(COACT_JACCARD, 2);
	else if (f->metric == COACT_JOINT && f->texts == 1)
		FILL(COACT_JOINT, 1);
	else if (f->metric == COACT_JOINT)
		FILL(COACT_JOINT, 2);
	else if (f->texts == 1)
		FILL(COACT_PEARSON, 1);
	else
		FILL(COACT_PEARSON, 2);
}

/* -- A row: products of its feature with all columns ------------------------------------------- */

/* The entries of column stream s, or ones in their place. */
static struct sparse entries_of(const struct firing *f, size_t s)
{
	struct sparse b = f->col->stream[s].by_token;

	b.value = f->ones ? f->ones : b.value;
	return b;
}

/* Through the coupling: on the rows' text in u[.][0] and the products [0], on the columns' in
 * u[.][1], which is 1 where only firing counts, and the products [1]. */
static void multiply_lifted(const struct firing *f, struct firing_row *r, const uint32_t *index,
	const float *value, size_t n)
{
	double (*p)[2] = (double (*)[2])r->product;
	size_t found = lift_vector(r->u, r->list, r->seen, index, value, n, &f->lift, f->among[0]);
	struct moment m = {0};
	size_t kept = 0;

	for (size_t k = 0; k < found; k++) {
		uint32_t t = r->list[k];
		double *u = r->u[t];
		u[0] = f->ones ? 0 : u[0];
		u[1] = !f->among[1][t] ? 0 : f->ones ? 1 : u[1];
		m.n += f->among[1][t];
		m.s += u[1];
		m.q += u[1] * u[1];
		r->seen[t] = 0;
		if (f->among[1][t] || u[0] < 0 || u[0] > 0)	/* all, but of halves */
			r->list[kept++] = t;
	}
	m.q = sparse_variance(m.q, m.s, f->of_col[1].tokens);
	r->moment[1] = m;
	for (size_t s = 0, first = 0; s < f->col->streams; first += f->col->stream[s++].features) {
		struct sparse b = entries_of(f, s);
		lift_add_product(p + first, r->touched + first, r->u, r->list, kept, &b);
		if (f->ones)
			lift_add_firing(p + first, r->last + first, index, n, &f->lift, &b,
				f->among[0]);
	}
	for (size_t k = 0; k < kept; k++)
		r->u[r->list[k]][0] = r->u[r->list[k]][1] = 0;
}

/* A row of the sparse product A' B, or of A' B~ and A~' B. */
static void multiply(const struct firing *f, struct firing_row *r, size_t i)
{
	const struct sparse *a = &f->row->of[i]->by_feature;
	size_t feature = f->row->ids.feature[i], begin = a->indptr[feature];
	size_t n = a->indptr[feature + 1] - begin;
	const uint32_t *index = a->index + begin;
	const float *value = f->ones ? f->ones : a->value + begin;

	r->moment[0] = (struct moment){(double)f->own.count[i], f->own.sum[i], f->own.variance[i]};
	if (f->coupling) {
		multiply_lifted(f, r, index, value, n);
		return;
	}
	if (f->halved) {
		n = sparse_among(r->index, r->value, index, value, n, f->among[0]);
		index = r->index;
		value = r->value;
	}
	for (size_t s = 0, first = 0; s < f->col->streams; first += f->col->stream[s++].features) {
		struct sparse b = entries_of(f, s);
		sparse_add_product(r->product + first, r->touched + first, index, value, n, &b);
	}
}

static void clear(const struct firing *f, struct firing_row *r)
{
	memset(r->product, 0, f->col->ids.n * f->texts * sizeof *r->product);
	memset(r->touched, 0, f->col->ids.n);
	if (r->last)
		memset(r->last, 0, f->col->ids.n * sizeof *r->last);
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct firing *f = context;
	struct firing_row *r = &f->of_thread[thread];
	bool few = k < f->col->ids.n / 8;

	multiply(f, r, i);
	if (!few)
		whole_row(r->dist, f, r, f->col->ids.n);
	for (size_t e = 0; e < k; e++)
		out->dist[e] = f->row == f->col && col[e] == i ? 0
			: few ? distance_of(f->metric, f->texts, f, r, col[e]) : r->dist[col[e]];
	clear(f, r);
}

/* Features that never fire together are at 1 or more: at 1 where only firing counts, or where the
 * row's feature never fires. So of these no more than the first k can be near; and none, where k
 * others are nearer than 1. Returns how many columns, 0 where all have to be looked at. */
static size_t near_touched(const struct firing *f, const struct firing_row *r, size_t i, size_t k,
	struct entries *out)
{
	bool silent = r->moment[0].n == 0;
	size_t n = 0, below = 0, at_one = f->metric != COACT_PEARSON || silent ? k : 0;

	for (size_t j = 0; j < f->col->ids.n; j++) {
		uint64_t eight = 1;
		if (at_one == 0 && j % 8 == 0 && j + 8 <= f->col->ids.n)
			memcpy(&eight, r->touched + j, sizeof eight);
		if (eight == 0) {
			j += 7;
			continue;
		}
		if (!r->touched[j] && at_one == 0)
			continue;
		at_one -= !r->touched[j];
		out->col[n] = (uint32_t)j;
		out->dist[n] = f->row == f->col && i == j ? 0
			: distance_of(f->metric, f->texts, f, r, j);
		below += out->dist[n++] < 1;
	}
	return f->metric != COACT_PEARSON || silent || below >= k ? n : 0;
}

static size_t near_row(void *context, size_t thread, size_t i, size_t k, struct entries *out)
{
	const struct firing *f = context;
	struct firing_row *r = &f->of_thread[thread];

	multiply(f, r, i);
	if (f->row == f->col)
		r->touched[i] = 1;
	size_t n = near_touched(f, r, i, k, out);
	if (n == 0) {
		n = f->col->ids.n;
		whole_row(out->dist, f, r, n);
		if (f->row == f->col)
			out->dist[i] = 0;
		for (size_t j = 0; j < n; j++)
			out->col[j] = (uint32_t)j;
	}
	clear(f, r);
	return n;
}

/* -- Moments ----------------------------------------------------------------------------------- */

static struct moments moments_open(size_t n, size_t tokens, const uint8_t *among)
{
	struct moments m = {0, xalloc(n, sizeof *m.count), xalloc(n, sizeof *m.sum),
		xalloc(n, sizeof *m.variance)};

	for (size_t t = 0; t < tokens; t++)
		m.tokens += !among || among[t];
	return m;
}

static void moments_free(struct moments *m)
{
	free(m->count);
	free(m->sum);
	free(m->variance);
}

/* Sums of squares become variances. */
static void subtract_means(struct moments *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m->variance[i] = sparse_variance(m->variance[i], m->sum[i], m->tokens);
}

/* On the text of the dictionary's streams, of which there is by_feature or by_token. */
static struct moments own_moments(const struct dictionary *d, const uint8_t *among)
{
	struct moments m = moments_open(d->ids.n, d->streams ? d->stream->tokens : 0, among);

	for (size_t s = 0, first = 0; s < d->streams; first += d->stream[s++].features) {
		const struct activations *a = &d->stream[s];
		if (a->by_token.indptr)
			sparse_column_moments(m.count + first, m.sum + first, m.variance + first,
				&a->by_token, a->tokens, a->features, among);
		else
			sparse_row_moments(m.count + first, m.sum + first, m.variance + first,
				&a->by_feature, a->features, among);
	}
	subtract_means(&m, d->ids.n);
	return m;
}

/* Of columns on the text of the rows. */
static struct moments lifted_moments(const struct firing *f)
{
	const struct dictionary *d = f->col;
	size_t rows = f->coupling->rows, n = d->ids.n;
	struct moments m = moments_open(n, rows, f->among[0]);
	double *lifted = xcalloc(n, sizeof *lifted);
	uint8_t *seen = xcalloc(n, sizeof *seen);
	uint32_t *list = xalloc(n, sizeof *list);

	for (size_t s = 0, first = 0; s < d->streams; first += d->stream[s++].features)
		lift_moments(m.count + first, m.sum + first, m.variance + first, &f->lift, rows,
			&d->stream[s].by_token, d->stream[s].features, f->among[0], lifted, seen,
			list);
	subtract_means(&m, n);
	free(lifted);
	free(seen);
	free(list);
	return m;
}

/* -- The stage --------------------------------------------------------------------------------- */

static void free_moments(struct firing *f)
{
	moments_free(&f->own);
	for (int k = 0; k < 2; k++) {
		moments_free(&f->of_col[k]);
		free(f->among[k]);
	}
}

static void close_firing(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct firing *f = stage->context;

	for (size_t h = 0; h < stage->half_stages; h++) {
		free_moments(stage->half_stage[h].context);
		free(stage->half_stage[h].context);
	}
	free(stage->half_stage);
	free(f->undivided[0]);
	free(f->undivided[1]);
	for (size_t t = 0; t < threads; t++) {
		struct firing_row *r = &f->of_thread[t];
		free(r->product);
		free(r->touched);
		free(r->dist);
		free(r->index);
		free(r->value);
		free(r->u);
		free(r->list);
		free(r->seen);
		free(r->last);
	}
	free(f->of_thread);
	free(f->ones);
	free(f->lift.share);
	free_moments(f);
	free(f);
}

static size_t most_entries(const struct dictionary *d)
{
	size_t most = 0;

	for (size_t k = 0; k < d->streams; k++)
		most = d->stream[k].entries > most ? d->stream[k].entries : most;
	return most;
}

static void take_ones(struct firing *f)
{
	size_t rows = most_entries(f->row), cols = most_entries(f->col);
	size_t most = rows > cols ? rows : cols;

	f->ones = xalloc(most, sizeof *f->ones);
	for (size_t k = 0; k < most; k++)
		f->ones[k] = 1;
}

/* The shares, and which tokens of either side have a partner. */
static void take_coupling(struct firing *f)
{
	const struct coupling *c = f->coupling;
	double *col_sum = xalloc(c->cols, sizeof *col_sum);

	f->lift = (struct lift){c->g.indptr, c->g.index,
		xalloc(c->g.indptr[c->rows], sizeof *f->lift.share)};
	f->among[0] = xalloc(c->rows, sizeof *f->among[0]);
	f->among[1] = xalloc(c->cols, sizeof *f->among[1]);
	lift_shares(f->lift.share, f->among, col_sum, &c->g, c->rows, c->cols);
	free(col_sum);
}

static void take_moments(struct firing *f)
{
	f->own = own_moments(f->row, f->among[0]);
	f->of_col[f->texts - 1] = own_moments(f->col, f->among[1]);
	if (f->coupling)
		f->of_col[0] = lifted_moments(f);
}

static struct firing_row firing_row_open(const struct firing *f, bool halvings)
{
	size_t n = f->col->ids.n, cols = f->coupling ? f->coupling->cols : 0;
	size_t tokens = halvings && !f->coupling ? f->row->tokens->n : 0;

	return (struct firing_row){
		.product = xcalloc(n * f->texts, sizeof(double)),
		.touched = xcalloc(n, sizeof(uint8_t)),
		.dist = xalloc(n, sizeof(float)),
		.index = xalloc(tokens, sizeof(uint32_t)),
		.value = xalloc(tokens, sizeof(float)),
		.u = xcalloc(cols, 2 * sizeof(double)),
		.list = xalloc(cols, sizeof(uint32_t)),
		.seen = xcalloc(cols, sizeof(uint8_t)),
		.last = f->coupling && f->ones ? xcalloc(n, sizeof(uint32_t)) : NULL,
	};
}

/* -- Halves ------------------------------------------------------------------------------------ */

/* The same on one half of the tokens of a halving; a token of the columns' text is in the half of
 * its partner. */
static struct firing *half_of(const struct firing *f, const uint32_t *partner, size_t halving,
	bool second)
{
	struct firing *h = xalloc(1, sizeof *h);
	size_t rows = f->row->streams ? f->row->stream->tokens : 0;
	const uint32_t *token = f->coupling ? f->coupling->row_token : f->row->tokens->token;
	uint8_t *in = xalloc(rows, sizeof *in);

	*h = *f;
	h->halved = true;
	for (size_t s = 0; s < rows; s++)
		in[s] = (!f->among[0] || f->among[0][s]) && second
			== (token_uniform(halving, (uint64_t)1 << 63, token[s]) > 0.5);
	h->among[0] = in;
	h->among[1] = xalloc(f->coupling ? f->coupling->cols : rows, sizeof *h->among[1]);
	for (size_t t = 0; f->coupling && t < f->coupling->cols; t++)
		h->among[1][t] = f->among[1][t] && in[partner[t]];
	for (size_t t = 0; !f->coupling && t < rows; t++)
		h->among[1][t] = in[t];
	take_moments(h);
	return h;
}

/* All halves, with which the stage writes errors. */
static void open_halves(struct stage *stage, struct firing *f)
{
	size_t cols = f->coupling ? f->coupling->cols : 0;
	uint32_t *partner = xcalloc(cols, sizeof *partner);
	float *most = xcalloc(cols, sizeof *most);

	if (f->coupling)
		lift_partners(partner, most, &f->coupling->g, f->coupling->rows);
	stage->half_stages = 2 * stage->asked.halvings;
	stage->half_stage = xcalloc(stage->half_stages, sizeof *stage->half_stage);
	f->undivided[0] = xcalloc(f->row->ids.n, sizeof(bool));
	f->undivided[1] = xcalloc(f->col->ids.n, sizeof(bool));
	for (size_t n = 0; n < stage->half_stages; n++) {
		struct firing *h = half_of(f, partner, n / 2, n % 2);
		stage->half_stage[n].context = h;
		stage->half_stage[n].solve = distances_of_row;
		for (size_t i = 0; i < f->row->ids.n; i++)
			f->undivided[0][i] |= h->own.count[i] == 0;
		for (size_t j = 0; j < f->col->ids.n; j++)
			f->undivided[1][j] |= h->of_col[f->texts - 1].count[j] == 0;
	}
	stage->row_undivided = f->undivided[0];
	stage->col_undivided = f->undivided[1];
	free(partner);
	free(most);
}

void coactivation_open(struct stage *stage, enum coactivation metric, const struct dictionary *row,
	const struct dictionary *col, const struct coupling *coupling)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct firing *f = xalloc(1, sizeof *f);

	*f = (struct firing){.metric = metric, .row = row, .col = col, .coupling = coupling,
		.texts = coupling ? 2 : 1, .of_thread = xalloc(threads, sizeof *f->of_thread)};
	if (metric != COACT_PEARSON)
		take_ones(f);
	if (coupling)
		take_coupling(f);
	take_moments(f);
	for (size_t t = 0; t < threads; t++)
		f->of_thread[t] = firing_row_open(f, stage->asked.halvings > 0);
	if (stage->asked.halvings)
		open_halves(stage, f);
	stage->context = f;
	stage->solve = distances_of_row;
	stage->near = near_row;
	stage->close = close_firing;
}
