#include "kernel/topological_order.h"

#include <stdint.h>
#include <string.h>

/* A counting sort: begin[k] is the sum of the counts of nodes 0 .. k, then falls to where node k
 * begins as its links take their places from the last. */
void links_by_node(size_t *out, size_t *begin, const uint32_t *node, size_t nodes, size_t links)
{
	memset(begin, 0, (nodes + 1) * sizeof *begin);
	for (size_t i = 0; i < links; i++)
		begin[node[i]]++;
	for (size_t k = 0, sum = 0; k <= nodes; k++)
		begin[k] = sum += begin[k];
	for (size_t i = links; i-- > 0;)
		out[--begin[node[i]]] = i;
}

/* A node that was not taken has a link from another such node. Who follows these links backwards,
 * from any of them, is on a cycle after as many steps as there are nodes. */
static uint32_t node_of_cycle(const uint32_t *source, const uint32_t *target, const size_t *into,
	size_t *before, size_t nodes, size_t links)
{
	uint32_t node = 0;

	for (size_t i = 0; i < links; i++)
		if (into[source[i]] > 0 && source[i] != target[i])
			before[target[i]] = source[i];
	while (into[node] == 0)
		node++;
	for (size_t i = 0; i < nodes; i++)
		node = (uint32_t)before[node];
	return node;
}

size_t topological_order(uint32_t *order, size_t *link, const uint32_t *source,
	const uint32_t *target, size_t *work, size_t nodes, size_t links)
{
	size_t *into = work, *begin = work + nodes, *out = begin + nodes + 1, n = 0, m = 0;

	memset(into, 0, nodes * sizeof *into);
	for (size_t i = 0; i < links; i++)
		into[target[i]] += source[i] != target[i];
	links_by_node(out, begin, source, nodes, links);
	for (uint32_t i = 0; i < nodes; i++)
		if (into[i] == 0)
			order[n++] = i;
	for (size_t i = 0; i < n; i++)		/* taken nodes, whose links now lead on */
		for (size_t k = begin[order[i]]; k < begin[order[i] + 1]; k++) {
			uint32_t next = target[link[m++] = out[k]];
			if (next != order[i] && --into[next] == 0)
				order[n++] = next;
		}
	if (n < nodes)
		order[n] = node_of_cycle(source, target, into, begin, nodes, links);
	return n;
}
