/* Kernel: a graph without cycles whose nodes unite, and which of them may unite so that it stays
 * without. */
#ifndef KERNEL_ACYCLIC_H
#define KERNEL_ACYCLIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For every node two sets of nodes, a bit each. Uniting a with b makes b stand for both: a is in no
 * set from then on, and its own two sets must not be read any more. */
struct acyclic {
	size_t nodes, words;
	uint64_t *next;			/* (nodes, words): the nodes that its links lead to */
	uint64_t *before;		/* (nodes, words): all nodes that a way leads from to it */
};

/* How many uint64_t the sets of a graph take. */
size_t acyclic_words(size_t nodes);

/* order (links): all links, from topological_order(). memory: acyclic_words(nodes). */
void acyclic_open(struct acyclic *, uint64_t *memory, const uint32_t *source,
	const uint32_t *target, const size_t *order, size_t nodes, size_t links);

/* True when no way leads from one node to the other through a third: then no cycle arises. */
bool acyclic_may_unite(const struct acyclic *, size_t a, size_t b);
/* Node b takes a's place and keeps its own. They may unite. */
void acyclic_unite(struct acyclic *, size_t a, size_t b);

#endif
