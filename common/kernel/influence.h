/* Kernel: how strongly the nodes of a graph, and its links, bear on its logits, as circuit-tracer measures it
 * (Ameisen et al. 2025; circuit_tracer/graph.py).
 *
 * A link's share is its absolute weight over the sum of those into its target: A(t, s) for the link from s to t. With w
 * the weights of the logits, the influence of all nodes is w (A + A^2 + ...). Links that join the same nodes add up, so
 * that the links of a compressed graph need not be summed.
 *
 * link (links) is from topological_order(): one pass is then exact. NULL stands for a graph with a cycle. Powers are
 * then added until what is added is negligible, at most 1000 times; false: that was not enough. */
#ifndef KERNEL_INFLUENCE_H
#define KERNEL_INFLUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* share (links), of absolute weights, which may be in its place. A sum into a node counts as 1e-10 at least. work: nodes. */
void link_shares(double *share, const uint32_t *target, const double *weight, double *work, size_t nodes, size_t links);

/* total (nodes): w (1 + A + A^2 + ...), the influence of each node and its own weight. weight (nodes): w. That of a
 * link is share total[target]. work: 2 nodes. */
bool node_influence(double *total, const double *weight, const uint32_t *source, const uint32_t *target,
	const double *share, const size_t *link, double *work, size_t nodes, size_t links);

/* reach (nodes): (1 + A + A^2 + ...) start: the same the other way, from sources to targets. With start (nodes) 1 at
 * inputs, and nothing but inputs without links into them, each node's is 1. work: 2 nodes. */
bool node_reach(double *reach, const double *start, const uint32_t *source, const uint32_t *target,
	const double *share, const size_t *link, double *work, size_t nodes, size_t links);

/* The least of the n scores that are kept, largest first, until they are this part of all: circuit-tracer's
 * find_threshold. Positive, unless none is. work: n. */
double score_threshold(const double *score, double part, double *work, size_t n);

#endif
