/* Nodes by their names, and lists of supernodes, [[name, member, ...], ...], as arrays of nodes.
 *
 *	struct named n;
 *	read_named(&n, file, list, &g);
 *	for (size_t i = 0; i < n.groups; i++)
 *		for (size_t k = n.indptr[i]; k < n.indptr[i + 1]; k++)
 *			... n.node[k] is in n.name[i] ...
 *	named_free(&n);
 */
#ifndef GRAPH_SUPERNODE_LIST_H
#define GRAPH_SUPERNODE_LIST_H

#include "base/name_index.h"
#include "graph/graph.h"

#include <jansson.h>

/* -- Nodes by name ------------------------------------------------------------------------------ */

#define NO_NODE UINT32_MAX

/* What the nodes are called, and an index of it. */
struct names {
	const char *const *of;		/* (nodes): node_id or js_node_id of the graph */
	struct lookup index;		/* of that */
	uint32_t *chosen;		/* (nodes): the node for the name of index.number[i] */
};

struct names names_of(const struct graph *, const char *const *name);
/* By what a list of names or of supernodes calls the nodes: jsNodeId when more of its names are one
 * than are a node_id. `list` may be NULL. */
struct names names_in(const json_t *list, const struct graph *);
void names_free(struct names *);

/* The node of this name, of n bytes or up to its NUL, or NO_NODE. Of several it is the first feature: an error's
 * node_id can be that of a feature of layer 0. */
uint32_t node_spelled(const struct names *, const char *name, size_t n);
uint32_t node_named(const struct names *, const char *name);

/* -- Supernodes by name ------------------------------------------------------------------------- */

struct named {
	size_t groups;
	const char **name;		/* (groups): in the list's order, twice when two bear it; the list's text */
	size_t *indptr;			/* (groups + 1) */
	uint32_t *node;			/* members that there are, in the list's order, once in each group */
	size_t missing;			/* members that are no nodes */
};

/* What is no such list is die(), with `where` before it. NULL and null are an empty list. */
void read_named(struct named *, const char *where, const json_t *list, const struct graph *);
void named_free(struct named *);

/* group (nodes): the number of the first group that has the node, or -1. */
void named_groups(int32_t *group, size_t nodes, const struct named *);

/* A file that holds such lists: "FILE", or "FILE:KEY" for another key than "supernodes". What it holds is
 * a list, an object with a list under this key, a graph's JSON with it in its qParams, an object that has
 * one of these for each slug, or a list of such objects with their slugs in them, of which the first counts. Ends the program when it is no JSON. */
struct named_file {
	char *path, *key;
	json_t *json;
};

struct named_file named_open(const char *spec);
/* The list for the graph of this slug; die() when there is none. It belongs to the file. */
const json_t *named_list(const struct named_file *, const char *slug);
void named_close(struct named_file *);

#endif
