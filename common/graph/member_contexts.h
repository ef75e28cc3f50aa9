/* What a graph's features fire on, for the page. */
#ifndef GRAPH_MEMBER_CONTEXTS_H
#define GRAPH_MEMBER_CONTEXTS_H

#include "graph/graph.h"
#include "stream/contexts.h"

#include <jansson.h>

enum { MEMBER_CONTEXTS = 5 };	/* of a feature, at most: the top ones */

/* Sets in the page's object, where any feature of the graph is in the streams:
 *
 *	context_text	the tokens' texts, each once
 *	context_of	(nodes) a number in the next list, or null
 *	contexts	features: {"count", "density", "max", "top": [[place of the peak in it, numbers
 *			of texts, activations in percent of the maximum], ...]}
 *
 * Features are found by layer and number. */
void set_member_contexts(json_t *page, const char *name, const struct graph *,
	const struct context_streams *);

#endif
