/* Distances between features by the tokens on which they fire; the formulas are in
 * coactivation.h. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/coactivation.h"
#include "distance/stage.h"
#include "stream/activations.h"
#include "stream/distributions.h"

#include <stdlib.h>

static int metric;
static struct stage_options asked;

static const struct opt options[] = {
	{"metric", OPT_CHOICE, &metric, "pearson|jaccard|joint",
		"how the distance is measured", 0, 0},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* The streams that the operands name, as every distance stage reads them (distributions.h); returns
 * where the second input begins, all->n when there is one input only. */
static size_t read_streams(char *const *operand, struct activation_streams *all)
{
	read_activations(operand[0], all);
	if (stdin_holds_both(operand, all->n))
		return 1;
	size_t first = all->n;
	if (operand[0] && operand[1])
		read_activations(operand[1], all);
	return first;
}

static struct sm_frame header_of(const struct activation_streams *all, size_t first)
{
	struct sm_frame header = {0};

	stage_join_headers(&header, all->header, first);
	stage_join_headers(&header, all->header + first, all->n - first);
	sm_drop(&header, "space");
	sm_set_integer(&header, "tokens", (int64_t)all->item[0].tokens);
	sm_set_string(&header, "metric", (const char *[]){"1 - Pearson correlation",
		"1 - Jaccard index", "1 - probability of firing together"}[metric]);
	return header;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "coact [OPTION]... [A [B]]",
		"Distances between features by the tokens on which they fire.\n"
		"A and B are activations over the same tokens.", 2);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct activation_streams all = {0};
	size_t first = read_streams(operand, &all);
	struct dictionary row = dictionary_of(&all, 0, first);
	struct dictionary second = dictionary_of(&all, first, all.n);
	const struct dictionary *col = first < all.n ? &second : &row;
	struct stage stage = {.row = row.ids, .col = col->ids, .symmetric = col == &row,
		.asked = asked};
	struct sm_frame header = header_of(&all, first);

	for (size_t k = 0; k < first; k++)
		activations_transpose(&all.item[k], stage.symmetric);
	coactivation_open(&stage, (enum coactivation)metric, &row, col);
	stage_write(out, &header, &stage);
	sm_writer_close(out);
	stage.close(&stage);
	dictionary_free(&row);
	dictionary_free(&second);
	activation_streams_free(&all);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
