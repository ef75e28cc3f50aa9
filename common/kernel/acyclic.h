/* Kernel: a graph without cycles whose nodes unite, and which of them may so that it stays without. */
#ifndef KERNEL_ACYCLIC_H
#define KERNEL_ACYCLIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of nodes, a bit each, for every node. Uniting changes them; sets of nodes that are gone say nothing. */
struct acyclic {
	size_t nodes, words;
	uint64_t *next, *before;	/* (nodes, words): where its links lead, and all that leads to it */
};

/* How many uint64_t the sets of a graph take. */
size_t acyclic_words(size_t nodes);

/* link (links): all links, in the order of topological_order(). memory: acyclic_words(nodes). */
void acyclic_open(struct acyclic *, uint64_t *memory, const uint32_t *source, const uint32_t *target, const size_t *link,
	size_t nodes, size_t links);

/* Does no way lead from one node to the other through a third? */
bool may_unite(const struct acyclic *, size_t a, size_t b);
/* Node b takes a's place and keeps its own. They may unite. */
void unite_nodes(struct acyclic *, size_t a, size_t b);

#endif
