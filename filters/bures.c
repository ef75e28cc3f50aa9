/* Wasserstein distances between the Gaussians that have the features' means and covariances. */
#include "base/die.h"
#include "kernel/bures.h"
#include "distance/compare.h"
#include "distance/vectors.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

static bool diagonal;

static const struct opt options[] = {
	{"diagonal", OPT_FLAG, &diagonal, NULL, "with the variances alone, as if coordinates were independent", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

struct gaussians {
	double *mean, *trace;	/* (n, d), (n) */
	float *factor;		/* feature i's: rows begin[i] .. begin[i + 1] - 1 of (., d) */
	size_t *begin;
};

struct work {
	struct gaussians row, col;
	size_t d;
	bool self;
	double **thread;
};

static struct gaussians gaussians_of(const struct set *s, double *const *work)
{
	size_t n = s->ids.n, d = s->d;
	struct gaussians g = {xalloc(n * sizeof(double), d), xalloc(n, sizeof(double)), NULL, xcalloc(n + 1, sizeof(size_t))};

	for (size_t i = 0; i < n; i++)
		g.begin[i + 1] = g.begin[i] + (points_of(s, i) < d ? points_of(s, i) : d);
	g.factor = xalloc(g.begin[n] * sizeof(float), d);
	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < n; i++) {
		const uint32_t *row = s->row + s->indptr[i];
		const float *weight = s->weight + s->indptr[i];
		weighted_moments(g.mean + i * d, NULL, s->point, row, weight, points_of(s, i), d);
		g.trace[i] = covariance_factor(g.factor + g.begin[i] * d, g.mean + i * d, s->point, row, weight,
			points_of(s, i), d, work[omp_get_thread_num()]);
	}
	return g;
}

static void gaussians_free(struct gaussians *g)
{
	free(g->mean);
	free(g->trace);
	free(g->factor);
	free(g->begin);
}

static double distance(const struct gaussians *a, size_t i, const struct gaussians *b, size_t j, size_t d, double *work)
{
	double cross = nuclear_norm(a->factor + a->begin[i] * d, a->begin[i + 1] - a->begin[i],
		b->factor + b->begin[j] * d, b->begin[j + 1] - b->begin[j], d, work);
	double square = fmax(a->trace[i] + b->trace[j] - 2 * cross, 0);

	if (isnan(cross))
		die("features %zu and %zu: singular values were not found", i, j);
	for (size_t c = 0; c < d; c++) {
		double apart = a->mean[i * d + c] - b->mean[j * d + c];
		square += apart * apart;
	}
	return sqrt(square);
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct work *w = context;
	double *work = w->thread[thread];

	for (size_t n = 0; n < k; n++)
		if (w->self && col[n] <= i)
			out->dist[n] = col[n] < i ? (float)distance(&w->row, col[n], &w->row, i, w->d, work) : 0;
		else
			out->dist[n] = (float)distance(&w->row, i, &w->col, col[n], w->d, work);
}

static void open_full(struct stage *stage, const struct set *row, const struct set *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = row->d > col->d ? row->d : col->d, most = row->most > col->most ? row->most : col->most;
	size_t rank = most < d ? most : d;
	size_t factoring = covariance_factor_workspace(most, d), pairing = nuclear_norm_workspace(rank, rank, d);
	struct work *w = xalloc(1, sizeof *w);

	*w = (struct work){.d = d, .self = stage->self, .thread = xalloc(threads, sizeof(double *))};
	openblas_set_num_threads(1);
	for (size_t t = 0; t < threads; t++)
		w->thread[t] = xalloc(factoring > pairing ? factoring : pairing, sizeof(double));
	w->row = gaussians_of(row, w->thread);
	w->col = stage->self ? w->row : gaussians_of(col, w->thread);
	stage->context = w;
	stage->solve = distances_of_row;
}

static void close_full(void *context)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct work *w = context;

	gaussians_free(&w->row);
	if (!w->self)
		gaussians_free(&w->col);
	for (size_t t = 0; t < threads; t++)
		free(w->thread[t]);
	free(w->thread);
	free(w);
}

static void open_diagonal(struct stage *stage, const struct set *row, const struct set *col)
{
	moments_open(stage, row, col, true);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "bures [OPTION]... [A [B]]",
		"Wasserstein distances between features as Gaussians, of two sets or of one with itself.", 2);
	struct comparison c = read_comparison(operand, diagonal ? "bures diagonal" : "bures");

	sm_set_integer(&c.header, "p", 2);
	run_comparison(&c, diagonal ? open_diagonal : open_full, diagonal ? vectors_close : close_full);
	comparison_free(&c);
	free(operand);
	return 0;
}
