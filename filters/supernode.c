/* supernode: groups the nodes of a graph whose features are near each other. */
#include "base/die.h"
#include "base/opt.h"
#include "kernel/acyclic.h"
#include "kernel/cluster.h"
#include "graph/graph_json.h"
#include "graph/group_cycle.h"
#include "graph/group_label.h"
#include "graph/node_distances.h"
#include "graph/supernode_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *graph_file, *share;
static double percent;
static size_t wanted;
static double height = NAN;
static int linkage = WARD;
static bool across, acyclic, keep, pinned, errors;
static struct list mixed;

/* Ward's linkage ends where the next merge is higher than this many times the root mean square distance of the nodes:
 * where uniting costs more scatter within groups than .72 of a mean square distance for the group that it saves. */
static const double enough = 1.2;

static const struct opt options[] = {
	{"graph", OPT_TEXT, &graph_file, "G", "the stream of graphs; - is stdin", 0, 0},
	{"mix", OPT_LIST, &mixed, "D:W", "the distances D, by weight W; several in place of DISTANCES", 0, 0},
	{"to", OPT_TEXT, &share, "P%", "as many groups as P percent of the feature nodes", 0, 0},
	{"groups", OPT_SIZE, &wanted, "N", "or so many groups", 1, 1e9},
	{"at", OPT_REAL, &height, "D", "or groups up to this distance", 0, HUGE_VAL},
	{"linkage", OPT_CHOICE, &linkage, "ward|average|complete", "distance of two groups", 0, 0},
	{"across-positions", OPT_FLAG, &across, NULL, "let a group span token positions", 0, 0},
	{"acyclic", OPT_FLAG, &acyclic, NULL, "let no links between groups make a cycle", 0, 0},
	{"keep", OPT_FLAG, &keep, NULL, "keep the groups that the graph has, apart from each other", 0, 0},
	{"pinned", OPT_FLAG, &pinned, NULL, "group the pinned nodes only", 0, 0},
	{"errors", OPT_FLAG, &errors, NULL, "make one group of the errors at each position", 0, 0},
	OPT_END
};

