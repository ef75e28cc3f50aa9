/* Labels for the features of a graph that has none. */
#ifndef GRAPH_GRAPH_LABELS_H
#define GRAPH_GRAPH_LABELS_H

#include "file/labels.h"
#include "graph/graph.h"

/* A feature without a clerp gets its label, if there is one, as clerp, in the array and in the
 * node's text. `name` begins complaints. */
void graph_take_labels(const char *name, struct graph *, struct labels *);

#endif
