#include "graph/graph_pins.h"

#include "base/die.h"
#include "graph/graph_influence.h"

#include <stdlib.h>
#include <string.h>

/* The choice as it is made. */
struct choice {
	const struct graph *g;
	const uint32_t *ranked, *leader;	/* (nodes) */
	bool *pinned;				/* (nodes): by the file */
	bool *taken;				/* (nodes) */
	bool *shown;				/* (groups): has a pin */
	struct graph_pins pins;
};

static void read_old(struct choice *x, const json_t *old)
{
	struct node_names names = node_names_open(old, x->g);
	const json_t *pin;
	size_t i;

	json_array_foreach(old, i, pin) {
		uint32_t node = node_named(&names, json_string_value(pin));
		if (node == NO_NODE)
			x->pins.dangling++;
		else
			x->pinned[node] = true;
	}
	node_names_close(&names);
}

/* Pins the node that stands for this one, once, while there is room. */
static void pin(struct choice *x, uint32_t member)
{
	uint32_t node = x->leader[member];

	if (x->taken[node])
		return;
	x->taken[node] = true;
	if (x->pins.n == MOST_PINS) {
		x->pins.left++;
		return;
	}
	x->pins.node[x->pins.n++] = node;
	if (x->g->group[node] >= 0)
		x->shown[x->g->group[node]] = true;
}

/* -- Logits and embeddings --------------------------------------------------------------------- */

/* (nodes), to free(): influence on the logits, and a logit's weight; or, where it does not settle
 * or there is no logit, the sum of absolute outgoing weights. */
static double *carried(const struct graph *g)
{
	double *weight = graph_absolute_weights(g), *logit = graph_logit_weights(g), sum = 0;
	size_t *order = order_links(g->source, g->target, g->nodes, g->links, NULL);
	struct influence x = influence_open(g->nodes, g->links, g->source, g->target, weight,
		order, logit);

	for (size_t i = 0; i < g->nodes; i++)
		sum += logit[i];
	if (!x.settled || !(sum > 0)) {
		memcpy(x.total, logit, g->nodes * sizeof *x.total);
		for (size_t i = 0; i < g->links; i++)
			x.total[g->source[i]] += weight[i];
	}
	double *total = x.total;
	x.total = NULL;
	influence_close(&x);
	free(order);
	free(logit);
	free(weight);
	return total;
}

struct end {
	double carries;
	uint32_t node;
};

static int compare_ends(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->carries != y->carries)
		return x->carries > y->carries ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* end: those of a type that are to be pinned, the most influential first; returns how many. */
static size_t find_ends(struct end *end, const struct choice *x, enum node_type type,
	const double *carries)
{
	bool any = false;
	size_t n = 0;

	for (size_t i = 0; i < x->g->nodes; i++)
		any |= x->pinned[i] && x->g->type[i] == type;
	for (size_t i = 0; i < x->g->nodes; i++)
		if (x->g->type[i] == type && (any ? x->pinned[i] : carries[i] > 0))
			end[n++] = (struct end){carries[i], (uint32_t)i};
	qsort(end, n, sizeof *end, compare_ends);
	return n;
}

/* The first pin of a group is the group's, and takes no room from others. */
static void pin_ends(struct choice *x)
{
	const struct graph *g = x->g;
	size_t room = g->groups < MOST_PINS ? MOST_PINS - g->groups : 0;
	struct end *end = xalloc(g->nodes, sizeof *end);
	double *carries = carried(g);
	size_t n = find_ends(end, x, LOGIT_NODE, carries);

	n += find_ends(end + n, x, EMBEDDING_NODE, carries);
	for (size_t i = 0; i < n; i++) {
		uint32_t node = x->leader[end[i].node];
		bool first = g->group[node] >= 0 && !x->shown[g->group[node]];
		if (x->taken[node])
			continue;
		if (!first && room == 0 && x->pins.n > 0) {
			x->taken[node] = true;
			x->pins.left++;
			continue;
		}
		room -= !first && room > 0;
		pin(x, node);
	}
	free(carries);
	free(end);
}

/* -- Groups ------------------------------------------------------------------------------------ */

/* (nodes), to free(): how well a node can stand for its group. One whose id another node has, too,
 * can be taken for that. */
static uint8_t *fitness(const struct choice *x, const char *const *id)
{
	struct name_index ids = name_index_open(id, x->g->nodes);
	uint8_t *fit = xcalloc(x->g->nodes, sizeof *fit);

	for (size_t d = 0; d < ids.distinct; d++)
		for (size_t i = ids.begin[d]; i < ids.begin[d + 1]; i++)
			fit[ids.number[i]] = (uint8_t)(2 * (ids.begin[d + 1] - ids.begin[d] == 1)
				+ x->pinned[ids.number[i]]);
	name_index_close(&ids);
	return fit;
}

static void pin_groups(struct choice *x, const char *const *id)
{
	const struct graph *g = x->g;
	uint32_t *chosen = xalloc(g->groups, sizeof *chosen);
	uint8_t *fit = fitness(x, id);

	memset(chosen, 0xff, g->groups * sizeof *chosen);		/* NO_NODE */
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t node = x->ranked[i];
		int32_t group = g->group[node];
		if (group >= 0 && (chosen[group] == NO_NODE || fit[node] > fit[chosen[group]]))
			chosen[group] = node;
	}
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t node = x->ranked[i];
		int32_t group = g->group[node];
		if (group >= 0 && !x->shown[group] && chosen[group] == node)
			pin(x, node);
	}
	free(fit);
	free(chosen);
}

struct graph_pins graph_pins(const struct graph *g, const char *const *id, const json_t *old,
	const uint32_t *ranked, const uint32_t *leader)
{
	struct choice x = {g, ranked, leader, xcalloc(g->nodes, sizeof *x.pinned),
		xcalloc(g->nodes, sizeof *x.taken), xcalloc(g->groups, sizeof *x.shown), {0}};

	read_old(&x, old);
	pin_ends(&x);
	pin_groups(&x, id);
	for (size_t i = 0; i < g->nodes; i++)
		if (x.pinned[ranked[i]])
			pin(&x, ranked[i]);
	x.pins.needed = x.pins.n;
	for (size_t i = 0; i < g->nodes; i++)
		if (g->group[ranked[i]] >= 0)
			pin(&x, ranked[i]);
	for (size_t i = 0; i < g->groups; i++)
		x.pins.hidden += !x.shown[i];
	free(x.shown);
	free(x.taken);
	free(x.pinned);
	return x.pins;
}
