/* Exact Wasserstein distances between the features of two sets. */
#include "die.h"
#include "emd.h"
#include "ot.h"
#include "pairs.h"

#include <math.h>
#include <stdlib.h>

static int power;			/* p - 1 */

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END
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

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "emd [OPTION]... [A [B]]",
		"Exact Wasserstein distances between the features of two sets, or of one with itself.", 2);
	struct writer *out = writer_open();
	struct set set[2];
	size_t sets = read_sets(operand, set);
	struct stage stage = sets_stage(set, sets);

	for (size_t k = 0; k < sets; k++)
		if (set[k].most > 65535)
			die("%s: a feature of %zu points, where 65535 are the most", set[k].name, set[k].most);
	struct solver solver = {solve_pair, workspace_for, true};
	struct frame header;

	struct pairs *pairs = pairs_open(&stage, &set[0], &set[sets - 1], power + 1, &solver);
	sets_header(set, sets, &header);
	set_string(&header, "metric", "emd");
	set_integer(&header, "p", power + 1);
	stage.given = BOUNDS;
	run_stage(out, &header, &stage);
	pairs_close(pairs);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
