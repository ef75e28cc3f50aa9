/* The text of a graph's JSON, on stdout. */
#ifndef GRAPH_GRAPH_WRITE_JSON_H
#define GRAPH_GRAPH_WRITE_JSON_H

#include "graph/graph.h"

/* The document's text with the lists of nodes and of links, which are empty in it. Characters that
 * a terminal would obey are spelled. Ids of more than 1,024 bytes for each link on average end the
 * program: a link names two nodes by four bytes each. */
void graph_write_json(const char *name, const char *document, const struct graph *);

#endif
