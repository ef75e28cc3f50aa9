/* group-agree: how well the groups of a graph agree with people's. */
#include "base/die.h"
#include "base/opt.h"
#include "graph/graph_groups.h"
#include "graph/graph_json.h"
#include "graph/slug_scores.h"
#include "graph/supernode_list.h"
#include "kernel/agreement.h"

#include <math.h>
#include <stdlib.h>

static const char *truth;
static size_t least = 1;

static const struct opt options[] = {
	{"truth", OPT_TEXT, &truth, "FILE[:KEY]|LINK",
		"people's groups: a file, and the key that holds them, or a link", 0, 0},
	{"min", OPT_SIZE, &least, "N", "count only people's groups of N nodes or more", 1, 1e9},
	OPT_END
};

/* The groups of people that are meant for the graph. */
static void read_truth(struct supernode_list *x, const struct supernode_file *file,
	const struct graph *g, const char *slug)
{
	supernode_list_read(x, file->path, supernode_file_list(file, slug), g, least);
	size_t named = x->members + x->missing;

	if (named == 0)
		die("%s: no supernodes", file->path);
	if (x->members == 0)
		die("%s: none of %zu members is a node of graph %s (are these groups of "
			"another graph?)", file->path, named, slug);
	if (2 * x->missing >= named)
		note("%s: %zu of %zu members are not nodes of graph %s (are these groups of "
			"another graph?)", file->path, x->missing, named, slug);
	if (x->n == 0)
		die("%s: no supernode of %zu nodes or more in the graph %s", file->path, least,
			slug);
}

/* On the nodes that people grouped; a node without a group is a group of its own. Returns how many
 * these are. */
static size_t compare_groups(struct agreement *same, const struct graph *g,
	const struct graph_groups *x, const int32_t *reference)
{
	uint32_t *group = xalloc(g->nodes, sizeof *group), *class = xalloc(g->nodes, sizeof *class);
	uint64_t *work = xalloc(g->nodes, sizeof *work);
	size_t n = 0;

	for (size_t i = 0; i < g->nodes; i++)
		if (reference[i] >= 0) {
			group[n] = (uint32_t)(x->group[i] >= 0 ? (size_t)x->group[i] : x->n + i);
			class[n++] = (uint32_t)reference[i];
		}
	*same = n > 1 ? agreement(group, class, work, n) : (struct agreement){NAN, NAN, NAN};
	free(work);
	free(class);
	free(group);
	return n;
}

static void score_graph(struct scores *s, const char *name, struct graph *g, const char *slug,
	const struct supernode_file *file)
{
	json_t *document = g->group ? NULL : graph_document(name, g);
	struct graph_groups groups = graph_groups_of(name, g, json_object_get(document, "qParams"));
	struct supernode_list people;
	struct agreement same;

	read_truth(&people, file, g, slug);
	size_t nodes = compare_groups(&same, g, &groups, people.group);
	scores_add(s, "truth_groups", &(double){(double)people.n});
	scores_add(s, "truth_nodes", &(double){(double)nodes});
	scores_add(s, "truth_missing", &(double){(double)people.missing});
	scores_add(s, "adjusted_rand", &same.adjusted_rand);
	scores_add(s, "purity", &same.purity);
	scores_add(s, "v_measure", &same.v_measure);
	supernode_list_free(&people);
	json_decref(document);
}

static void one_graph(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	const struct supernode_file *file)
{
	struct scores scores = {.column = value_column};
	const char *slug = sm_get_string(header, "slug", "");
	struct graph g;

	read_graph(in, header, &g);
	if (g.document)
		score_graph(&scores, sm_reader_name(in), &g, slug, file);
	write_slug_scores(out, header, &scores);
	scores_free(&scores);
	graph_free(&g);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"group-agree --truth FILE[:KEY]|LINK [OPTION]... [FILE]",
		"Scores how well the groups of graphs agree with people's.", 1);
	if (!truth)
		misuse("--truth is missing");

	struct supernode_file file = supernode_file_open(truth);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_graph(in, out, &header, &file);
	sm_writer_close(out);
	sm_reader_close(in);
	supernode_file_close(&file);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
