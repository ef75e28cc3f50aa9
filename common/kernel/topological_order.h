/* Kernel: the order of a graph's nodes and links. */
#ifndef KERNEL_TOPOLOGICAL_ORDER_H
#define KERNEL_TOPOLOGICAL_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* out (links): the links at node 0, then those at node 1, ..., by number. begin (nodes + 1): where
 * the links of each node begin in out. node (links): the end that counts. */
void links_by_node(size_t *out, size_t *begin, const uint32_t *node, size_t nodes, size_t links);

/* Kahn's algorithm (1962). Link i leads from node source[i] to target[i]. A link from
 * a node to itself is no cycle.
 *
 * order (nodes): the nodes, each before all that its links lead to. Returns how many these are: all
 * of them, or, where links make a cycle, those that no cycle leads to; then order holds one more
 * node, which is on a cycle.
 * link (links): the links of these nodes in the order of their sources.
 * work: 2 nodes + links + 1. Time nodes + links. */
size_t topological_order(uint32_t *order, size_t *link, const uint32_t *source,
	const uint32_t *target, size_t *work, size_t nodes, size_t links);

#endif
