/* supernode: groups the nodes of a graph whose features are near each other. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "graph/graph_json.h"
#include "graph/group_cycle.h"
#include "graph/group_label.h"
#include "graph/group_nodes.h"
#include "graph/node_names.h"
#include "graph/supernode_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *graph_file, *share;
static double percent;
static size_t wanted;
static double height = NAN, max_hidden = NAN;
static int linkage = WARD;
static bool across, acyclic, pinned, errors;
static struct optional keep;
static struct list mixed;

static const struct opt options[] = {
	{"graph", OPT_TEXT, &graph_file, "G", "stream of graphs; - is stdin", 0, 0},
	{"mix", OPT_LIST, &mixed, "D:W",
		"add distances D with weight W, in place of DISTANCES", 0, 0},
	{"to", OPT_TEXT, &share, "P%",
		"make P percent as many groups as there are feature nodes", 0, 0},
	{"groups", OPT_SIZE, &wanted, "N", "make N groups", 1, 1e9},
	{"at", OPT_REAL, &height, "D",
		"unite groups that are no farther apart than D", 0, HUGE_VAL},
	{"max-hidden", OPT_REAL, &max_hidden, "SHARE",
		"unite until SHARE of all absolute weight would be inside groups", 0, 1},
	{"linkage", OPT_CHOICE, &linkage, "ward|average|complete",
		"how the distance of two groups is measured", 0, 0},
	{"across-positions", OPT_FLAG, &across, NULL, "let a group span token positions", 0, 0},
	{"acyclic", OPT_FLAG, &acyclic, NULL, "make groups whose links have no cycle", 0, 0},
	{"keep", OPT_OPTIONAL, &keep, "[=PEOPLE]",
		"start from the graph's groups, or PEOPLE's, and keep them apart", 0, 0},
	{"pinned", OPT_FLAG, &pinned, NULL, "group the pinned features only", 0, 0},
	{"errors", OPT_FLAG, &errors, NULL, "make one group of the errors at each position", 0, 0},
	OPT_END
};

static void check_command_line(const char *operand)
{
	bool standard = !mixed.n && is_stdin(operand);
	char *end;

	if (!graph_file)
		misuse("--graph is missing");
	if (mixed.n && operand)
		misuse("--mix names the distances: no operand beside it");
	if (standard && is_stdin(graph_file))
		misuse("the graph and the distances cannot both come from stdin");
	if (!!share + (wanted > 0) + !isnan(height) > 1)
		misuse("--to, --groups and --at exclude each other");
	if (!share && !wanted && isnan(height) && linkage != WARD)
		misuse("how many groups? Only Ward's linkage chooses; give --to, --groups or --at");
	if (!share)
		return;
	percent = strtod(share, &end);
	if (strcmp(end, "%") != 0 || !(percent > 0 && percent <= 100))
		misuse("--to: '%s' is no percentage, like 10%%", share);
}

/* -- Distances --------------------------------------------------------------------------------- */

/* Splits "D:W" of --mix; returns D, to free(). */
static char *split_mixed(double *weight, const char *text)
{
	const char *colon = strrchr(text, ':');
	char *end = NULL;

	*weight = colon ? strtod(colon + 1, &end) : 0;
	if (!colon || end == colon + 1 || *end || !(*weight > 0))
		misuse("--mix: '%s' is no FILE:WEIGHT", text);
	if (!(*weight >= 1e-9 && *weight <= 1e9))
		misuse("--mix: the weight of '%s' is not between 1e-9 and 1e9", text);
	char *path = xasprintf("%.*s", (int)(colon - text), text);
	if (is_stdin(path) && is_stdin(graph_file))
		misuse("the graph and the distances cannot both come from stdin");
	return path;
}

static struct node_distances open_distances(const char *operand)
{
	if (mixed.n == 0)
		return node_distances_open(&operand, &(double){1}, 1);
	char **path = xalloc(mixed.n, sizeof *path);
	double *weight = xalloc(mixed.n, sizeof *weight);
	for (size_t k = 0; k < mixed.n; k++)
		path[k] = split_mixed(&weight[k], mixed.item[k]);
	struct node_distances d = node_distances_open((const char *const *)path, weight, mixed.n);
	for (size_t k = 0; k < mixed.n; k++)
		free(path[k]);
	free(path);
	free(weight);
	return d;
}

/* -- What is to be grouped --------------------------------------------------------------------- */