static void check_command_line(const char *operand)
{
	bool standard = !mixed.n && (!operand || strcmp(operand, "-") == 0);
	char *end;

	if (!graph_file)
		misuse("--graph is missing");
	if (mixed.n && operand)
		misuse("--mix names the distances: no operand beside it");
	if (standard && strcmp(graph_file, "-") == 0)
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

struct squares {
	struct square *item;
	size_t n;
};

/* D:W */
static void read_mixed(struct square *s, const char *text)
{
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	double weight = colon ? strtod(colon + 1, &end) : 0;

	if (!colon || end == colon + 1 || *end || !(weight > 0))
		misuse("--mix: '%s' is no FILE:WEIGHT", text);
	if (!(weight >= 1e-9 && weight <= 1e9))
		misuse("--mix: the weight of '%s' is not between 1e-9 and 1e9", text);
	s->path = xasprintf("%.*s", (int)(colon - text), text);
	if (strcmp(s->path, "-") == 0 && strcmp(graph_file, "-") == 0)
		misuse("the graph and the distances cannot both come from stdin");
	s->weight = weight;
}

static struct squares open_squares(const char *operand)
{
	struct squares s = {xcalloc(mixed.n + 1, sizeof *s.item), mixed.n ? mixed.n : 1};

	if (mixed.n == 0)
		s.item[0] = (struct square){.path = xasprintf("%s", operand ? operand : "-"), .weight = 1};
	for (size_t k = 0; k < mixed.n; k++)
		read_mixed(&s.item[k], mixed.item[k]);
	for (size_t k = 0; k < s.n; k++)
		square_open(&s.item[k]);
	return s;
}

static void join_headers(struct sm_frame *header, struct squares *s)
{
	for (size_t k = 0; k < s->n; k++) {
		sm_drop(&s->item[k].header, "rows", "cols");
		sm_join_header(header, &s->item[k].header);
	}
}

static void squares_close(struct squares *s)
{
	for (size_t k = 0; k < s->n; k++)
		square_close(&s->item[k]);
	free(s->item);
}

/* -- What is to be grouped --------------------------------------------------------------------- */

/* Nodes that groups may hold: feature nodes with distances, and those of groups that are kept. */
struct joined {
	size_t n, features, without;	/* features: that were to be grouped; without: distances */
	uint32_t *node;
	uint32_t *together;		/* the first node of its kept group; n: of none */
	size_t *row;			/* (n, squares), NO_ROW without distances */
};

/* The groups that are kept. */
struct kept {
	int32_t *group;			/* (nodes) */
	const char **name;		/* (groups): they stay as long as the graph */
	size_t groups;
};

static struct kept kept_groups(const char *name, struct graph *g, const json_t *query)
{
	struct kept k = {.group = xalloc(g->nodes, sizeof *k.group)};
	struct named given = {0};

	for (size_t i = 0; i < g->nodes; i++)
		k.group[i] = keep && g->group ? g->group[i] : -1;
	if (!keep)
		return k;
	if (!g->group) {
		read_named(&given, name, json_object_get(query, "supernodes"), g);
		named_groups(k.group, g->nodes, &given);
	}
	if (given.missing > 0)
		note("%s: %zu members of supernodes are no nodes", name, given.missing);
	k.groups = g->group ? g->groups : given.groups;
	if (k.groups == 0)
		note("%s: --keep: the graph has no groups", name);
	k.name = xalloc(k.groups, sizeof *k.name);
	for (size_t i = 0; i < k.groups; i++)
		k.name[i] = pool_keep(&g->pool, xasprintf("%s", g->group ? g->group_name[i] : given.name[i]));
	named_free(&given);
	return k;
}

static void kept_free(struct kept *k)
{
	free(k->name);
	free(k->group);
}

static bool *pinned_features(const char *name, const struct graph *g, const json_t *query)
{
	const json_t *pins = json_object_get(query, "pinnedIds"), *pin;
	struct names names = names_in(pins, g);
	bool *chosen = xcalloc(g->nodes, sizeof *chosen), any = false;
	size_t i;

	json_array_foreach(pins, i, pin) {
		uint32_t node = node_named(&names, json_string_value(pin));
		if (node != NO_NODE && g->type[node] == FEATURE_NODE)
			any = chosen[node] = true;
	}
	if (!any)
		note("%s: --pinned: no feature of the graph is pinned", name);
	names_free(&names);
	return chosen;
}

/* (nodes): the features, or those among the pins; to free() */
static bool *choose(const char *name, const struct graph *g, const json_t *query)
{
	if (pinned)
		return pinned_features(name, g, query);
	bool *chosen = xalloc(g->nodes, sizeof *chosen);
	for (size_t i = 0; i < g->nodes; i++)
		chosen[i] = g->type[i] == FEATURE_NODE;
	return chosen;
}

/* How a feature would be named in a stream of distances. */
static char *example(const struct graph *g, const struct square *s)
{
	size_t i = 0;

	while (g->type[i] != FEATURE_NODE)
		i++;
	if (s->d.row.node)
		return xasprintf("node %s", g->node_id[i]);
	return xasprintf("feature %ju of layer %s", (uintmax_t)g->feature[i], g->layer[i]);
}

static struct joined join(const char *name, const struct graph *g, const struct squares *s, const bool *chosen,
	const struct kept *kept)
{
	struct joined j = {0, 0, 0, xalloc(g->nodes, sizeof *j.node), xalloc(g->nodes, sizeof *j.together),
		xalloc(g->nodes * sizeof *j.row, s->n)};
	uint32_t *first = xalloc(kept->groups, sizeof *first);
	size_t near = 0;

	for (size_t i = 0; i < kept->groups; i++)
		first[i] = UINT32_MAX;
	for (size_t i = 0; i < g->nodes; i++) {
		int32_t group = kept->group[i];
		size_t *row = j.row + j.n * s->n;
		bool has = true;
		for (size_t k = 0; k < s->n; k++)
			has &= (row[k] = square_row(&s->item[k], g, i)) != NO_ROW;
		for (size_t k = 0; k < s->n && !has; k++)
			row[k] = NO_ROW;
		j.features += chosen[i];
		j.without += chosen[i] && !has && group < 0;
		near += chosen[i] && has;
		if (group < 0 && !(chosen[i] && has))
			continue;
		if (group >= 0 && first[group] == UINT32_MAX)
			first[group] = (uint32_t)j.n;
		j.together[j.n] = group >= 0 ? first[group] : UINT32_MAX;
		j.node[j.n++] = (uint32_t)i;
	}
	free(first);
	if (near == 0 && j.features > 0)
		die("%s: no feature node has a distance: the graph has %s, the distances %s", name, example(g, &s->item[0]),
			square_example(&s->item[0]));
	if (j.without > 0)
		note("%s: %zu of %zu feature nodes have no distance and stay alone", name, j.without, j.features);
	return j;
}

static void joined_free(struct joined *j)
{
	free(j->node);
	free(j->together);
	free(j->row);
}

/* -- Groups ------------------------------------------------------------------------------------ */

static bool apart(const struct graph *g, const struct joined *j, size_t a, size_t b)
{
	bool kept = j->together[a] < j->n && j->together[b] < j->n;

	return (!across && g->ctx_idx[j->node[a]] != g->ctx_idx[j->node[b]])
		|| (kept && j->together[a] != j->together[b]);
}

/* The root mean square of the distances (n, n) that are finite. */
static double spread_of(const double *dist, size_t n)
{
	double sum = 0, pairs = 0;

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			if (isfinite(dist[a * n + b])) {
				sum += dist[a * n + b] * dist[a * n + b];
				pairs++;
			}
	return pairs > 0 ? sqrt(sum / pairs) : 0;
}

/* dist (n, n): by stream k alone. */
static void take_distances(double *dist, const struct joined *j, const struct squares *s, size_t k)
{
	for (size_t a = 0; a < j->n; a++)
		for (size_t b = 0; b < j->n; b++) {
			size_t x = j->row[a * s->n + k], y = j->row[b * s->n + k];
			dist[a * j->n + b] = x == NO_ROW || y == NO_ROW ? INFINITY : square_at(&s->item[k], x, y);
		}
}

/* Adds stream k to dist (n, n), in units of its spread. */
static void mix_in(double *dist, const struct joined *j, const struct squares *s, size_t k)
{
	double *one = xalloc(j->n * sizeof *one, j->n);

	take_distances(one, j, s, k);
	double spread = spread_of(one, j->n), part = s->item[k].weight / (spread > 0 ? spread : 1);
	for (size_t i = 0; i < j->n * j->n; i++)
		dist[i] += part * one[i];
	free(one);
}

/* (n, n), to free() */
static double *node_distances(const struct joined *j, const struct squares *s)
{
	double *dist = xcalloc(j->n * sizeof *dist, j->n);

	if (s->n == 1)
		take_distances(dist, j, s, 0);
	for (size_t k = 0; k < s->n && s->n > 1; k++)
		mix_in(dist, j, s, k);
	return dist;
}

/* Distances become infinite where a group must not hold both. */
static void constrain(double *dist, const struct graph *g, const struct joined *j)
{
	for (size_t a = 0; a < j->n; a++)
		for (size_t b = 0; b < j->n; b++)
			if (apart(g, j, a, b))
				dist[a * j->n + b] = INFINITY;
}

/* The graph of the joined nodes, in which no cycle may arise. */
struct network {
	struct acyclic acyclic;
	uint64_t *memory;
};

static bool may(void *network, size_t a, size_t b)
{
	return may_unite(&((struct network *)network)->acyclic, a, b);
}

static void united(void *network, size_t a, size_t b)
{
	unite_nodes(&((struct network *)network)->acyclic, a, b);
}

/* A rule knows joined nodes by their places, the network all nodes: the joined ones come first. */
static struct network network_of(const char *name, const struct graph *g, const struct joined *j)
{
	struct network x = {.memory = xalloc(acyclic_words(g->nodes), sizeof *x.memory)};
	uint32_t *place = xalloc(g->nodes, sizeof *place);
	uint32_t *source = xalloc(g->links, sizeof *source), *target = xalloc(g->links, sizeof *target);
	size_t next = j->n, *link;

	memset(place, 0xff, g->nodes * sizeof *place);
	for (size_t i = 0; i < j->n; i++)
		place[j->node[i]] = (uint32_t)i;
	for (size_t i = 0; i < g->nodes; i++)
		if (place[i] == UINT32_MAX)
			place[i] = (uint32_t)next++;
	for (size_t i = 0; i < g->links; i++) {
		source[i] = place[g->source[i]];
		target[i] = place[g->target[i]];
	}
	if (!(link = ordered_links(source, target, g->nodes, g->links, NULL)))
		die("%s: --acyclic: the links of the graph make a cycle", name);
	acyclic_open(&x.acyclic, x.memory, source, target, link, g->nodes, g->links);
	free(place);
	free(source);
	free(target);
	free(link);
	return x;
}

/* How many of the merges to take. Features without a distance count as groups of one. */
static size_t cut(const char *name, const struct merge *merge, size_t merges, const struct joined *j, double spread)
{
	size_t units = j->n + j->without, begun = merges_up_to(merge, merges, -1), left;
	size_t groups = wanted > 0 ? wanted : (size_t)ceil(percent * (double)j->features / 100 - 1e-9);

	if (!share && !wanted)
		return merges_up_to(merge, merges, isnan(height) ? enough * spread : height);
	left = groups < units ? units - groups : 0;
	if (left > merges) {
		note("%s: %zu groups, not %zu: %s", name, units - merges, groups,
			across ? "features without a distance, or that must not unite, stay apart"
				: "no group spans token positions (see --across-positions)");
		left = merges;
	}
	return left > begun ? left : begun;
}

/* group (nodes): the number of clusters with two members or more, or of a kept group, in their order; -1 for all other
 * nodes. name (groups): of kept ones. */
static size_t number_groups(int32_t *group, const char **name, const struct graph *g, const struct joined *j,
	const struct kept *kept, const uint32_t *label, size_t labels)
{
	size_t *size = xcalloc(labels, sizeof *size), groups = 0;
	int32_t *number = xalloc(labels, sizeof *number), *from = xalloc(labels, sizeof *from);

	for (size_t l = 0; l < labels; l++)
		from[l] = -1;
	for (size_t i = 0; i < j->n; i++) {
		size[label[i]]++;
		if (kept->group[j->node[i]] >= 0)
			from[label[i]] = kept->group[j->node[i]];
	}
	for (size_t l = 0; l < labels; l++) {
		number[l] = size[l] > 1 || from[l] >= 0 ? (int32_t)groups++ : -1;
		if (from[l] >= 0)
			name[number[l]] = kept->name[from[l]];
	}
	for (size_t i = 0; i < g->nodes; i++)
		group[i] = -1;
	for (size_t i = 0; i < j->n; i++)
		group[j->node[i]] = number[label[i]];
	free(number);
	free(from);
	free(size);
	return groups;
}

static int compare_nodes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The errors at each position, or at all, as one more group; returns how many groups there are then. Nothing leads to an
 * error, so that no group of them is in a cycle. */
static size_t group_errors(int32_t *group, size_t groups, const struct graph *g)
{
	uint64_t *error = xalloc(g->nodes, sizeof *error);	/* position, and node */
	size_t n = 0;

	for (size_t i = 0; i < g->nodes; i++)
		if (g->type[i] == ERROR_NODE && group[i] < 0)
			error[n++] = (across ? 0 : (uint64_t)(uint32_t)g->ctx_idx[i] << 32) | i;
	qsort(error, n, sizeof *error, compare_nodes);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && error[end] >> 32 == error[i] >> 32; end++)
			;
		if (end - i < 2)
			continue;
		for (size_t k = i; k < end; k++)
			group[(uint32_t)error[k]] = (int32_t)groups;
		groups++;
	}
	free(error);
	return groups;
}

