/* Exact Wasserstein distances between the features of two sets. */
#include "distance/compare.h"
#include "distance/transport.h"

#include <stdlib.h>

static int power;			/* p - 1 */

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	struct solver solver = exact_solver();

	pairs_open(stage, row, col, power + 1, &solver);
	stage->given = BOUNDS;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "emd [OPTION]... [A [B]]",
		"Exact Wasserstein distances between the features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, "emd");

	sm_set_integer(&c.header, "p", power + 1);
	run_comparison(&c, open_stage, pairs_close);
	comparison_free(&c);
	free(operand);
	return 0;
}
