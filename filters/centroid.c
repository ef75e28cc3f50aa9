/* Distances |m_i - m_j| between the means of features' distributions, m_i = sum_k w_k x_k. */
#include "base/opt.h"
#include "distance/stage.h"
#include "distance/vectors.h"

#include <stdlib.h>

static struct stage_options asked;

static const struct opt options[] = {
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_ERROR(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void open_stage(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	moments_open(stage, row, col, false);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "centroid [OPTION]... [A [B]]",
		"Distances between the means of features of two sets, or of one with itself.", 2);
	struct comparison c = comparison_open(operand, "centroid");

	comparison_write(&c, &asked, open_stage);
	comparison_close(&c);
	free(operand);
	return 0;
}
