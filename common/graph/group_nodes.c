#include "graph/group_nodes.h"

#include "base/die.h"
#include "graph/graph_influence.h"
#include "kernel/acyclic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- Candidates -------------------------------------------------------------------------------- */

static void add_candidate(struct group_candidates *c, uint32_t node, int32_t group, uint32_t *first)
{
	if (group >= 0 && first[group] == NO_NODE)
		first[group] = (uint32_t)c->n;
	c->together[c->n] = group >= 0 ? first[group] : NO_NODE;
	c->node[c->n++] = node;
}

static void say_without(const char *name, const struct group_candidates *c, size_t with,
	const struct graph *g, const struct node_distances *d)
{
	if (with == 0 && c->features > 0) {
		char *example = node_distances_example(d, g);
		die("%s: no feature node has a distance: %s", name, example);
	}
	if (c->without > 0)
		note("%s: %zu of %zu feature nodes have no distance and stay alone", name,
			c->without, c->features);
}

struct group_candidates group_candidates_open(const char *name, const struct graph *g,
	const struct node_distances *d, const bool *chosen, const struct graph_groups *kept)
{
	struct group_candidates c = {0, 0, 0, xalloc(g->nodes, sizeof *c.node),
		xalloc(g->nodes, sizeof *c.together), xalloc(g->nodes * sizeof *c.row, d->n)};
	uint32_t *first = xalloc(kept->n, sizeof *first);
	size_t with = 0;

	memset(first, 0xff, kept->n * sizeof *first);		/* NO_NODE */
	for (uint32_t i = 0; i < g->nodes; i++) {
		int32_t group = kept->n > 0 ? kept->group[i] : -1;
		bool has = node_distances_rows(c.row + c.n * d->n, d, g, i);
		c.features += chosen[i];
		c.without += chosen[i] && !has && group < 0;
		with += chosen[i] && has;
		if (group >= 0 || (chosen[i] && has))
			add_candidate(&c, i, group, first);
	}
	free(first);
	say_without(name, &c, with, g, d);
	return c;
}

void group_candidates_close(struct group_candidates *c)
{
	free(c->node);
	free(c->together);
	free(c->row);
	*c = (struct group_candidates){0};
}

/* -- What must not unite ----------------------------------------------------------------------- */

static bool apart(const struct graph *g, const struct group_candidates *c, size_t a, size_t b,
	bool across)
{
	bool kept = c->together[a] < c->n && c->together[b] < c->n;

	return (!across && g->ctx_idx[c->node[a]] != g->ctx_idx[c->node[b]])
		|| (kept && c->together[a] != c->together[b]);
}

/* Distances become infinite where a group must not hold both. */
static void constrain(double *dist, const struct graph *g, const struct group_candidates *c,
	bool across)
{
	for (size_t a = 0; a < c->n; a++)
		for (size_t b = 0; b < c->n; b++)
			if (apart(g, c, a, b, across))
				dist[a * c->n + b] = INFINITY;
}

/* All nodes of the graph, in which no cycle may arise. */
struct network {
	struct acyclic acyclic;
	uint64_t *memory;
};

static bool may(void *network, size_t a, size_t b)
{
	return acyclic_may_unite(&((struct network *)network)->acyclic, a, b);
}

static void united(void *network, size_t a, size_t b)
{
	acyclic_unite(&((struct network *)network)->acyclic, a, b);
}

