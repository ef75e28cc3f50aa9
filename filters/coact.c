/* Distances between features by the tokens on which they fire; the formulas are in
 * coactivation.h. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/coactivation.h"
#include "distance/stage.h"
#include "stream/coupled_texts.h"
#include "stream/distributions.h"

#include <stdlib.h>

static int metric;
static const char *coupling_file;
static struct stage_options asked;

static const struct opt options[] = {
	{"metric", OPT_CHOICE, &metric, "pearson|jaccard|joint",
		"how the distance is measured", 0, 0},
	{"coupling", OPT_TEXT, &coupling_file, "FILE",
		"compare over two texts, whose tokens it couples", 0, 0},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_ERROR(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What is read: streams, and with --coupling two texts, coupled. */
struct input {
	struct activation_streams all;
	size_t first;		/* where the second input's streams begin; all.n: there is none */
	struct coupled_texts texts;
};

static void read_input(struct input *in, char *const *operand)
{
	if (coupling_file) {
		if (!operand[0] || !operand[1])
			misuse("--coupling needs A and B, over the texts of its rows and columns");
		in->first = read_coupled_texts(&in->texts, coupling_file,
			(const char *[]){operand[0], operand[1]}, &in->all);
		return;
	}
	/* The streams that the operands name, as every distance stage reads them. */
	read_activations(operand[0], &in->all);
	in->first = stdin_holds_both(operand, in->all.n) ? 1 : in->all.n;
	if (in->first == in->all.n && operand[0] && operand[1])
		read_activations(operand[1], &in->all);
}

static struct sm_frame header_of(const struct input *in)
{
	struct sm_frame header = {0};

	stage_join_headers(&header, in->all.header, in->first);
	stage_join_headers(&header, in->all.header + in->first, in->all.n - in->first);
	if (coupling_file)
		coupled_texts_header(&header, &in->texts);
	sm_drop(&header, "space");
	sm_set_integer(&header, "tokens", (int64_t)in->all.item[0].tokens);
	sm_set_string(&header, "metric", (const char *[]){"1 - Pearson correlation",
		"1 - Jaccard index", "1 - probability of firing together"}[metric]);
	if (asked.halvings)
		sm_set_integer(&header, "halvings", (int64_t)asked.halvings);
	return header;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "coact [OPTION]... [A [B]]",
		"Distances between features by the tokens on which they fire.\n"
		"A and B are activations over the same tokens, or over coupled ones.", 2);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct input in = {0};

	read_input(&in, operand);
	struct dictionary row = dictionary_of(&in.all, 0, in.first);
	struct dictionary second = dictionary_of(&in.all, in.first, in.all.n);
	const struct dictionary *col = in.first < in.all.n ? &second : &row;
	struct stage stage = {.row = row.ids, .col = col->ids, .symmetric = col == &row,
		.asked = asked};
	struct sm_frame header = header_of(&in);

	for (size_t k = 0; k < in.first; k++)
		activations_transpose(&in.all.item[k], stage.symmetric);
	coactivation_open(&stage, (enum coactivation)metric, &row, col,
		coupling_file ? &in.texts.coupling : NULL);
	stage_write(out, &header, &stage);
	sm_writer_close(out);
	stage.close(&stage);
	dictionary_free(&row);
	dictionary_free(&second);
	activation_streams_free(&in.all);
	coupled_texts_free(&in.texts);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
