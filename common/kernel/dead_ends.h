/* Kernel: what has no way on in a part of an attribution graph (the last step of circuit-tracer's
 * prune_graph). */
#ifndef KERNEL_DEAD_ENDS_H
#define KERNEL_DEAD_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Drops features without a kept link into them, nodes other than embeddings and logits without a
 * kept link out of them, and the links of what is dropped, until nothing changes. node_kept
 * (nodes), link_kept (links); type (nodes): enum node_type. work: 5 nodes + 2 links + 2. Time
 * nodes + links. */
void drop_dead_ends(bool *node_kept, bool *link_kept, const uint8_t *type,
	const uint32_t *source, const uint32_t *target, size_t *work, size_t nodes, size_t links);

#endif