/* Clusters are numbered by candidates: these come first among the nodes of the network. */
static struct network network_open(const char *name, struct graph *g,
	const struct group_candidates *c)
{
	struct network x = {.memory = xalloc(acyclic_words(g->nodes), sizeof *x.memory)};
	uint32_t *place = xalloc(g->nodes, sizeof *place);
	uint32_t *source = xalloc(g->links, sizeof *source);
	uint32_t *target = xalloc(g->links, sizeof *target);
	const size_t *order = graph_order(g);
	uint32_t next = (uint32_t)c->n;

	if (!order)
		die("%s: --acyclic: the links of the graph make a cycle", name);
	memset(place, 0xff, g->nodes * sizeof *place);		/* NO_NODE */
	for (size_t i = 0; i < c->n; i++)
		place[c->node[i]] = (uint32_t)i;
	for (size_t i = 0; i < g->nodes; i++)
		if (place[i] == NO_NODE)
			place[i] = next++;
	for (size_t i = 0; i < g->links; i++) {
		source[i] = place[g->source[i]];
		target[i] = place[g->target[i]];
	}
	acyclic_open(&x.acyclic, x.memory, source, target, order, g->nodes, g->links);
	free(place);
	free(source);
	free(target);
	return x;
}

/* -- Groups ------------------------------------------------------------------------------------ */

/* The height at which n nodes with distances, free to unite, are sqrt(n) groups: half way between
 * the last merge that is taken and the next. */
static double chosen_height(const struct group_candidates *c, const struct node_distances *d)
{
	struct merge *merge = xalloc(c->n, sizeof *merge);
	uint32_t *work = xalloc(3 * c->n, sizeof *work);
	double *dist = node_distances_matrix(d, c->row, c->n);
	size_t merges = cluster(merge, dist, work, c->n, WARD, NULL, NULL), with = 0;

	for (size_t i = 0; i < c->n; i++)
		with += c->row[i * d->n] != NO_ROW;
	size_t taken = with - (size_t)round(sqrt((double)with));
	double height = taken == 0 ? -INFINITY : taken >= merges ? INFINITY
		: (merge[taken - 1].height + merge[taken].height) / 2;
	free(dist);
	free(work);
	free(merge);
	return height;
}

/* How many of the merges to take. Features without a distance count as groups of one. */
static size_t cut(const char *name, const struct merge *merge, size_t merges,
	const struct group_candidates *c, double height, const struct group_settings *s)
{
	size_t units = c->n + c->without, begun = merges_up_to(merge, merges, -1);
	size_t groups = s->groups > 0 ? s->groups
		: (size_t)ceil(s->percent * (double)c->features / 100 - 1e-9);

	if (s->groups == 0 && s->percent == 0)
		return merges_up_to(merge, merges, height);
	size_t taken = groups < units ? units - groups : 0;
	if (taken > merges) {
		note("%s: %zu groups are made, not %zu: %s", name, units - merges, groups, s->across
			? "features without a distance, or that must not unite, stay apart"
			: "no group spans token positions (see --across-positions)");
		taken = merges;
	}
	return taken > begun ? taken : begun;
}

/* The merge that brings two clusters together, `merges` for none. parent (n + merges): the cluster
 * that each was merged into, 0 for none; it has a larger number than its parts. */
static size_t common_merge(const uint32_t *parent, uint32_t a, uint32_t b, size_t n, size_t merges)
{
	while (a != b) {
		uint32_t *lower = a < b ? &a : &b;
		if (!(*lower = parent[*lower]))
			return merges;
	}
	return a - n;
}

/* (merges), to free(): the absolute weight of links between features that each merge hides. */
static double *hidden_by(const struct merge *merge, size_t merges, const struct graph *g,
	const struct group_candidates *c, const double *weight)
{
	double *hidden = xcalloc(merges + 1, sizeof *hidden);
	uint32_t *parent = xcalloc(c->n + merges, sizeof *parent);
	uint32_t *place = xalloc(g->nodes, sizeof *place);

	memset(place, 0xff, g->nodes * sizeof *place);		/* NO_NODE */
	for (size_t i = 0; i < c->n; i++)
		if (g->type[c->node[i]] == FEATURE_NODE)
			place[c->node[i]] = (uint32_t)i;
	for (size_t i = 0; i < merges; i++)
		parent[merge[i].a] = parent[merge[i].b] = (uint32_t)(c->n + i);
	for (size_t i = 0; i < g->links; i++) {
		uint32_t a = place[g->source[i]], b = place[g->target[i]];
		if (a != NO_NODE && b != NO_NODE && a != b)
			hidden[common_merge(parent, a, b, c->n, merges)] += weight[i];
	}
	free(place);
	free(parent);
	return hidden;
}

