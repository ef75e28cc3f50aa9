/* Distances between the means of features' distributions. */
#include "distance/compare.h"
#include "distance/vectors.h"

#include <stdlib.h>

static const struct opt options[] = {OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END};

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	moments_open(stage, row, col, false);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "centroid [OPTION]... [A [B]]",
		"Distances between the means of the features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, "centroid");

	run_comparison(&c, open_stage, vectors_close);
	comparison_free(&c);
	free(operand);
	return 0;
}
