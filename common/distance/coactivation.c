#include "distance/coactivation.h"

#include "base/die.h"
#include "kernel/sparse.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct firing {
	enum coactivation metric;
	const struct dictionary *row, *col;
	float *ones;			/* in place of all activations, where only firing counts */
	double **product;		/* of each thread, (columns) */
};

static size_t most_entries(const struct dictionary *d)
{
	size_t most = 0;

	for (size_t k = 0; k < d->streams; k++)
		most = d->stream[k].entries > most ? d->stream[k].entries : most;
	return most;
}

/* Of feature i of a and feature j of b; product = sum_t a_i(t) b_j(t), which is n_ij of ones. */
static double likeness(enum coactivation metric, const struct activations *a, size_t i,
	const struct activations *b, size_t j, double product)
{
	double n_i = (double)a->count[i], n_j = (double)b->count[j], tokens = (double)a->tokens;

	if (n_i == 0 || n_j == 0)
		return 0;
	if (metric == COACT_JACCARD)
		return product / (n_i + n_j - product);
	if (metric == COACT_JOINT)
		return product / fmax(n_i, n_j);
	/* r = (sum ab - sum a sum b / tokens) / sqrt(variance_a variance_b) */
	double deviations = sqrt(a->variance[i] * b->variance[j]);
	double r = deviations > 0 ? (product - a->sum[i] * b->sum[j] / tokens) / deviations : 0;
	return fmax(-1, fmin(1, r));
}

/* The products of one feature with all columns: a row of the sparse product A' B. */
static void multiply(const struct firing *f, double *product, const struct activations *a,
	size_t feature)
{
	size_t begin = a->by_feature.indptr[feature], n = a->by_feature.indptr[feature + 1] - begin;

	memset(product, 0, f->col->ids.n * sizeof *product);
	for (size_t s = 0; s < f->col->streams; product += f->col->stream[s++].features) {
		struct sparse b = f->col->stream[s].by_token;
		b.value = f->ones ? f->ones : b.value;
		sparse_add_product(product, a->by_feature.index + begin,
			f->ones ? f->ones : a->by_feature.value + begin, n, &b);
	}
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct firing *f = context;
	const struct activations *a = f->row->of[i];
	size_t feature = f->row->ids.feature[i];
	double *product = f->product[thread];

	multiply(f, product, a, feature);
	for (size_t e = 0; e < k; e++) {
		size_t j = col[e];
		double like = likeness(f->metric, a, feature, f->col->of[j], f->col->ids.feature[j],
			product[j]);
		out->dist[e] = f->row == f->col && i == j ? 0 : (float)(1 - like);
	}
}

static void close_firing(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct firing *f = stage->context;

	for (size_t t = 0; t < threads; t++)
		free(f->product[t]);
	free(f->product);
	free(f->ones);
	free(f);
}

void coactivation_open(struct stage *stage, enum coactivation metric, const struct dictionary *row,
	const struct dictionary *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct firing *f = xalloc(1, sizeof *f);
	size_t rows = most_entries(row), cols = most_entries(col), most = rows > cols ? rows : cols;

	*f = (struct firing){metric, row, col, NULL, xalloc(threads, sizeof *f->product)};
	for (size_t t = 0; t < threads; t++)
		f->product[t] = xalloc(col->ids.n, sizeof **f->product);
	if (metric != COACT_PEARSON) {
		f->ones = xalloc(most, sizeof *f->ones);
		for (size_t k = 0; k < most; k++)
			f->ones[k] = 1;
	}
	stage->context = f;
	stage->solve = distances_of_row;
	stage->close = close_firing;
}
