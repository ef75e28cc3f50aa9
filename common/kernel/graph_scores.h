/* Kernel: how much of an attribution graph its features explain (circuit-tracer's scores: Ameisen
 * et al. 2025, compute_graph_scores in circuit_tracer/graph.py), and what is left of it when its
 * nodes are units of a compressed graph. A is that of influence.h; total (nodes) is from
 * node_influence(); type (nodes) are enum node_type. A score that divides by 0 is NaN. */
#ifndef KERNEL_GRAPH_SCORES_H
#define KERNEL_GRAPH_SCORES_H

#include "kernel/influence.h"

/* How much of what comes in at the beginning comes from tokens and not from errors. */
double replacement_score(const double *total, const uint8_t *type, size_t nodes);

/* How much of what comes into nodes does not come from errors. */
double completeness_score(const struct influence_graph *, const double *total,
	const uint8_t *type);

/* How equal n sizes are: their entropy over its largest, 1 when they are the same or n is 1. */
double size_balance(const size_t *size, size_t n);

/* The part of the flow from tokens to logits that is on links between units. unit (nodes): any
 * numbers. work: 4 nodes + links. Returns false where the flow goes round a cycle and does not
 * settle: then *score is no result. */
bool flow_between(double *score, const struct influence_graph *, const double *total,
	const uint8_t *type, const uint32_t *unit, double *work);

/* How much of the influence of each token on each logit is the same in the compressed graph,
 * whose nodes are units: unit (nodes). weight (nodes): of the logits. work: 6 nodes. Returns false
 * as flow_between() does. */
bool influence_kept(double *score, const struct influence_graph *,
	const struct influence_graph *compressed, const uint32_t *unit, const double *weight,
	const uint8_t *type, double *work);

/* The share of all weight that is on links within a unit. weight (links), 0 for links from a node
 * to itself; unit (nodes). */
double hidden_mass(const double *weight, const uint32_t *source, const uint32_t *target,
	const uint32_t *unit, size_t links);

/* Every two nodes with links occur once, with the signed sum of weights (links). A node's profile
 * is the vector of weights into it and out of it, (2 nodes). Returns the mean cosine of the
 * profiles of two members of a group less that of members of two groups; a profile without weight
 * has cosine 0 with all. group (nodes), below `groups`, -1 for none. work: groups + nodes; places:
 * links + nodes + 1. Time links. */
double role_gap(const double *weight, const uint32_t *source, const uint32_t *target,
	const int32_t *group, size_t groups, double *work, size_t *places, size_t nodes,
	size_t links);

#endif
