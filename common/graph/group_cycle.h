/* Cycles that the groups of a graph make. */
#ifndef GRAPH_GROUP_CYCLE_H
#define GRAPH_GROUP_CYCLE_H

#include "graph/graph.h"

/* "A -> B -> A": a shortest cycle of links between groups through one of them, by their names, or the node_id of what is in
 * no group; after twelve steps it says "...". To free(). NULL: there is none. */
char *group_cycle(const struct graph *);

#endif
