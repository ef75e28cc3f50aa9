#include "graph/group_cycle.h"

#include "base/die.h"
#include "graph/graph_groups.h"
#include "graph/graph_influence.h"
#include "kernel/topological_order.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 12 };		/* steps of a cycle that are named */

/* after (units): on a shortest way from a unit to itself, which there is, the unit after each. The
 * way is found from its end, breadth first, against the links. */
static void find_way(uint32_t *after, const struct graph *g, uint32_t unit, size_t units)
{
	size_t *begin = xalloc(units + 1, sizeof *begin), n = 0;
	size_t *link = xalloc(g->group_links, sizeof *link);
	uint32_t *found = xalloc(units + 1, sizeof *found);

	links_by_node(link, begin, g->group_link_target, units, g->group_links);
	memset(after, 0xff, units * sizeof *after);		/* NO_NODE */
	found[n++] = unit;
	for (size_t k = 0; k < n && after[unit] == NO_NODE; k++)
		for (size_t i = begin[found[k]]; i < begin[found[k] + 1]; i++) {
			uint32_t s = g->group_link_source[link[i]];
			if (after[s] == NO_NODE) {
				after[s] = found[k];
				found[n++] = s;
			}
		}
	free(found);
	free(link);
	free(begin);
}

/* (units), to free() */
static const char **unit_names(const struct graph *g, size_t *units)
{
	uint32_t *unit = xalloc(g->nodes, sizeof *unit);
	const char **name = xalloc(*units = graph_units(unit, g), sizeof *name);

	for (size_t i = 0; i < g->nodes; i++)
		name[unit[i]] = g->group && g->group[i] >= 0
			? g->group_name[g->group[i]] : g->node_id[i];
	free(unit);
	return name;
}

static char *way_round(const struct graph *g, const char *const *name, uint32_t unit, size_t units)
{
	uint32_t *after = xalloc(units, sizeof *after), at = unit;
	char *way = xasprintf("%s", name[unit]);
	size_t steps = 0;

	find_way(after, g, unit, units);
	do {
		at = after[at];
		char *longer = xasprintf("%s -> %s", way, ++steps > SHOWN ? "..." : name[at]);
		free(way);
		way = longer;
	} while (at != unit && steps <= SHOWN);
	free(after);
	return way;
}

char *group_cycle(const struct graph *g)
{
	uint32_t one;
	size_t units;
	const char **name = unit_names(g, &units);
	size_t *order = order_links(g->group_link_source, g->group_link_target, units,
		g->group_links, &one);
	char *way = order ? NULL : way_round(g, name, one, units);

	free(order);
	free(name);
	return way;
}
