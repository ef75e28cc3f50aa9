/* Distances between the means of features' distributions. */
#include "die.h"
#include "set.h"
#include "vectors.h"

#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END};

static struct vectors means_of(const struct set *s)
{
	struct vectors mean = {s->ids.n, s->d, need(s->ids.n * sizeof(float), s->d)};
	double *sum = need(s->d, sizeof *sum);

	for (size_t i = 0; i < mean.n; i++) {
		memset(sum, 0, s->d * sizeof *sum);
		for (size_t k = s->indptr[i]; k < s->indptr[i + 1]; k++)
			for (size_t c = 0; c < s->d; c++)
				sum[c] += (double)s->weight[k] * (double)s->point[s->row[k] * s->d + c];
		for (size_t c = 0; c < s->d; c++)
			mean.at[i * s->d + c] = (float)sum[c];
	}
	free(sum);
	return mean;
}

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
	struct vectors row = means_of(&set[0]), col = means_of(&set[sets - 1]);
	struct vector_stage *vectors = vector_stage(&stage, &row, &col, 1, 1);

	sets_header(set, sets, &header);
	set_string(&header, "metric", "centroid");
	run_stage(out, &header, &stage);
	write_end(out);
	writer_close(out);
	vector_stage_free(vectors);
	free(row.at);
	free(col.at);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
