/* Scores of a graph, and of its groups as units of a compressed graph (kernel/graph_scores.h). */
#ifndef GRAPH_CIRCUIT_SCORES_H
#define GRAPH_CIRCUIT_SCORES_H

#include "graph/graph_groups.h"
#include "stream/scores.h"

/* The scores that graph-score(1) lists, those of groups where there are any. Returns false when
 * some are NaN because influence goes round a cycle and does not settle. */
bool add_circuit_scores(struct scores *, const struct graph *, const struct graph_groups *);

#endif
