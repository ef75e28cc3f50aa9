/* The nodes of a graph by their names, node_id and jsNodeId. Several nodes can bear one name: an
 * error's node_id can be that of a feature of layer 0. Such a name means the first feature that
 * bears it, or, where none does, the first node. */
#ifndef GRAPH_NODE_NAMES_H
#define GRAPH_NODE_NAMES_H

#include "base/name_index.h"
#include "graph/graph.h"

#include <jansson.h>

/* One name of every node. */
struct node_index {
	const char *const *name;	/* (nodes): node_id or js_node_id of the graph */
	struct name_index index;		/* of these */
	uint32_t *chosen;		/* (nodes): what the name of node index.number[i] means */
};

struct node_index node_index_open(const struct graph *, const char *const *name);
void node_index_close(struct node_index *);
/* The node of a name of n bytes, or NO_NODE. */
uint32_t node_index_find(const struct node_index *, const char *name, size_t n);

/* Both names of every node, as a list of names uses them. */
struct node_names {
	struct node_index first, second;
};

/* jsNodeId comes first when more of the list's names are one than are a node_id. The list holds
 * names, or lists of names behind a title each; NULL is an empty list. */
struct node_names node_names_open(const json_t *list, const struct graph *);
void node_names_close(struct node_names *);
/* The node of this name: by the names that come first, and otherwise by the others; or NO_NODE. */
uint32_t node_named(const struct node_names *, const char *name);

#endif
