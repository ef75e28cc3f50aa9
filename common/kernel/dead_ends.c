#include "kernel/dead_ends.h"

#include "kernel/influence.h"
#include "kernel/topological_order.h"

#include <string.h>

struct dropping {
	bool *node_kept, *link_kept;
	const uint8_t *type;
	const uint32_t *source, *target;
	size_t *in, *out;		/* (nodes): how many kept links each node has */
	size_t *dropped, n;		/* nodes whose neighbours do not know it yet */
};

static bool is_dead_end(const struct dropping *d, size_t i)
{
	if (d->type[i] == EMBEDDING_NODE || d->type[i] == LOGIT_NODE)
		return false;
	return d->out[i] == 0 || (d->in[i] == 0 && d->type[i] == FEATURE_NODE);
}

static void drop_node(struct dropping *d, size_t i)
{
	if (!d->node_kept[i] || !is_dead_end(d, i))
		return;
	d->node_kept[i] = false;
	d->dropped[d->n++] = i;
}

static void drop_link(struct dropping *d, size_t i)
{
	if (!d->link_kept[i])
		return;
	d->link_kept[i] = false;
	d->out[d->source[i]]--;
	d->in[d->target[i]]--;
	drop_node(d, d->source[i]);
	drop_node(d, d->target[i]);
}

void drop_dead_ends(bool *node_kept, bool *link_kept, const uint8_t *type,
	const uint32_t *source, const uint32_t *target, size_t *work, size_t nodes, size_t links)
{
	struct dropping d = {node_kept, link_kept, type, source, target,
		work, work + nodes, work + 2 * nodes, 0};
	size_t *from_begin = work + 3 * nodes, *to_begin = from_begin + nodes + 1;
	size_t *from = to_begin + nodes + 1, *to = from + links;	/* links by each end */

	links_by_node(from, from_begin, source, nodes, links);
	links_by_node(to, to_begin, target, nodes, links);
	memset(work, 0, 2 * nodes * sizeof *work);	/* in and out: degrees over kept links */
	for (size_t i = 0; i < links; i++) {
		d.in[target[i]] += link_kept[i];
		d.out[source[i]] += link_kept[i];
	}
	for (size_t i = 0; i < nodes; i++)
		drop_node(&d, i);
	while (d.n > 0) {		/* a dropped node takes its links along, and these others */
		size_t i = d.dropped[--d.n];
		for (size_t k = from_begin[i]; k < from_begin[i + 1]; k++)
			drop_link(&d, from[k]);
		for (size_t k = to_begin[i]; k < to_begin[i + 1]; k++)
			drop_link(&d, to[k]);
	}
}
