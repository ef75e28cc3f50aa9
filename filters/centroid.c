/* Distances between the means of features' distributions. */
#include "vectors.h"

#include <stdlib.h>

static const struct opt options[] = {OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END};

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "centroid [OPTION]... [A [B]]",
		"Distances between the means of the features of two sets, or of one with itself.", 2);
	struct writer *out = writer_open();
	struct set set[2];
	struct frame header;
	size_t sets = read_sets(operand, set);
	struct stage stage = sets_stage(set, sets);
	struct vectors row = moments_of(&set[0], &set[0], false);
	struct vectors col = moments_of(&set[sets - 1], &set[0], false);
	struct vector_stage *vectors = vector_stage(&stage, &row, &col, 1, 1);

	sets_header(set, sets, &header);
	set_string(&header, "metric", "centroid");
	run_stage(out, &header, &stage);
	vector_stage_free(vectors);
	free(row.at);
	free(col.at);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
