/* Matchings from layer to layer to the one from the first of these layers to the last, or between
 * two that are named. Partial permutations multiply: P = P_from ... P_to-1 (Balagansky, Maksimov
 * and Gavrilov 2025). */
#include "base/die.h"
#include "base/opt.h"
#include "match/layer_path.h"
#include "match/pair_list.h"

#include <stdlib.h>

static const char *from_layer, *to_layer;

static const struct opt options[] = {
	{"from", OPT_TEXT, &from_layer, "LAYER", "layer of the rows; by default the first", 0,
		0},
	{"to", OPT_TEXT, &to_layer, "LAYER", "layer of the columns; by default the last", 0, 0},
	OPT_END
};

/* The place of the layer that an option names, or `otherwise`. */
static size_t end_of(const struct layer_path *p, const char *option, const char *name,
	size_t otherwise)
{
	size_t l = name ? layer_path_place(p, name) : otherwise;

	if (name && l == p->layers)
		die("--%s: layer %s is not on the path", option, name);
	return l;
}

/* A pair's cost is the sum of its links' costs, its margin the smallest of theirs; it is certified
 * if all are. */
static struct pair_list compose(const struct layer_path *p, size_t from, size_t to)
{
	const struct ids *row = &p->layer[from].ids, *col = &p->layer[to].ids;
	struct pair_list pairs = pair_list_open(row->n);

	pairs.verdicts = layer_path_verdicts(p, from, to);
	for (size_t i = 0; i < row->n; i++) {
		struct walk w = walk_from(from, i);
		if (!walk_to(p, &w, to))
			continue;
		struct pair pair = {.row = i, .col = w.feature, .cost = w.total,
			.margin = w.weakest, .certified = w.certified};
		pair_list_add(&pairs, row, col, &pair);
	}
	return pairs;
}

static void write_composed(struct sm_writer *out, struct sm_frame *header,
	const struct layer_path *p)
{
	size_t from = end_of(p, "from", from_layer, 0);
	size_t to = end_of(p, "to", to_layer, p->layers ? p->layers - 1 : 0);
	struct sm_frame rest = {0};

	if (p->layers > 0 && from >= to)
		die("layer %s does not come before layer %s on the path", p->layer[from].name,
			p->layer[to].name);
	static const struct layer none;
	const struct layer *row = p->layers ? &p->layer[from] : &none;
	const struct layer *col = p->layers ? &p->layer[to] : &none;
	struct pair_list pairs = p->layers ? compose(p, from, to) : (struct pair_list){0};
	sm_set_string(header, "kind", "matching");
	sm_set_string(header, "method", "composed");
	sm_set_integer(header, "rows", (int64_t)row->ids.n);
	sm_set_integer(header, "cols", (int64_t)col->ids.n);
	sm_set_integer(header, "matched", (int64_t)pairs.n);
	sm_set_real(header, "total", pairs.total);
	set_origin(header, &row->ids, 0);
	set_origin(header, &col->ids, 1);
	sm_write_header(out, header);
	pair_list_write(out, &pairs, &row->ids, &col->ids, &rest);
	sm_write_end(out);
	pair_list_free(&pairs);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "compose [OPTION]... [MATCHING]...",
		"Composes the matchings of adjacent layers into one matching.",
		1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};
	struct layer_path path;

	layer_path_read(&path, operand, 1);
	layer_path_header(&header, &path);
	write_composed(out, &header, &path);
	sm_writer_close(out);
	sm_frame_free(&header);
	layer_path_free(&path);
	free(operand);
	return 0;
}
