/* Attribution graphs from Neuronpedia's and circuit-tracer's JSON. */
#ifndef GRAPH_GRAPH_JSON_H
#define GRAPH_GRAPH_JSON_H

#include "graph/graph.h"

#include <jansson.h>

/* Takes a graph from n bytes of JSON with a NUL after them, and sets kind, slug and scan of the
 * header, which point into the graph. `name` begins every complaint, which is die(). The text is
 * changed (the ends of nodes and links become NULs) and has to stay as long as the graph. */
void graph_from_json(struct graph *, struct sm_frame *header, const char *name, char *text,
	size_t n);

/* The graph's document, checked, to json_decref(). Lossy, see json_tree(). */
json_t *graph_document(const char *name, const struct graph *);

#endif
