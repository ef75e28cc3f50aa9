/* Kernel: what the nodes of an attribution graph depend on along all ways, and what on them.
 *
 * S(t,s) is the weight of the link from s to t over the sum of absolute weights into t. The total
 * effects are T = S + S^2 + S^3 + ... = (I - S)^-1 - I: T(t,s) is what reaches t from s, with the
 * sign that it then has. */
#ifndef KERNEL_TOTAL_EFFECTS_H
#define KERNEL_TOTAL_EFFECTS_H

#include <stddef.h>
#include <stdint.h>

/* Columns first .. first+width-1 of total (nodes, nodes): T. share (links): S. order (links): all
 * links, from topological_order(). */
void total_effects(float *total, size_t first, size_t width, const uint32_t *source,
	const uint32_t *target, const double *share, const size_t *order, size_t nodes,
	size_t links);

/* profile (2 nodes + 1): a node's row and column of total (nodes, nodes), the signed square root of
 * each number, as one vector of length 1. Its last number is 1 where all others are 0, for a node
 * without links, and otherwise 0. */
void effect_profile(float *profile, const float *total, size_t node, size_t nodes);

#endif
