/* Wasserstein distances between the Gaussians that have the features' means and covariances:
 * W_2^2 = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2. */
#include "base/die.h"
#include "base/memory.h"
#include "base/opt.h"
#include "distance/stage.h"
#include "distance/vectors.h"
#include "kernel/bures.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

static bool diagonal;
static struct stage_options asked;

static const struct opt options[] = {
	{"diagonal", OPT_FLAG, &diagonal, NULL,
		"use the variances only, as if coordinates were independent", 0, 0},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_ERROR(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* Those of n features, of d dimensions. */
struct gaussians {
	double *mean, *trace;	/* (n, d), (n): m, tr S */
	float *factor;		/* A with S = A'A, (., d): feature i's rows are ... */
	size_t *begin;		/* ... begin[i] .. begin[i + 1] - 1 */
};

struct bures {
	struct gaussians row, col;
	size_t d;
	bool symmetric;
};

static struct gaussians gaussians_of(const struct distributions *s)
{
	size_t n = s->ids.n, d = s->d, each = covariance_factor_workspace(s->max_points, d);
	double *workspaces = xalloc((size_t)omp_get_max_threads() * each, sizeof *workspaces);
	struct gaussians g = {xalloc(n * sizeof(double), d), xalloc(n, sizeof(double)), NULL,
		xcalloc(n + 1, sizeof(size_t))};

	for (size_t i = 0; i < n; i++)
		g.begin[i + 1] = g.begin[i] + (points_of(s, i) < d ? points_of(s, i) : d);
	g.factor = xalloc(g.begin[n] * sizeof(float), d);
	memory_for_blas((size_t)omp_get_max_threads());
	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < n; i++) {
		weighted_moments(g.mean + i * d, NULL, s->point, rows_of(s, i), weights_of(s, i),
			points_of(s, i), d);
		g.trace[i] = covariance_factor(g.factor + g.begin[i] * d, g.mean + i * d,
			s->point, rows_of(s, i), weights_of(s, i), points_of(s, i), d,
			workspaces + (size_t)omp_get_thread_num() * each);
	}
	free(workspaces);
	return g;
}

static void gaussians_free(struct gaussians *g)
{
	free(g->mean);
	free(g->trace);
	free(g->factor);
	free(g->begin);
}

/* NaN where LAPACK found no singular values. */
static double distance(const void *context, void *workspace, size_t i, size_t j)
{
	const struct bures *w = context;
	const struct gaussians *a = &w->row, *b = &w->col;
	size_t d = w->d;

	if (w->symmetric && i == j)
		return 0;
	double cross = nuclear_norm(a->factor + a->begin[i] * d, a->begin[i + 1] - a->begin[i],
		b->factor + b->begin[j] * d, b->begin[j + 1] - b->begin[j], d, workspace);
	double square = a->trace[i] + b->trace[j] - 2 * cross;
	if (square < 0)		/* by rounding */
		square = 0;
	for (size_t c = 0; c < d; c++) {
		double apart = a->mean[i * d + c] - b->mean[j * d + c];
		square += apart * apart;
	}
	return sqrt(square);
}

static void close_bures(struct stage *stage)
{
	struct bures *w = stage->context;

	gaussians_free(&w->row);
	if (!w->symmetric)
		gaussians_free(&w->col);
	free(w);
}

static void open_bures(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	size_t d = row->d > col->d ? row->d : col->d;
	size_t n = row->max_points < d ? row->max_points : d;
	size_t m = col->max_points < d ? col->max_points : d;
	struct bures *w = xalloc(1, sizeof *w);

	openblas_set_num_threads(1);
	*w = (struct bures){.row = gaussians_of(row), .d = d, .symmetric = stage->symmetric};
	w->col = stage->symmetric ? w->row : gaussians_of(col);
	stage->context = w;
	stage->pair = distance;
	stage->workspace = nuclear_norm_workspace(n, m, d) * sizeof(double);
	stage->close = close_bures;
}

/* S = diag(s^2): W_2^2 = |m1 - m2|^2 + |s1 - s2|^2. */
static void open_diagonal(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	moments_open(stage, row, col, true);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "bures [OPTION]... [A [B]]",
		"Wasserstein distances between features as Gaussians, of two sets or of one.", 2);
	struct comparison c = comparison_open(operand, diagonal ? "bures diagonal" : "bures");

	sm_set_integer(&c.header, "p", 2);
	comparison_write(&c, &asked, diagonal ? open_diagonal : open_bures);
	comparison_close(&c);
	free(operand);
	return 0;
}