static void group_nodes(const char *file, struct graph *g, const struct joined *j, const struct squares *s,
	const struct kept *kept, const json_t *tokens)
{
	struct merge *merge = xalloc(j->n, sizeof *merge);
	uint32_t *work = xalloc(3 * j->n, sizeof *work), *label = xalloc(j->n, sizeof *label);
	double *dist = node_distances(j, s), spread = spread_of(dist, j->n);
	struct network network = {0};

	constrain(dist, g, j);
	if (acyclic)
		network = network_of(file, g, j);
	size_t merges = cluster(merge, dist, work, j->n, (enum linkage)linkage, j->together,
		acyclic ? &(struct rule){may, united, &network} : NULL);
	merges = cut(file, merge, merges, j, spread);
	size_t labels = cluster_labels(label, merge, work, j->n, merges);
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	const char **name = pool_calloc(&g->pool, labels + g->nodes, sizeof *name);
	size_t groups = number_groups(group, name, g, j, kept, label, labels);
	if (errors)
		groups = group_errors(group, groups, g);
	name_groups(name, g, group, groups, tokens);
	graph_set_groups(g, group, groups, name);
	free(network.memory);
	free(dist);
	free(label);
	free(work);
	free(merge);
}

/* -- The stream -------------------------------------------------------------------------------- */

