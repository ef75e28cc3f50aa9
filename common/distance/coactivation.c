#include "distance/coactivation.h"

#include "base/die.h"
#include "base/simd.h"
#include "kernel/sparse.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* A thread's row. Between rows product and touched are 0. */
struct firing_row {
	double *product;		/* (columns) */
	uint8_t *touched;		/* (columns): which fire together with the row's feature */
	float *dist;			/* (columns) */
};

struct firing {
	enum coactivation metric;
	const struct dictionary *row, *col;
	float *ones;			/* in place of all activations, where only firing counts */
	struct firing_row *of_thread;
};

static size_t most_entries(const struct dictionary *d)
{
	size_t most = 0;

	for (size_t k = 0; k < d->streams; k++)
		most = d->stream[k].entries > most ? d->stream[k].entries : most;
	return most;
}

/* Of a feature of a, which fires on n_i tokens with sum s_i and variance q_i, and feature j of b;
 * product = sum_t a_i(t) b_j(t), which is n_ij of ones. */
static inline double likeness(enum coactivation metric, double n_i, double s_i, double q_i,
	const struct activations *b, size_t j, double product)
{
	double n_j = (double)b->count[j], both = product;

	if (metric == COACT_JACCARD) {
		both = product / (n_i + n_j - product);
	} else if (metric == COACT_JOINT) {
		both = product / (n_i > n_j ? n_i : n_j);
	} else {
		/* r = (sum ab - sum a sum b / tokens) / sqrt(variance_a variance_b) */
		double deviations = sqrt(q_i * b->variance[j]);
		double r = (product - s_i * b->sum[j] / (double)b->tokens) / deviations;
		both = deviations > 0 ? (r > 1 ? 1 : r < -1 ? -1 : r) : 0;
	}
	return n_i == 0 || n_j == 0 ? 0 : both;
}

/* The distances of feature i of a from all those of b. */
MULTIVERSION
static void distances_of_stream(float *dist, enum coactivation metric, const struct activations *a,
	size_t i, const struct activations *b, const double *product)
{
	double n_i = (double)a->count[i], s_i = a->sum[i], q_i = a->variance[i];

	if (metric == COACT_JACCARD)
		for (size_t j = 0; j < b->features; j++)
			dist[j] = (float)(1 - likeness(COACT_JACCARD, n_i, s_i, q_i, b, j,
				product[j]));
	else if (metric == COACT_JOINT)
		for (size_t j = 0; j < b->features; j++)
			dist[j] = (float)(1 - likeness(COACT_JOINT, n_i, s_i, q_i, b, j,
				product[j]));
	else
		for (size_t j = 0; j < b->features; j++)
			dist[j] = (float)(1 - likeness(COACT_PEARSON, n_i, s_i, q_i, b, j,
				product[j]));
}

/* The products of one feature with all columns: a row of the sparse product A' B. */
static void multiply(const struct firing *f, const struct firing_row *r,
	const struct activations *a, size_t feature)
{
	size_t begin = a->by_feature.indptr[feature], n = a->by_feature.indptr[feature + 1] - begin;

	for (size_t s = 0, first = 0; s < f->col->streams; first += f->col->stream[s++].features) {
		struct sparse b = f->col->stream[s].by_token;
		b.value = f->ones ? f->ones : b.value;
		sparse_add_product(r->product + first, r->touched + first,
			a->by_feature.index + begin,
			f->ones ? f->ones : a->by_feature.value + begin, n, &b);
	}
}

static void whole_row(const struct firing *f, const struct firing_row *r,
	const struct activations *a, size_t i)
{
	size_t feature = f->row->ids.feature[i];

	for (size_t s = 0, first = 0; s < f->col->streams; first += f->col->stream[s++].features)
		distances_of_stream(r->dist + first, f->metric, a, feature, &f->col->stream[s],
			r->product + first);
	if (f->row == f->col)
		r->dist[i] = 0;
}

static void clear(const struct firing *f, const struct firing_row *r)
{
	memset(r->product, 0, f->col->ids.n * sizeof *r->product);
	memset(r->touched, 0, f->col->ids.n);
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct firing *f = context;
	const struct firing_row *r = &f->of_thread[thread];

	multiply(f, r, f->row->of[i], f->row->ids.feature[i]);
	whole_row(f, r, f->row->of[i], i);
	clear(f, r);
	for (size_t e = 0; e < k; e++)
		out->dist[e] = r->dist[col[e]];
}

/* Features that never fire together are at 1 or more: at 1 where only firing counts, or where the
 * row's feature never fires. So of these no more than the first k can be near; and none, where k
 * others are nearer than 1. Returns how many columns, 0 where all have to be looked at. */
static size_t near_touched(const struct firing *f, const struct firing_row *r, size_t i, size_t k,
	struct entries *out)
{
	const struct activations *a = f->row->of[i];
	size_t feature = f->row->ids.feature[i], n = 0, below = 0;
	size_t at_one = f->metric != COACT_PEARSON || a->count[feature] == 0 ? k : 0;
	double n_i = (double)a->count[feature], s_i = a->sum[feature], q_i = a->variance[feature];

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
		const struct activations *b = f->col->of[j];
		double like = likeness(f->metric, n_i, s_i, q_i, b, f->col->ids.feature[j],
			r->product[j]);
		out->col[n] = (uint32_t)j;
		out->dist[n] = f->row == f->col && i == j ? 0 : (float)(1 - like);
		below += out->dist[n++] < 1;
	}
	return f->metric != COACT_PEARSON || n_i == 0 || below >= k ? n : 0;
}

static size_t near_row(void *context, size_t thread, size_t i, size_t k, struct entries *out)
{
	const struct firing *f = context;
	const struct firing_row *r = &f->of_thread[thread];

	multiply(f, r, f->row->of[i], f->row->ids.feature[i]);
	if (f->row == f->col)
		r->touched[i] = 1;
	size_t n = near_touched(f, r, i, k, out);
	if (n == 0) {
		n = f->col->ids.n;
		whole_row(f, r, f->row->of[i], i);
		memcpy(out->dist, r->dist, n * sizeof *out->dist);
		for (size_t j = 0; j < n; j++)
			out->col[j] = (uint32_t)j;
	}
	clear(f, r);
	return n;
}

static void close_firing(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct firing *f = stage->context;

	for (size_t t = 0; t < threads; t++) {
		free(f->of_thread[t].product);
		free(f->of_thread[t].touched);
		free(f->of_thread[t].dist);
	}
	free(f->of_thread);
	free(f->ones);
	free(f);
}

void coactivation_open(struct stage *stage, enum coactivation metric, const struct dictionary *row,
	const struct dictionary *col)
{
	size_t threads = (size_t)omp_get_max_threads(), n = col->ids.n;
	struct firing *f = xalloc(1, sizeof *f);
	size_t rows = most_entries(row), cols = most_entries(col), most = rows > cols ? rows : cols;

	*f = (struct firing){metric, row, col, NULL, xalloc(threads, sizeof *f->of_thread)};
	for (size_t t = 0; t < threads; t++)
		f->of_thread[t] = (struct firing_row){xcalloc(n, sizeof(double)),
			xcalloc(n, sizeof(uint8_t)), xalloc(n, sizeof(float))};
	if (metric != COACT_PEARSON) {
		f->ones = xalloc(most, sizeof *f->ones);
		for (size_t k = 0; k < most; k++)
			f->ones[k] = 1;
	}
	stage->context = f;
	stage->solve = distances_of_row;
	stage->near = near_row;
	stage->close = close_firing;
}
