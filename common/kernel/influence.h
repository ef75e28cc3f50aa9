/* Kernel: how strongly the nodes and the links of an attribution graph bear on its logits, as
 * circuit-tracer measures it (Ameisen et al. 2025; circuit_tracer/graph.py).
 *
 * A (nodes, nodes) are the shares: A(t,s) is the absolute weight of the link from s to t, over the
 * sum of those into t. Links that join the same nodes add up, so they need not be summed before.
 * With w the weights of the logits, the influence of all nodes is w (A + A^2 + A^3 + ...). */
#ifndef KERNEL_INFLUENCE_H
#define KERNEL_INFLUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_type { FEATURE_NODE, ERROR_NODE, EMBEDDING_NODE, LOGIT_NODE, OTHER_NODE, NODE_TYPES };

/* The links of a graph with their shares. */
struct influence_graph {
	size_t nodes, links;
	const uint32_t *source, *target;	/* (links) */
	const double *share;			/* (links): A(target, source) */
	const size_t *order;	/* (links): from topological_order(); NULL: there is a cycle */
};

/* share (links), from absolute weights, which may be in its place. work: nodes. */
void link_shares(double *share, const uint32_t *target, const double *weight, double *work,
	size_t nodes, size_t links);

/* total (nodes): w (1 + A + A^2 + ...), the influence of each node and its own weight. weight
 * (nodes): w. The influence of a link is share total[target]. work: 2 nodes.
 *
 * Without a cycle one pass is exact. With one, powers are added until what is added is negligible,
 * 1000 times at most. Returns false where that was not enough: total is then no result. */
bool node_influence(double *total, const double *weight, const struct influence_graph *,
	double *work);

/* reach (nodes): (1 + A + A^2 + ...) start, the same from sources to targets. With start (nodes) 1
 * at inputs, and no other node without links into it, each node's is 1. work, result: as above. */
bool node_reach(double *reach, const double *start, const struct influence_graph *, double *work);

/* circuit-tracer's find_threshold. Scores are kept, largest first, until they sum to this part of
 * the sum of all n; returns the least that is kept. It is positive, unless no score is. work: n. */
double least_kept_score(const double *score, double threshold, double *work, size_t n);

#endif
