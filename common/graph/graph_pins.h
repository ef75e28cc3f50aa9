/* Pins: the nodes that a viewer draws of a graph. A viewer takes the first 200 and shows a group by
 * those of its members that are pinned. */
#ifndef GRAPH_GRAPH_PINS_H
#define GRAPH_GRAPH_PINS_H

#include "graph/node_names.h"

enum { MOST_PINS = 200 };

struct graph_pins {
	size_t n;
	uint32_t node[MOST_PINS];
	size_t needed;			/* of these before 4 */
	size_t left;			/* nodes that would be pinned, were there no limit, ... */
	size_t hidden;			/* ... and groups without a pin for this reason */
	size_t dangling;		/* pins of the file that are no nodes */
};

/* The pins of a graph that has groups, whose nodes viewers know by these ids (nodes); old are the
 * pins that its file has, NULL being none. In this order, and at most MOST_PINS:
 *
 * 1. the logits that the file pins, or, where it pins none, all that carry influence; then the
 *    embeddings in the same way; each by influence on the logits. Where there are too many of
 *    them, only so many as leave every group its pin, but one at least;
 * 2. one member of every group that has none yet, by influence: the most influential that the
 *    file pins, or else the most influential, of those whose id no other node has, if there are;
 * 3. what else the file pins, by influence;
 * 4. other members of groups, by influence.
 *
 * ranked (nodes): most influential first, see graph_rank(). leader (nodes): the node that stands
 * for it. */
struct graph_pins graph_pins(const struct graph *, const char *const *id, const json_t *old,
	const uint32_t *ranked, const uint32_t *leader);

#endif
