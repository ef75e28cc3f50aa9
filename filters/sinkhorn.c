/* Entropic Wasserstein distances between the features of two sets. */
#include "compare.h"
#include "cost.h"
#include "die.h"
#include "ot.h"
#include "pairs.h"

#include <math.h>
#include <stdlib.h>

static int power;			/* p - 1 */
static double epsilon = 0.05, epsilon_abs = NAN, tol = 1e-3;
static size_t max_iters = 2000;
static bool debias;
static size_t late;			/* pairs that ended by --max-iters */
static float latest;			/* the largest residual among them */

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	{"epsilon", OPT_REAL, &epsilon, "E", "regularisation, as a fraction of a pair's mean cost", 1e-6, 1e6},
	{"epsilon-abs", OPT_REAL, &epsilon_abs, "E", "regularisation in units of the cost, instead", 1e-30, 1e30},
	{"tol", OPT_REAL, &tol, "T", "stop when the marginals are met within T (L1)", 0, 2},
	{"max-iters", OPT_SIZE, &max_iters, "N", "or after N iterations", 1, 1e9},
	{"debias", OPT_FLAG, &debias, NULL, "the Sinkhorn divergence: 0 between equal distributions", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* Floats resolve costs to about 1e-7, so epsilon stays above 1e-6 of the largest. */
static double pair_epsilon(const struct pair *p)
{
	return fmax(isnan(epsilon_abs) ? epsilon * p->mean : epsilon_abs, fmax(1e-6 * p->largest, 1e-30));
}

static struct sinkhorn solve(const struct pair *p, double eps, float *potential, double *workspace)
{
	return sinkhorn(p->cost, p->a, p->b, p->n, p->m, p->largest, eps, tol, (uint32_t)max_iters,
		potential, workspace);
}

/* A feature's regularised cost to itself. */
static struct sinkhorn solve_self(const struct set *s, size_t feature, double eps, double *workspace)
{
	size_t n = points_of(s, feature);
	const float *weight = s->weight + s->indptr[feature];
	float *x = (float *)(workspace + sinkhorn_workspace(n, n)), *cost = x + s->d * padded(n), *unused = cost + n * padded(n);

	lay_points(x, s->point, s->row + s->indptr[feature], n, s->d);
	cost_matrix(cost, s->point, s->row + s->indptr[feature], n, x, n, s->d, power + 1);
	struct pair self = {n, n, weight, weight, cost, 0, summarise_costs(cost, n, n).largest};
	return solve(&self, eps, unused, workspace);
}

/* The pair's iterations and residual are the worst of the three problems'. */
static void solve_pair(const struct set *a, size_t i, const struct set *b, size_t j, const struct pair *p, float *potential,
	double *workspace, struct solution *out)
{
	double eps = pair_epsilon(p);
	struct sinkhorn s = solve(p, eps, potential, workspace);

	*out = (struct solution){s.cost, s.lower, s.upper, s.iters, s.residual};
	for (int side = 0; debias && side < 2; side++) {
		struct sinkhorn self = solve_self(side ? b : a, side ? j : i, eps, workspace);
		out->cost = (side ? out->cost : s.dual) - self.dual / 2;
		out->iters = self.iters > out->iters ? self.iters : out->iters;
		out->residual = fmaxf(self.residual, out->residual);
	}
}

/* For the distances themselves: what stops late between halves only makes an error less certain. */
static void solve_and_count(const struct set *a, size_t i, const struct set *b, size_t j, const struct pair *p,
	float *potential, double *workspace, struct solution *out)
{
	solve_pair(a, i, b, j, p, potential, workspace, out);
	if ((double)out->residual > tol) {
		#pragma omp critical
		{
			late++;
			latest = fmaxf(latest, out->residual);
		}
	}
}

static size_t workspace_for(size_t n, size_t m, size_t d)
{
	return sinkhorn_workspace(n, m) + (debias ? padded(n) * (n + d + 1) / 2 + 1 : 0);
}

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	pairs_open(stage, row, col, power + 1,
		&(struct solver){stage->chosen ? solve_pair : solve_and_count, workspace_for, !debias});
	stage->given = BOUNDS | ITERATIONS;
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "sinkhorn [OPTION]... [A [B]]",
		"Entropic Wasserstein distances between the features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, debias ? "sinkhorn divergence" : "sinkhorn");

	set_integer(&c.header, "p", power + 1);
	set_real(&c.header, isnan(epsilon_abs) ? "epsilon" : "epsilon_abs", isnan(epsilon_abs) ? epsilon : epsilon_abs);
	set_real(&c.header, "tol", tol);
	run_comparison(&c, open_stage, pairs_close);
	if (late > 0)
		note("%zu pairs stopped after %zu iterations; their residual is up to %.2g (--tol %g)", late, max_iters,
			(double)latest, tol);
	comparison_free(&c);
	free(operand);
	return 0;
}
