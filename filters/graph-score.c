/* graph-score: how much of a graph its features explain, and what is left of it in groups. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "graph/circuit_scores.h"
#include "graph/graph_json.h"
#include "graph/measured_signs.h"
#include "graph/odd_one_out.h"
#include "graph/slug_scores.h"

#include <math.h>
#include <stdlib.h>

static const char *distances, *effects;

static const struct opt options[] = {
	{"distances", OPT_TEXT, &distances, "D",
		"find held-out members of groups by the distances D", 0, 0},
	{"effects", OPT_TEXT, &effects, "FILE",
		"compare signs of links with effects that were measured", 0, 0},
	OPT_END
};

static void check_command_line(const char *operand)
{
	bool taken = distances && is_stdin(distances), measured = effects && is_stdin(effects);

	if (taken + measured + is_stdin(operand) > 1)
		misuse("only one of the graphs, the distances and the effects can come from stdin");
}

/* What is compared with every graph. */
struct evidence {
	struct node_distances distances;
	struct effects effects;
};

static void add(struct scores *s, const char *name, double value)
{
	scores_add(s, name, &value);
}

static void add_odd_one_out(struct scores *s, const struct graph *g,
	const struct graph_groups *groups, const struct graph_groups *people,
	const struct node_distances *d)
{
	struct odd_one_out x = odd_one_out(g, groups, d);

	add(s, "odd_one_out", x.found);
	add(s, "odd_one_out/chance", x.chance);
	add(s, "odd_one_out/members", (double)x.members);
	if (people->n > 0)
		add(s, "odd_one_out/people", odd_one_out(g, people, d).found);
}

static void add_signs(struct scores *s, const char *name, struct graph *g,
	const struct graph_groups *groups, const struct effects *e)
{
	struct measured_signs x = measured_signs(e, g, groups);
	double positive = (double)x.positive / (double)x.pairs;

	if (e->n > 0 && x.missing == e->n)
		note("%s: no line of %s has two names of the graph", name, effects);
	add(s, "signs", (double)x.linked_right / (double)x.linked);
	add(s, "signs/ways", x.ways ? (double)x.reached_right / (double)x.reached : NAN);
	add(s, "signs/chance", fmax(positive, 1 - positive));
	add(s, "signs/pairs", (double)x.pairs);
	add(s, "signs/missing", (double)x.missing);
}

static void score_graph(struct scores *s, const char *name, struct graph *g,
	const struct evidence *by)
{
	json_t *document = graph_document(name, g);
	const json_t *query = json_object_get(document, "qParams");
	struct graph_groups groups = graph_groups_of(name, g, query), people = {0};

	if (distances && g->group)
		people = graph_groups_in(name, g, json_object_get(query, "supernodes"));
	if (!add_circuit_scores(s, g, &groups))
		note("%s: influence goes round a cycle of links and does not settle: "
			"scores that need it are NaN", name);
	if (groups.listed)
		add(s, "missing", (double)groups.missing);
	if (distances && (g->group || groups.listed))
		add_odd_one_out(s, g, &groups, &people, &by->distances);
	if (effects)
		add_signs(s, name, g, &groups, &by->effects);
	json_decref(document);
}

static void one_graph(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	struct evidence *by)
{
	struct scores scores = {.column = value_column};
	struct graph g;

	read_graph(in, header, &g);
	if (distances)
		node_distances_next(&by->distances, header);
	if (g.document)
		score_graph(&scores, sm_reader_name(in), &g, by);
	write_slug_scores(out, header, &scores);
	scores_free(&scores);
	graph_free(&g);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "graph-score [OPTION]... [FILE]",
		"Scores graphs and the groups in them.", 1);
	check_command_line(operand[0]);

	struct evidence by = {
		.distances = distances ? node_distances_open(&distances, &(double){1}, 1)
			: (struct node_distances){0},
		.effects = effects ? effects_open(effects) : (struct effects){.n = 0}};
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_graph(in, out, &header, &by);
	if (distances)
		node_distances_end(&by.distances);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	node_distances_close(&by.distances);
	effects_close(&by.effects);
	free(operand);
	return 0;
}
