#include "graph/measured_signs.h"

#include "base/die.h"
#include "graph/graph_influence.h"
#include "graph/node_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- The table --------------------------------------------------------------------------------- */

/* The number of the third cell; NaN in a first line whose third cell is a name. */
static double effect_of(const struct table *t, bool first)
{
	const char *text = table_text(t, 2);
	char *end;
	double effect = strtod(text, &end);

	if (end != text && !*end && isfinite(effect))
		return effect;
	if (!first || strspn(text, " +-.0123456789") > 0 || (end != text && !*end))
		die("%s: line %zu: '%s' is no effect", t->path, t->line, text);
	return NAN;
}

struct effects effects_open(const char *path)
{
	struct effects x = {.table = table_open(path)};
	size_t room = 0;
	bool first = true;

	while (table_read(&x.table)) {
		double effect = effect_of(&x.table, first);
		first = false;
		if (isnan(effect))
			continue;
		if (x.n == room) {
			room = room ? 2 * room : 64;
			x.source = xrealloc(x.source, room, sizeof *x.source);
			x.target = xrealloc(x.target, room, sizeof *x.target);
			x.effect = xrealloc(x.effect, room, sizeof *x.effect);
		}
		x.source[x.n] = x.table.cell[0];
		x.target[x.n] = x.table.cell[1];
		x.effect[x.n++] = effect;
	}
	return x;
}

void effects_close(struct effects *x)
{
	free(x->source);
	free(x->target);
	free(x->effect);
	table_close(&x->table);
}

/* -- Ends of a line ---------------------------------------------------------------------------- */

/* The nodes of a name: those of a group, or one. */
struct end {
	int32_t group;			/* -1: none */
	uint32_t node;			/* NO_NODE: none */
};

static struct end end_named(const char *name, const struct graph_groups *groups,
	const struct node_names *names)
{
	for (size_t k = 0; k < groups->n; k++)
		if (strcmp(groups->name[k], name) == 0)
			return (struct end){(int32_t)k, NO_NODE};
	return (struct end){-1, node_named(names, name)};
}

static bool is_known(struct end x)
{
	return x.group >= 0 || x.node != NO_NODE;
}

static bool holds(struct end x, const struct graph_groups *groups, size_t node)
{
	return x.group >= 0 ? groups->group[node] == x.group : x.node == node;
}

/* -- Signs ------------------------------------------------------------------------------------- */

/* What all lines need of a graph. share (links): S; reach (nodes): room. */
struct signs {
	struct graph *graph;
	const struct graph_groups *groups;
	const size_t *order;
	double *share, *reach;
};

static double sum_of_links(const struct signs *x, struct end from, struct end to)
{
	const struct graph *g = x->graph;
	double sum = 0;

	for (size_t i = 0; i < g->links; i++)
		if (g->source[i] != g->target[i] && holds(from, x->groups, g->source[i])
				&& holds(to, x->groups, g->target[i]))
			sum += graph_weight(g, i);
	return sum;
}

static double sum_of_ways(const struct signs *x, struct end from, struct end to)
{
	const struct graph *g = x->graph;
	double sum = 0;

	for (size_t i = 0; i < g->nodes; i++)
		x->reach[i] = holds(from, x->groups, i);
	for (size_t i = 0; i < g->links; i++) {
		size_t l = x->order[i], t = g->target[l];
		if (!holds(from, x->groups, t))
			x->reach[t] += x->share[l] * x->reach[g->source[l]];
	}
	for (size_t i = 0; i < g->nodes; i++)
		if (holds(to, x->groups, i) && !holds(from, x->groups, i))
			sum += x->reach[i];
	return sum;
}

static void compare(size_t *n, size_t *right, double sum, double effect)
{
	*n += sum != 0;
	*right += sum != 0 && (sum > 0) == (effect > 0);
}

struct measured_signs measured_signs(const struct effects *e, struct graph *g,
	const struct graph_groups *groups)
{
	double *weight = graph_absolute_weights(g);
	struct signs x = {g, groups, graph_order(g), shares_of(weight, g->target, g->nodes,
		g->links), xalloc(g->nodes, sizeof *x.reach)};
	struct node_names names = node_names_open(NULL, g);
	struct measured_signs found = {.ways = x.order != NULL};

	for (size_t i = 0; i < g->links; i++)
		x.share[i] = copysign(x.share[i], graph_weight(g, i));
	for (size_t i = 0; i < e->n; i++) {
		struct end from = end_named(e->source[i], groups, &names);
		struct end to = end_named(e->target[i], groups, &names);
		if (!is_known(from) || !is_known(to)) {
			found.missing++;
			continue;
		}
		if (e->effect[i] == 0)
			continue;
		found.pairs++;
		found.positive += e->effect[i] > 0;
		compare(&found.linked, &found.linked_right, sum_of_links(&x, from, to),
			e->effect[i]);
		if (x.order)
			compare(&found.reached, &found.reached_right, sum_of_ways(&x, from, to),
				e->effect[i]);
	}
	node_names_close(&names);
	free(x.reach);
	free(x.share);
	free(weight);
	return found;
}
