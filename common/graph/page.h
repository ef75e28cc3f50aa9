/* Graphs as one page to look at: the template (page.html) with the graphs in it as JSON. */
#ifndef GRAPH_PAGE_H
#define GRAPH_PAGE_H

#include "graph/graph.h"
#include "graph/member_contexts.h"

#include <jansson.h>

/* Writes graph `number` (0, 1, ...) to stdout, the first after the page's beginning. A graph
 * without groups takes those of its document's qParams. Nothing is written of a graph that has an
 * error. */
void page_graph(const char *name, struct graph *, const json_t *document, size_t number,
	struct member_contexts *contexts);

/* The page's end, after so many graphs. */
void page_end(size_t graphs);

#endif