/* How many of the merges to take so that no more than `most` of all weight is inside groups. Those
 * that begin kept groups are taken. */
static size_t cap(const char *name, const struct merge *merge, size_t merges,
	const struct graph *g, const struct group_candidates *c, double most)
{
	double *weight = graph_absolute_weights(g), all = 0, sum = 0;
	double *hidden = hidden_by(merge, merges, g, c, weight);
	size_t begun = merges_up_to(merge, merges, -1), taken = 0;

	for (size_t i = 0; i < g->links; i++)
		all += weight[i];
	while (taken < merges && (taken < begun || sum + hidden[taken] <= most * all))
		sum += hidden[taken++];
	if (sum > most * all)
		note("%s: groups that are kept hide %.2g of the weights: more than --max-hidden %g",
			name, sum / all, most);
	free(hidden);
	free(weight);
	return taken;
}

/* label (n): the cluster of each candidate; returns how many there are. */
static size_t cluster_candidates(uint32_t *label, const char *name, struct graph *g,
	const struct group_candidates *c, const struct node_distances *d,
	const struct group_settings *s)
{
	bool choose = s->groups == 0 && s->percent == 0 && isnan(s->height);
	double height = choose ? chosen_height(c, d) : s->height;
	struct merge *merge = xalloc(c->n, sizeof *merge);
	uint32_t *work = xalloc(3 * c->n, sizeof *work);
	double *dist = node_distances_matrix(d, c->row, c->n);
	struct network network = {0};

	constrain(dist, g, c, s->across);
	if (s->acyclic)
		network = network_open(name, g, c);
	size_t merges = cluster(merge, dist, work, c->n, s->linkage, c->together,
		s->acyclic ? &(struct merge_rule){may, united, &network} : NULL);
	merges = cut(name, merge, merges, c, height, s);
	if (!isnan(s->max_hidden))
		merges = cap(name, merge, merges, g, c, s->max_hidden);
	size_t labels = cluster_labels(label, merge, work, c->n, merges);
	free(network.memory);
	free(dist);
	free(work);
	free(merge);
	return labels;
}

/* What group_nodes() returns, from clusters. */
static size_t number_groups(int32_t *group, const char **group_name, size_t nodes,
	const struct group_candidates *c, const struct graph_groups *kept, const uint32_t *label,
	size_t labels)
{
	size_t *size = xcalloc(labels, sizeof *size), groups = 0;
	int32_t *number = xalloc(labels, sizeof *number), *from = xalloc(labels, sizeof *from);

	memset(from, 0xff, labels * sizeof *from);		/* -1 */
	for (size_t i = 0; i < c->n; i++) {
		size[label[i]]++;
		if (kept->n > 0 && kept->group[c->node[i]] >= 0)
			from[label[i]] = kept->group[c->node[i]];
	}
	for (size_t l = 0; l < labels; l++) {
		number[l] = size[l] > 1 || from[l] >= 0 ? (int32_t)groups++ : -1;
		if (from[l] >= 0)
			group_name[number[l]] = kept->name[from[l]];
	}
	for (size_t i = 0; i < nodes; i++)
		group[i] = -1;
	for (size_t i = 0; i < c->n; i++)
		group[c->node[i]] = number[label[i]];
	free(number);
	free(from);
	free(size);
	return groups;
}

size_t group_nodes(int32_t *group, const char **group_name, const char *name, struct graph *g,
	const struct group_candidates *c, const struct node_distances *d,
	const struct graph_groups *kept, const struct group_settings *s)
{
	uint32_t *label = xalloc(c->n, sizeof *label);
	size_t labels = cluster_candidates(label, name, g, c, d, s);
	size_t groups = number_groups(group, group_name, g->nodes, c, kept, label, labels);

	free(label);
	return groups;
}
