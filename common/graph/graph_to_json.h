/* Attribution graphs to Neuronpedia's JSON. */
#ifndef GRAPH_GRAPH_TO_JSON_H
#define GRAPH_GRAPH_TO_JSON_H

#include "graph/graph.h"

#include <jansson.h>

/* Checks all that a graph is written from, so that nothing is written of one whose texts are no
 * JSON or whose names are no UTF-8: die(), with `name` before it. Returns the document, to
 * json_decref(). */
json_t *graph_check(const char *name, const struct graph *);

/* (nodes): the names by which the viewer of this graph's scan knows nodes: node_id, or jsNodeId in
 * Anthropic's graphs, those whose scan begins with "jackl-circuits-runs-". */
const char *const *graph_viewer_ids(const struct graph *, const json_t *document);

/* The document's text with these lists, which it takes, in its qParams; to free(). */
char *graph_grouped_document(const struct graph *, const json_t *document, json_t *groups,
	json_t *pinned);

/* Writes a graph to stdout, with its groups as supernodes and pins of the document's qParams; or,
 * collapse, the graph of its groups, of which there have to be some. */
void graph_to_json(const char *name, const struct graph *, const json_t *document, bool collapse);

#endif
