/* What a graph's features fire on, for the page. */
#ifndef GRAPH_MEMBER_CONTEXTS_H
#define GRAPH_MEMBER_CONTEXTS_H

#include "graph/graph.h"
#include "stream/contexts.h"

#include <jansson.h>

enum { MEMBER_CONTEXTS = 5 };	/* of a feature, at most: the top ones */

/* The streams, and what the page's graphs have of them so far. {0} has none. */
struct member_contexts {
	struct context_streams streams;
	json_t *text;			/* number of each text that a graph has */
	json_t *feature;		/* number of each "stream/feature" that a graph has */
};

/* Sets in the object of the page's next graph, where any feature of the graph is in the streams:
 *
 *	context_text	the tokens' texts that no graph before has
 *	context_of	(nodes) a number, or null
 *	contexts	features that no graph before has: {"count", "density", "max", "top":
 *			[[place of the peak in it, numbers of texts, activations in percent of the
 *			maximum], ...]}
 *
 * Texts and features are numbered through all graphs. Features are found by layer and number. */
void set_member_contexts(json_t *page, const char *name, const struct graph *,
	struct member_contexts *);
void member_contexts_free(struct member_contexts *);

#endif
