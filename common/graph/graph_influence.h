/* Influence on the logits of a graph, or of its units (see kernel/influence.h), with its memory.
 *
 *	double *weight = graph_absolute_weights(&g), *logit = graph_logit_weights(&g);
 *	struct influence x = influence_open(g.nodes, g.links, g.source, g.target, weight,
 *		graph_order(&g), logit);
 *	if (x.settled)
 *		... x.total[node] ...
 *	influence_close(&x);
 */
#ifndef GRAPH_GRAPH_INFLUENCE_H
#define GRAPH_GRAPH_INFLUENCE_H

#include "graph/graph.h"

/* (links), to free(): absolute weights; 0 for a link from a node to itself. */
double *graph_absolute_weights(const struct graph *);

/* (nodes), to free(): each logit's probability, its token_prob, and 0 for other nodes. Unless all
 * logits have one, one is positive and their mean is no more than 1, they weigh the same: 1
 * together. */
double *graph_logit_weights(const struct graph *);

/* (links), to free(): the links in topological order; NULL when they make a cycle, and *cycle (may
 * be NULL) becomes a node of it. */
size_t *order_links(const uint32_t *source, const uint32_t *target, size_t nodes, size_t links,
	uint32_t *cycle);
/* The same of a graph, which keeps it: it is computed once. The node of the cycle is g->cycle. */
const size_t *graph_order(struct graph *);

/* (links), to free(): a weight as a share of the sum of those into its target. */
double *shares_of(const double *weight, const uint32_t *target, size_t nodes, size_t links);

struct influence {
	struct influence_graph graph;	/* its share is this one */
	double *share;			/* (links) */
	double *total;			/* (nodes): influence on the logits, and a logit's weight */
	bool settled;			/* false: it goes round a cycle, and total is no result */
};

/* Of links with absolute weights (links) and logits (nodes). source, target and order stay the
 * caller's, who keeps them. */
struct influence influence_open(size_t nodes, size_t links, const uint32_t *source,
	const uint32_t *target, const double *weight, const size_t *order, const double *logit);
void influence_close(struct influence *);

/* (links), to free(): the influence of each link, its share of that of its target. */
double *link_influence(const struct influence *);

/* -- Influence as the file gives it ------------------------------------------------------------ */

/* Is it a cumulative share, which is small for nodes of much influence? Not when a value is below 0
 * or above 1, nor when features of more influence have more strength, the sum of absolute outgoing
 * weights: when Spearman's rank correlation of both is above 0 by more than two standard errors. */
bool graph_has_shares(const struct graph *);

/* ranked (nodes): the node numbers, most influential first: by the file's cumulative shares, and
 * where it gives none, by their strength. */
void graph_rank(uint32_t *ranked, const struct graph *);

#endif
