/* Distances between features by the tokens on which they fire. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/stage.h"
#include "stream/activations.h"
#include "stream/distributions.h"

#include <stdlib.h>

static int metric;

static const struct opt options[] = {
	{"metric", OPT_CHOICE, &metric, "pearson|jaccard|joint", "how alike two features fire", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* The streams that the operands name, as every distance stage reads them (set.h); returns where the
 * second set begins, all->n when there is one only. */
static size_t read_streams(char *const *operand, struct activities *all)
{
	read_activities(operand[0], all);
	if (two_sets_in_one(operand, all->n))
		return 1;
	size_t first = all->n;
	if (operand[0] && operand[1])
		read_activities(operand[1], all);
	return first;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "coact [OPTION]... [A [B]]",
		"Distances between features by the tokens on which they fire; A and B are activations over the same "
		"tokens.", 2);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct activities all = {0};
	size_t first = read_streams(operand, &all), sets = first < all.n ? 2 : 1;
	struct dictionary row = dictionary_of(&all, 0, first), second = dictionary_of(&all, first, all.n);
	const struct dictionary *col = sets == 2 ? &second : &row;
	struct set set[2] = {{.streams = first, .header = all.header},
		{.streams = all.n - first, .header = all.header + first}};
	struct sm_frame header;

	for (size_t k = 0; k < first; k++)
		turn_activity(&all.item[k], sets == 1);
	struct coactivation *coactivation = coactivation_open((enum likeness)metric, &row, col);
	struct stage stage = {.row = row.ids, .col = col->ids, .self = sets == 1, .context = coactivation,
		.solve = likeness_row};
	sets_header(set, sets, &header);
	sm_drop(&header, "space");
	sm_set_integer(&header, "tokens", (int64_t)all.item[0].tokens);
	sm_set_string(&header, "metric", (const char *[]){"1 - Pearson correlation", "1 - Jaccard index",
		"1 - probability of firing together"}[metric]);
	run_stage(out, &header, &stage);
	coactivation_free(coactivation);
	dictionary_free(&row);
	dictionary_free(&second);
	activities_free(&all);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
