/* Kernel: the order of a graph's nodes and links. */
#ifndef KERNEL_TOPOLOGICAL_ORDER_H
#define KERNEL_TOPOLOGICAL_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* out (links): the links at node 0, then those at node 1, ..., by number; begin (nodes + 1): where each node's begin.
 * node (links): the end that counts. */
void links_by_node(size_t *out, size_t *begin, const uint32_t *node, size_t nodes, size_t links);

/* order (nodes): the nodes, each before all that its links lead to (Kahn 1962). Returns how many these are: all of
 * them, or, where links make a cycle, fewer; order then goes on with one node of a cycle. Link i leads from node
 * source[i] to target[i].
 *
 * link (links): the links in the order of their sources; those of nodes beyond a cycle are not there.
 * work: 2 nodes + links + 1. Time nodes + links. */
size_t topological_order(uint32_t *order, size_t *link, const uint32_t *source, const uint32_t *target,
	size_t *work, size_t nodes, size_t links);

#endif
