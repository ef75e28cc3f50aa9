/* Exact Wasserstein distances: W_p^p = min <P, C> over couplings P of two features' points, with
 * C = |x - y|^p. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/pair_stage.h"
#include "distance/stage.h"
#include "distance/transport.h"

#include <stdlib.h>

static int power;			/* p - 1 */
static struct transport exact = {.part = 64};
static struct stage_options asked;

static const struct opt options[] = {
	{"p", OPT_CHOICE, &power, "1|2", "order of the distance; the cost is |x - y|^p", 0, 0},
	OPT_PART(&exact), OPT_TOP(&asked), OPT_BUDGET(&asked), OPT_ROWS(&asked),
	OPT_ERROR(&asked), OPT_THREADS,
	OPT_PROGRESS, OPT_END
};

static void open_stage(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	pair_stage_open(stage, row, col, &exact);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "emd [OPTION]... [A [B]]",
		"Exact Wasserstein distances between features of two sets, or of one.", 2);
	if (asked.budget > 0 && !asked.top)
		misuse("--budget is of the search for the nearest: give --top, too");
	struct comparison c = comparison_open(operand, "emd");

	exact.p = power + 1;
	sm_set_integer(&c.header, "p", exact.p);
	sm_set_integer(&c.header, "part", (int64_t)exact.part);
	comparison_write(&c, &asked, open_stage);
	comparison_close(&c);
	free(operand);
	return 0;
}
