/* Groups of a graph's nodes, and the links between them. */
#ifndef GRAPH_GRAPH_GROUPS_H
#define GRAPH_GRAPH_GROUPS_H

#include "graph/graph.h"

#include <jansson.h>

/* Gives the graph groups in place of the ones it had, and sums its links between units. Both
 * arrays, (nodes) and (groups), have to stay as long as the graph. A graph without a document stays
 * as it is. */
void graph_set_groups(struct graph *, const int32_t *group, size_t groups,
	const char *const *name);

/* The groups that a graph has; all of it stays as long as the graph. */
struct graph_groups {
	size_t n;
	const int32_t *group;		/* (nodes), -1: in none */
	const char *const *name;	/* (n) */
	bool listed;			/* they are the document's, whose list is not empty */
	size_t missing;			/* members of this list that are no nodes */
};

/* Those of its stream, or else the supernodes of its document's qParams (see supernode_list.h),
 * numbered in the order of their first nodes. Supernodes without a node of their own are left out.
 * `name` begins every complaint. */
struct graph_groups graph_groups_of(const char *name, struct graph *, const json_t *query);

/* The same of another list than the document's. */
struct graph_groups graph_groups_in(const char *name, struct graph *, const json_t *list);

/* Makes one more group of the errors without a group at each token position, or of all (anywhere),
 * where there are two or more. Returns how many groups there are then. No link leads to an error,
 * so these groups are in no cycle. */
size_t group_errors(int32_t *group, size_t groups, const struct graph *, bool anywhere);

/* -- Units ------------------------------------------------------------------------------------- */

/* unit (nodes): the groups in their order, then every node without a group, in the order of nodes.
 * Returns how many there are. */
size_t graph_units(uint32_t *unit, const struct graph *);

/* Pairs of different units that links join, by target, then by source; and the links of each. */
struct unit_links {
	size_t n;
	uint32_t *source, *target;	/* (n): units */
	size_t *begin;			/* (n + 1): where the links of each pair begin in link */
	size_t *link;			/* ascending in each pair */
};

/* source and target (links) are nodes, unit (nodes) their units. */
struct unit_links unit_links_open(const uint32_t *unit, const uint32_t *source,
	const uint32_t *target, size_t links);
void unit_links_close(struct unit_links *);

/* (n), to free(): for each pair the sum of a value (links) of its links. */
double *unit_sums(const struct unit_links *, const double *value);
/* Frees begin and link, when there is nothing more to sum. */
void unit_links_summed(struct unit_links *);

#endif
