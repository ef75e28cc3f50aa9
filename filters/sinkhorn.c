/* Entropic Wasserstein distances of all pairs of two sets of features. */
#include "die.h"
#include "opt.h"
#include "ot.h"
#include "set.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static int power;			/* p - 1 */
static double epsilon = 0.02, epsilon_abs = NAN, tol = 1e-5;
static size_t max_iters = 2000;
static bool debias;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	{"epsilon", OPT_REAL, &epsilon, "E", "regularisation, as a fraction of a pair's mean cost", 1e-6, 1e6},
	{"epsilon-abs", OPT_REAL, &epsilon_abs, "E", "regularisation in units of the cost, instead", 1e-30, 1e30},
	{"tol", OPT_REAL, &tol, "T", "stop when the marginals are met within T (L1)", 0, 2},
	{"max-iters", OPT_SIZE, &max_iters, "N", "or after N iterations", 1, 1e9},
	{"debias", OPT_FLAG, &debias, NULL, "the Sinkhorn divergence: 0 between equal distributions", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* Rows of the answer: (rows, cols) each. */
struct block {
	float *dist, *residual;
	uint32_t *iters;
};

/* What one thread works in. */
struct scratch {
	float *x, *x_norm;		/* a feature's points */
	float *table_cost;		/* (tokens of B, ld): from each of them to each of those points */
	float *cost;			/* of one pair */
	double *workspace;
};

static struct scratch scratch_for(const struct set *a, const struct set *b)
{
	size_t n = a->most > b->most ? a->most : b->most, ld = ot_ld(n);

	return (struct scratch){
		.x = need(n * a->d, sizeof(float)),
		.x_norm = need(n, sizeof(float)),
		.table_cost = need(b->tokens * ld, sizeof(float)),
		.cost = need(n * ld, sizeof(float)),
		.workspace = need(sinkhorn_workspace(n, n), sizeof(double)),
	};
}

static void scratch_free(struct scratch *s)
{
	free(s->x);
	free(s->x_norm);
	free(s->table_cost);
	free(s->cost);
	free(s->workspace);
}

static size_t points_of(const struct set *s, size_t feature)
{
	return s->indptr[feature + 1] - s->indptr[feature];
}

static void gather_points(struct scratch *w, const struct set *s, const float *norm, size_t feature)
{
	const uint32_t *row = s->row + s->indptr[feature];

	for (size_t i = 0, n = points_of(s, feature); i < n; i++) {
		memcpy(w->x + i * s->d, s->point + row[i] * s->d, s->d * sizeof *w->x);
		w->x_norm[i] = norm[row[i]];
	}
}

/* Floats resolve costs to about 1e-7, so epsilon stays above 1e-6 of the largest. */
static double pair_epsilon(const float *cost, size_t n, size_t m, size_t ld)
{
	double e = isnan(epsilon_abs) ? epsilon * mean_cost(cost, n, m, ld) : epsilon_abs;

	return fmax(e, fmax(1e-6 * (double)largest_cost(cost, m, ld), 1e-30));
}

/* Takes from a pair's regularised cost half that of a distribution with itself, for --debias; the pair's
 * iterations and residual become the worst of the three problems'. */
static void take_self_term(struct sinkhorn *pair, const struct set *s, const float *norm, size_t feature,
	double eps, struct scratch *w)
{
	size_t n = points_of(s, feature), ld = ot_ld(n);
	const float *weight = s->weight + s->indptr[feature];

	gather_points(w, s, norm, feature);
	cost_matrix(w->cost, w->x, w->x_norm, n, w->x, w->x_norm, n, s->d, power + 1, ld);
	struct sinkhorn self = sinkhorn(w->cost, weight, weight, n, n, ld, eps, tol, (uint32_t)max_iters,
		w->workspace);
	pair->dual -= self.dual / 2;
	pair->iters = self.iters > pair->iters ? self.iters : pair->iters;
	pair->residual = fmaxf(self.residual, pair->residual);
}

static double root(double cost)
{
	return power == 0 ? fmax(cost, 0) : sqrt(fmax(cost, 0));
}

static void solve_pair(const struct set *a, const float *a_norm, size_t i, const struct set *b,
	const float *b_norm, size_t j, struct scratch *w, float *dist, uint32_t *iters, float *residual)
{
	size_t n = points_of(a, i), m = points_of(b, j), ld = ot_ld(n);
	const uint32_t *row = b->row + b->indptr[j];

	for (size_t k = 0; k < m; k++)
		memcpy(w->cost + k * ld, w->table_cost + row[k] * ld, ld * sizeof *w->cost);
	double eps = pair_epsilon(w->cost, n, m, ld);
	struct sinkhorn s = sinkhorn(w->cost, a->weight + a->indptr[i], b->weight + b->indptr[j], n, m, ld,
		eps, tol, (uint32_t)max_iters, w->workspace);
	if (debias) {
		take_self_term(&s, a, a_norm, i, eps, w);
		take_self_term(&s, b, b_norm, j, eps, w);
	}
	*dist = (float)root(debias ? s.dual : s.cost);
	*iters = s.iters;
	*residual = s.residual;
}

/* Row i of the answer, from column `from` on, into place at of the block. */
static void solve_row(const struct set *a, const float *a_norm, size_t i, const struct set *b,
	const float *b_norm, size_t from, struct scratch *w, const struct block *block, size_t at)
{
	size_t n = points_of(a, i), cols = b->ids.n;

	gather_points(w, a, a_norm, i);
	cost_matrix(w->table_cost, b->point, b_norm, b->tokens, w->x, w->x_norm, n, a->d, power + 1,
		ot_ld(n));
	for (size_t j = from; j < cols; j++)
		solve_pair(a, a_norm, i, b, b_norm, j, w, &block->dist[at * cols + j],
			&block->iters[at * cols + j], &block->residual[at * cols + j]);
}

static void mirror(const struct block *block, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++) {
			block->dist[i * n + j] = block->dist[j * n + i];
			block->iters[i * n + j] = block->iters[j * n + i];
			block->residual[i * n + j] = block->residual[j * n + i];
		}
}

