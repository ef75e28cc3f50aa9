/* What a page needs to write a graph's JSON again, with other groups. */
#ifndef GRAPH_PAGE_DOCUMENT_H
#define GRAPH_PAGE_DOCUMENT_H

#include "graph/graph.h"

#include <jansson.h>

/* Sets in the page's object:
 *
 *	id		(nodes) names in supernodes and pinnedIds
 *	rank		(nodes) numbers of nodes, the most influential first
 *	ends		the logits and embeddings that graph_pins() pins first, in its order
 *	node_json	(nodes) texts
 *	link_source, link_target, link_weight	(links), weights as texts
 *	link_json	(links) texts of links that are not plain, or "", if there is any
 *	document	texts, and between them the names of what stands there, each in a list of its
 *			own: nodes, links, supernodes, pinnedIds
 *
 * A graph of more links than MOST_PAGE_LINKS gets none of them. */
enum { MOST_PAGE_LINKS = 400000 };

void page_set_document(json_t *page, const char *name, const struct graph *,
	const json_t *document);

#endif
