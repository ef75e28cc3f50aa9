/* Attribution graphs as arrays, and streams of kind "graph", which are these arrays in three frames
 * (nodes, links, document) and, once nodes were grouped, a fourth. From and to JSON: graph_json.h,
 * graph_to_json.h; groups: graph_groups.h; influence: graph_influence.h.
 *
 *	while (sm_read_header(in, &header)) {
 *		struct graph g;
 *		read_graph(in, &header, &g);
 *		...
 *		sm_write_header(out, &header);
 *		write_graph(out, &g);
 *		graph_free(&g);
 *	}
 *
 * A node is known by its number. Its text in node_json is what was in the file: a field that is not
 * an array here is in there. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/name_index.h"
#include "base/pool.h"
#include "kernel/influence.h"
#include "stream/stream.h"

#define NO_FEATURE UINT64_MAX
#define NO_NODE UINT32_MAX

struct graph {
	/* (nodes) */
	size_t nodes;
	const char *const *node_id, *const *js_node_id, *const *layer, *const *clerp;
	const char *const *node_json;
	const uint64_t *feature;	/* index in the layer's dictionary, or NO_FEATURE */
	const int32_t *ctx_idx;		/* token position */
	const uint8_t *type;		/* enum node_type */
	const float *influence;		/* or NaN; see graph_influence.h */
	const float *activation;	/* or NaN */

	/* (links) */
	size_t links;
	const uint32_t *source, *target;
	const float *weight;
	const double *weight_exact;	/* NULL: weight is all there is */
	const char *const *link_json;	/* "": source, target, weight say all; NULL: always "" */

	const char *document;		/* the text around the lists of nodes and links */

	/* (groups), (group_links); group is NULL when the nodes were not grouped. Links between
	 * groups join units, see graph_units(). */
	size_t groups, group_links;
	const int32_t *group;		/* (nodes): a group's number, or -1 */
	const char *const *group_name;
	const uint32_t *group_link_source, *group_link_target;
	const float *group_link_weight;		/* sums of signed weights, */
	const float *group_link_abs;		/* of absolute weights, */
	const float *group_link_influence;	/* of influence on the logits; or NULL */

	/* What graph_order() found, if it was asked. */
	const size_t *order;		/* (links), in topological order; or NULL */
	bool cyclic;			/* there is none: */
	uint32_t cycle;			/* this node is on a cycle */

	struct sm_frame *frame;		/* what the arrays point to, and unknown fields */
	size_t frames;
	struct pool pool;		/* what the frames point to when they were made here */
};

/* Reads the stream whose header was just read, up to its end mark; a failure is sm_bad(). A stream
 * without frames is a graph without nodes and without a document (NULL). */
void read_graph(struct sm_reader *, const struct sm_frame *header, struct graph *);
/* The frames and the end mark, after sm_write_header(). */
void write_graph(struct sm_writer *, const struct graph *);
void graph_free(struct graph *);

/* Makes the three frames of a graph whose arrays were just made. */
void graph_set_frames(struct graph *);
/* Takes arrays of nodes and of links that were exchanged for others into their frames. */
void graph_update_frames(struct graph *);
/* The same for the arrays of groups: a new frame, in place of the one that there was. */
void graph_set_group_frame(struct graph *);

/* Keeps these nodes and, between them, these links, both (nodes) and (links), with all that the
 * frames of nodes and of links hold of them. Groups without a node left are gone; the links between
 * groups are summed anew. */
void graph_keep_only(struct graph *, const bool *node, const bool *link);

/* A feature whose node_id is that of another one, *first, so that a list of ids does not tell them
 * apart; g->nodes: there is none. The index is of the node_ids. */
size_t graph_twin(const struct graph *, const struct name_index *, size_t *first);

/* A link's weight, as exactly as it is known. */
double graph_weight(const struct graph *, size_t link);

#endif
