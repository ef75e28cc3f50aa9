/* Entropic Wasserstein distances: W_p^p = min <P, C> over couplings P, C = |x - y|^p, of the P that
 * minimises <P, C> + epsilon KL(P | a b'), once it was made feasible. Or unbalanced ones. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/pair_stage.h"
#include "distance/stage.h"
#include "distance/transport.h"

#include <math.h>
#include <stdlib.h>

#define FAR_APART 0.25		/* of the upper bounds, on average: worth a line on stderr */

static int power;			/* p - 1 */
static struct transport entropic = {.entropic = true, .epsilon = 0.05, .epsilon_abs = NAN,
	.tol = 1e-3, .max_iters = 2000, .part = 64};
static struct stage_options asked;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	{"epsilon", OPT_REAL, &entropic.epsilon, "E",
		"regularisation, as a fraction of a pair's mean cost", EPSILON_LEAST, EPSILON_MOST},
	{"epsilon-abs", OPT_REAL, &entropic.epsilon_abs, "E",
		"regularisation in units of the cost", EPSILON_ABS_LEAST, EPSILON_ABS_MOST},
	{"tol", OPT_REAL, &entropic.tol, "T",
		"stop when the marginals' L1 error is at most T", 0, TOL_MOST},
	{"max-iters", OPT_SIZE, &entropic.max_iters, "N", "stop after N iterations", 1,
		MAX_ITERS_MOST},
	{"debias", OPT_FLAG, &entropic.debias, NULL,
		"write Sinkhorn divergences: 0 between equal distributions", 0, 0},
	{"unbalanced", OPT_REAL, &entropic.unbalanced, "RHO",
		"let mass stay where it is, for RHO, in units of the cost, times the KL divergence",
		UNBALANCED_LEAST, UNBALANCED_MOST},
	OPT_PART(&entropic), OPT_TOP(&asked), OPT_BUDGET(&asked), OPT_ROWS(&asked),
	OPT_ERROR(&asked), OPT_THREADS,
	OPT_PROGRESS, OPT_END
};

static void open_stage(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	pair_stage_open(stage, row, col, &entropic);
}

static void describe(struct sm_frame *header)
{
	bool fraction = isnan(entropic.epsilon_abs);

	sm_set_integer(header, "p", entropic.p);
	sm_set_integer(header, "part", (int64_t)entropic.part);
	sm_set_real(header, fraction ? "epsilon" : "epsilon_abs",
		fraction ? entropic.epsilon : entropic.epsilon_abs);
	if (entropic.unbalanced > 0)
		sm_set_real(header, "unbalanced", entropic.unbalanced);
	sm_set_real(header, "tol", entropic.tol);
	sm_set_integer(header, "max_iters", (int64_t)entropic.max_iters);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "sinkhorn [OPTION]... [A [B]]",
		"Entropic Wasserstein distances between features of two sets, or of one.", 2);
	bool unbalanced = entropic.unbalanced > 0;
	if (unbalanced && entropic.debias)
		misuse("--unbalanced and --debias: give one of them");
	if (asked.budget > 0 && (!asked.top || entropic.debias || unbalanced))
		misuse(!asked.top ? "--budget is of the search for the nearest: give --top, too"
			: "--%s has no bounds for --budget to order pairs by",
			unbalanced ? "unbalanced" : "debias");
	struct comparison c = comparison_open(operand, entropic.debias ? "sinkhorn divergence"
		: unbalanced ? "sinkhorn unbalanced" : "sinkhorn");

	entropic.p = power + 1;
	describe(&c.header);
	struct stage_totals totals = comparison_write(&c, &asked, open_stage);
	if (totals.unconverged > 0)
		note("%zu pair%s did not converge in %zu iterations; the largest residual is %.2g "
			"(--tol %g)", totals.unconverged, totals.unconverged == 1 ? "" : "s",
			entropic.max_iters, (double)totals.residual, entropic.tol);
	if (totals.capped > 0)
		note("%zu pair%s of costs above 69 epsilon, which count as 69 epsilon: a larger "
			"--epsilon, or a smaller --unbalanced, counts them whole", totals.capped,
			totals.capped == 1 ? "" : "s");
	if (totals.apart > FAR_APART * totals.upper)
		note("the bounds of the distances lie %.0f%% apart on average; a smaller epsilon "
			"brings them closer, and emd is exact",
			100 * totals.apart / totals.upper);
	comparison_close(&c);
	free(operand);
	return 0;
}