static void group_graph(const char *name, struct graph *g, struct sm_frame *header, const struct squares *s)
{
	json_t *document = graph_document(name, g);
	const json_t *query = json_object_get(document, "qParams");
	struct kept kept = kept_groups(name, g, query);
	bool *chosen = choose(name, g, query);
	struct joined j = join(name, g, s, chosen, &kept);
	group_nodes(name, g, &j, s, &kept,
		json_object_get(json_object_get(document, "metadata"), "prompt_tokens"));
	sm_set_integer(header, "groups", (int64_t)g->groups);
	sm_set_integer(header, "without_distance", (int64_t)j.without);
	char *cycle = group_cycle(g);
	if (cycle)
		note("%s: groups make a cycle: %s (see --acyclic)", name, cycle);
	sm_set_integer(header, "acyclic", !cycle);
	free(cycle);
	joined_free(&j);
	free(chosen);
	kept_free(&kept);
	json_decref(document);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "supernode --graph G [OPTION]... [DISTANCES]",
		"Groups the feature nodes of a graph by distance and sums the links between.", 1);
	check_command_line(operand[0]);

	struct squares squares = open_squares(operand[0]);
	struct sm_reader *graphs = sm_reader_open(graph_file);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(graphs, &header)) {
		struct graph g;
		read_graph(graphs, &header, &g);
		for (size_t k = 0; k < squares.n; k++)
			square_for(&squares.item[k], &header);
		if (g.document)
			group_graph(sm_reader_name(graphs), &g, &header, &squares);
		join_headers(&header, &squares);
		sm_write_header(out, &header);
		write_graph(out, &g);
		graph_free(&g);
	}
	squares_close(&squares);
	sm_writer_close(out);
	sm_reader_close(graphs);
	sm_frame_free(&header);
	free(mixed.item);
	free(operand);
	return 0;
}
