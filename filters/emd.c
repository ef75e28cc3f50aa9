/* Exact Wasserstein distances between the features of two sets. */
#include "compare.h"
#include "die.h"
#include "emd.h"
#include "ot.h"
#include "pairs.h"

#include <math.h>
#include <stdlib.h>

static int power;			/* p - 1 */

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void solve_pair(const struct set *a, size_t i, const struct set *b, size_t j, const struct pair *p, float *potential,
	double *workspace, struct solution *out)
{
	(void)a, (void)i, (void)b, (void)j;

	/* Nearly optimal potentials to start from: half the pivots, and cheap. */
	sinkhorn(p->cost, p->a, p->b, p->n, p->m, p->largest, fmax(0.005 * p->mean, 1e-30), 0.1, 60, potential, workspace);
	struct emd s = emd(p->cost, p->a, p->b, p->n, p->m, p->largest, potential, workspace);

	*out = (struct solution){.cost = s.cost, .lower = fmin(fmax(s.dual, 0), s.cost), .upper = s.cost};
}

static size_t workspace_for(size_t n, size_t m, size_t d)
{
	(void)d;
	return emd_workspace(n, m) > sinkhorn_workspace(n, m) ? emd_workspace(n, m) : sinkhorn_workspace(n, m);
}

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	pairs_open(stage, row, col, power + 1, &(struct solver){solve_pair, workspace_for, true});
	stage->given = BOUNDS;
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "emd [OPTION]... [A [B]]",
		"Exact Wasserstein distances between the features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, "emd");

	for (size_t k = 0; k < c.sets; k++)
		if (c.set[k].most > 65535)
			die("%s: a feature of %zu points, where 65535 are the most", c.set[k].name, c.set[k].most);
	set_integer(&c.header, "p", power + 1);
	run_comparison(&c, open_stage, pairs_close);
	comparison_free(&c);
	free(operand);
	return 0;
}
