/* Groups the nodes of a graph by distance. */
#ifndef GRAPH_GROUP_NODES_H
#define GRAPH_GROUP_NODES_H

#include "graph/graph_groups.h"
#include "graph/node_distances.h"
#include "kernel/cluster.h"

/* The nodes that groups may hold: chosen feature nodes with distances, and those of groups that are
 * kept. */
struct group_candidates {
	size_t n, features, without;	/* chosen features; those of them that have no distances */
	uint32_t *node;			/* (n) */
	uint32_t *together;		/* (n): the first node of its kept group; n: of none */
	size_t *row;			/* (n, streams), as node_distances_rows() has them */
};

/* chosen (nodes): the features that are to be grouped; kept: the groups that are kept. A note that
 * `name` begins counts features without distances; die() when none has them. */
struct group_candidates group_candidates_open(const char *name, const struct graph *,
	const struct node_distances *, const bool *chosen, const struct graph_groups *kept);
void group_candidates_close(struct group_candidates *);

/* How many groups, and of what. */
struct group_settings {
	size_t groups;		/* the number of groups; 0: by percent */
	double percent;		/* that number in percent of the features; 0: by height */
	double height;		/* merges up to this distance; NAN: chosen by the number of nodes */
	double max_hidden;	/* the most of all absolute weight inside groups; NAN: any */
	enum linkage linkage;
	bool across;		/* a group may span token positions */
	bool acyclic;		/* links between groups must not make a cycle */
};

/* group (nodes): a number, in the order of first members, for nodes of groups of two nodes or more
 * and of kept groups; -1 for all other nodes. group_name (nodes): set for kept groups. Returns how
 * many groups there are. */
size_t group_nodes(int32_t *group, const char **group_name, const char *name, struct graph *,
	const struct group_candidates *, const struct node_distances *,
	const struct graph_groups *kept, const struct group_settings *);

#endif