static void write_rows(struct writer *out, const struct block *block, size_t row0, size_t rows, size_t cols)
{
	size_t step = block_rows(cols);

	for (size_t i = 0; i < rows; i += step)
		write_block(out, row0 + i, rows - i < step ? rows - i : step, cols, block->dist + i * cols,
			block->iters + i * cols, block->residual + i * cols);
}

static float *norms_of(const struct set *s)
{
	float *norm = need(s->tokens, sizeof *norm);

	squared_norms(norm, s->point, s->tokens, s->d);
	for (size_t i = 0; i < s->tokens; i++)
		if (!(norm[i] < 1e30f))		/* so that sums of squared distances stay floats */
			die("%s: points more than 1e15 apart", s->name);
	return norm;
}

struct summary {
	size_t unfinished;
	float residual;
};

static void count_unfinished(struct summary *s, const float *residual, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		s->unfinished += (double)residual[i] > tol;
		s->residual = residual[i] > s->residual ? residual[i] : s->residual;
	}
}

/* All pairs, block by block; of one set with itself all at once, as the lower half is the upper. */
static void all_pairs(struct writer *out, const struct set *a, const struct set *b, bool self)
{
	size_t rows = a->ids.n, cols = b->ids.n, step = self ? rows : block_rows(cols);
	float *a_norm = norms_of(a), *b_norm = self ? a_norm : norms_of(b);
	struct summary summary = {0};
	struct scratch *scratch = need(threads, sizeof *scratch);

	for (size_t t = 0; t < threads; t++)
		scratch[t] = scratch_for(a, b);
	step = step < rows ? step : rows;
	struct block block = {need(step * cols, sizeof(float)), need(step * cols, sizeof(float)),
		need(step * cols, sizeof(uint32_t))};
	for (size_t row0 = 0; row0 < rows && cols > 0; row0 += step) {
		size_t n = rows - row0 < step ? rows - row0 : step, done = 0;
		#pragma omp parallel for num_threads(threads) schedule(dynamic)
		for (size_t r = 0; r < n; r++) {
			solve_row(a, a_norm, row0 + r, b, b_norm, self ? r : 0, &scratch[omp_get_thread_num()],
				&block, r);
			#pragma omp critical
			progress(row0 + ++done, rows, "rows");
		}
		if (self)
			mirror(&block, rows);
		count_unfinished(&summary, block.residual, n * cols);
		write_rows(out, &block, row0, n, cols);
	}
	if (summary.unfinished > 0)
		note("%zu of %zu pairs stopped after %zu iterations; their residual is up to %.2g (--tol %g)",
			summary.unfinished, rows * cols, max_iters, (double)summary.residual, tol);
	for (size_t t = 0; t < threads; t++)
		scratch_free(&scratch[t]);
	free(scratch);
	free(block.dist);
	free(block.residual);
	free(block.iters);
	if (!self)
		free(b_norm);
	free(a_norm);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "sinkhorn [OPTION]... [A [B]]",
		"Entropic Wasserstein distances between the features of two sets, or of one with itself.", 2);
	openblas_set_num_threads(1);
	struct writer *out = writer_open();
	struct set set[2];
	size_t sets = read_sets(operand, set);
	const struct set *a = &set[0], *b = &set[sets - 1];
	struct frame header;

	sets_header(set, sets, &header);
	set_string(&header, "metric", debias ? "sinkhorn divergence" : "sinkhorn");
	set_integer(&header, "p", power + 1);
	set_real(&header, isnan(epsilon_abs) ? "epsilon" : "epsilon_abs", isnan(epsilon_abs) ? epsilon
		: epsilon_abs);
	set_real(&header, "tol", tol);
	write_distances_header(out, &header, &a->ids, &b->ids);
	all_pairs(out, a, b, sets == 1);
	write_end(out);
	writer_close(out);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
