/* Links that open a graph with its groups in a viewer:
 *
 *	https://www.neuronpedia.org/MODEL/graph?slug=S&pinnedIds=a,b&supernodes=[["name","a"],...]
 *	http://localhost:8032/index.html?slug=S&pinnedIds=a,b&supernodes=[["name","a"],...]
 *
 * of which each value is percent-encoded. */
#ifndef GRAPH_GRAPH_LINK_H
#define GRAPH_GRAPH_LINK_H

#include "graph/graph.h"

#include <jansson.h>

enum link_viewer { LINK_NEURONPEDIA, LINK_CIRCUIT_TRACER };

/* The link of a graph that has groups, to free(). It names the pins that graph_pins() finds, and
 * of each group the members that are pinned, since a viewer shows no others. Members that are not
 * needed to show all groups are left out, as long as it is longer than 8,000 bytes; notes say so,
 * and how long it is where it stays longer. die() where the graph's slug or scan cannot be that of
 * a graph in the viewer. */
char *graph_link(const char *name, const struct graph *, const json_t *document,
	enum link_viewer);

/* Does the text begin as a link does? */
bool is_link(const char *text);

/* What a link says, as an object of `slug` (or none), `pinnedIds` and `supernodes`, which are
 * lists; to json_decref(). A '+' is a space. A link whose path does not end in /graph is
 * circuit-tracer's, and is decoded twice, as it does. die() where it is no such link. */
json_t *link_read(const char *name, const char *link);

#endif
