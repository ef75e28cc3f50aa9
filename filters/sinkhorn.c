/* Entropic Wasserstein distances between the features of two sets. */
#include "base/die.h"
#include "distance/compare.h"
#include "distance/transport.h"

#include <math.h>
#include <stdlib.h>

static int power;			/* p - 1 */
static struct entropic how = {.epsilon = 0.05, .epsilon_abs = NAN, .tol = 1e-3, .max_iters = 2000};
static size_t late;			/* pairs that ended by --max-iters */
static float latest;			/* the largest residual among them */

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	{"epsilon", OPT_REAL, &how.epsilon, "E", "regularisation, as a fraction of a pair's mean cost", 1e-6, 1e6},
	{"epsilon-abs", OPT_REAL, &how.epsilon_abs, "E", "regularisation in units of the cost, instead", 1e-30, 1e30},
	{"tol", OPT_REAL, &how.tol, "T", "stop when the marginals are met within T (L1)", 0, 2},
	{"max-iters", OPT_SIZE, &how.max_iters, "N", "or after N iterations", 1, 1e9},
	{"debias", OPT_FLAG, &how.debias, NULL, "the Sinkhorn divergence: 0 between equal distributions", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* For the distances themselves: what stops late between halves only makes an error less certain. */
static void solve_and_count(const void *settings, const struct set *a, size_t i, const struct set *b, size_t j,
	const struct pair *p, float *potential, double *workspace, struct solution *out)
{
	entropic_solver(&how).solve(settings, a, i, b, j, p, potential, workspace, out);
	if ((double)out->residual > how.tol) {
		#pragma omp critical
		{
			late++;
			latest = fmaxf(latest, out->residual);
		}
	}
}

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	struct solver solver = entropic_solver(&how);

	if (!stage->chosen)
		solver.solve = solve_and_count;
	pairs_open(stage, row, col, how.p, &solver);
	stage->given = BOUNDS | ITERATIONS;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "sinkhorn [OPTION]... [A [B]]",
		"Entropic Wasserstein distances between the features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, how.debias ? "sinkhorn divergence" : "sinkhorn");
	bool fraction = isnan(how.epsilon_abs);

	how.p = power + 1;
	sm_set_integer(&c.header, "p", how.p);
	sm_set_real(&c.header, fraction ? "epsilon" : "epsilon_abs", fraction ? how.epsilon : how.epsilon_abs);
	sm_set_real(&c.header, "tol", how.tol);
	sm_set_integer(&c.header, "max_iters", (int64_t)how.max_iters);
	run_comparison(&c, open_stage, pairs_close);
	if (late > 0)
		note("%zu pairs stopped after %zu iterations; their residual is up to %.2g (--tol %g)", late, how.max_iters,
			(double)latest, how.tol);
	comparison_free(&c);
	free(operand);
	return 0;
}
