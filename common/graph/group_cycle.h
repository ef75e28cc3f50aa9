/* Cycles that the groups of a graph make. */
#ifndef GRAPH_GROUP_CYCLE_H
#define GRAPH_GROUP_CYCLE_H

#include "graph/graph.h"

/* "A -> B -> A": a shortest cycle of links between groups through one of them, by their names; a
 * node without a group goes by its node_id. "..." stands for what comes after twelve steps. To
 * free(). NULL when there is no cycle. */
char *group_cycle(const struct graph *);

#endif