/* The groups to start from, those of people where there are any; none without --keep. */
static struct graph_groups kept_groups(const char *name, struct graph *g, const char *slug,
	const struct supernode_file *people, const json_t *query)
{
	if (!keep.given)
		return (struct graph_groups){0};
	struct graph_groups kept = people->json
		? graph_groups_in(people->path, g, supernode_file_list(people, slug))
		: graph_groups_of(name, g, query);
	if (kept.missing > 0)
		note("%s: %zu members of supernodes are not nodes of the graph", name,
			kept.missing);
	if (kept.n == 0)
		note("%s: --keep: the graph has no groups%s%s", name, people->json ? " of " : "",
			people->json ? people->path : "");
	return kept;
}

/* Of the nodes chosen (nodes), those among the pins. */
static void choose_pinned(bool *chosen, const char *name, const struct graph *g,
	const json_t *query)
{
	const json_t *pins = json_object_get(query, "pinnedIds"), *pin;
	struct node_names names = node_names_open(pins, g);
	bool *among = xcalloc(g->nodes, sizeof *among), any = false;
	size_t i, missing = 0;

	json_array_foreach(pins, i, pin) {
		uint32_t node = node_named(&names, json_string_value(pin));
		missing += node == NO_NODE;
		if (node != NO_NODE)
			among[node] = true;
	}
	if (missing > 0)
		note("%s: %zu of %zu pins are not nodes of the graph", name, missing,
			json_array_size(pins));
	for (i = 0; i < g->nodes; i++)
		any |= chosen[i] &= among[i];
	if (!any)
		note("%s: --pinned: no feature of the graph is pinned", name);
	free(among);
	node_names_close(&names);
}

/* (nodes), to free(): the features, or those among the pins. */
static bool *choose_features(const char *name, const struct graph *g, const json_t *query)
{
	bool *chosen = xalloc(g->nodes, sizeof *chosen);

	for (size_t i = 0; i < g->nodes; i++)
		chosen[i] = g->type[i] == FEATURE_NODE;
	if (pinned)
		choose_pinned(chosen, name, g, query);
	return chosen;
}

/* -- Graphs ------------------------------------------------------------------------------------ */

/* Says in the header, and in a note, whether groups make a cycle. */
static void look_for_cycle(const char *name, const struct graph *g, struct sm_frame *header)
{
	char *cycle = group_cycle(g);

	if (cycle)
		note("%s: groups make a cycle: %s (see --acyclic)", name, cycle);
	sm_set_integer(header, "acyclic", !cycle);
	free(cycle);
}

static void group_graph(const char *name, struct graph *g, struct sm_frame *header,
	const struct node_distances *d, const struct supernode_file *people)
{
	const struct group_settings settings = {wanted, percent, height, max_hidden,
		(enum linkage)linkage, across, acyclic};
	json_t *document = graph_document(name, g);
	const json_t *query = json_object_get(document, "qParams");
	const json_t *metadata = json_object_get(document, "metadata");
	const char *slug = sm_get_string(header, "slug", "");
	struct graph_groups kept = kept_groups(name, g, slug, people, query);
	bool *chosen = choose_features(name, g, query);
	struct group_candidates c = group_candidates_open(name, g, d, chosen, &kept);
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	const char **group_name = pool_calloc(&g->pool, g->nodes, sizeof *group_name);

	size_t groups = group_nodes(group, group_name, name, g, &c, d, &kept, &settings);
	if (errors)
		groups = group_errors(group, groups, g, across);
	label_groups(group_name, g, group, groups, json_object_get(metadata, "prompt_tokens"));
	graph_set_groups(g, group, groups, group_name);
	sm_set_integer(header, "groups", (int64_t)groups);
	sm_set_integer(header, "without_distance", (int64_t)c.without);
	look_for_cycle(name, g, header);
	group_candidates_close(&c);
	free(chosen);
	json_decref(document);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"supernode --graph G [OPTION]... [DISTANCES]",
		"Groups the feature nodes of a graph by distance, and sums their links.", 1);
	check_command_line(operand[0]);

	struct supernode_file people = keep.value ? supernode_file_open(keep.value)
		: (struct supernode_file){0};
	struct node_distances distances = open_distances(operand[0]);
	struct sm_reader *in = sm_reader_open(graph_file);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	for (bool more = sm_read_header(in, &header); more; ) {
		struct graph g;
		read_graph(in, &header, &g);
		node_distances_next(&distances, &header);
		if (g.document)
			group_graph(sm_reader_name(in), &g, &header, &distances, &people);
		node_distances_join(&distances, &header);
		sm_write_header(out, &header);
		/* What is wrong ends before the last end mark: who reads it fails as well. */
		if (!(more = sm_read_header(in, &header)))
			node_distances_end(&distances);
		write_graph(out, &g);
		graph_free(&g);
	}
	node_distances_close(&distances);
	supernode_file_close(&people);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(mixed.item);
	free(operand);
	return 0;
}
