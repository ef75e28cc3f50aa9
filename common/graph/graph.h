/* Attribution graphs as arrays, and streams of kind "graph", which are these arrays in three frames
 * (nodes, links, document) and, once nodes were grouped, a fourth. From JSON: graph_json.h.
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

#include "base/pool.h"
#include "stream/stream.h"

enum node_type { FEATURE_NODE, ERROR_NODE, EMBEDDING_NODE, LOGIT_NODE, OTHER_NODE, NODE_TYPES };

#define NO_FEATURE UINT64_MAX

struct graph {
	/* (nodes) */
	size_t nodes;
	const char *const *node_id, *const *js_node_id, *const *layer, *const *clerp;
	const char *const *node_json;
	const uint64_t *feature;	/* index in the layer's dictionary, or NO_FEATURE */
	const int32_t *ctx_idx;		/* token position */
	const uint8_t *type;		/* enum node_type */
	const float *influence;		/* cumulative share: small is influential; or NaN */
	const float *activation;	/* or NaN */

	/* (links) */
	size_t links;
	const uint32_t *source, *target;
	const float *weight;
	const double *weight_exact;	/* NULL: weight is all there is */
	const char *const *link_json;	/* "" where source, target, weight say it all; NULL: everywhere */

	const char *document;		/* the text around the lists of nodes and links */

	/* (groups), (group_links); group is NULL when the nodes were not grouped. Links between
	 * groups join units, see graph_units(). */
	size_t groups, group_links;
	const int32_t *group;		/* (nodes): a group's number, or -1 */
	const char *const *group_name;
	const uint32_t *group_link_source, *group_link_target;
	const float *group_link_weight;		/* sums of signed weights ... */
	const float *group_link_abs;		/* ... and of absolute ones; of the influence on the logits that */
	const float *group_link_influence;	/* flows along them (see influence.h), or NULL */

	struct sm_frame *frame;		/* what the arrays point to, and unknown fields */
	size_t frames;
	struct pool pool;		/* what the frames point to when they were made here */
};

/* Reads the stream whose header was just read, up to its end mark; a failure is sm_bad(). A stream
 * without frames is a graph without nodes and without a document (NULL). */
void read_graph(struct sm_reader *, const struct sm_frame *header, struct graph *);
/* The three frames of a graph whose arrays were just made, for write_graph(). */
void graph_set_frames(struct graph *);
/* The frames and the end mark, after sm_write_header(). */
void write_graph(struct sm_writer *, const struct graph *);
void graph_free(struct graph *);
double exact_weight(const struct graph *, size_t link);

/* Gives the graph groups in place of the ones it had, and sums its links between units. Both
 * arrays, (nodes) and (groups), have to stay as long as the graph. A graph without a document stays
 * as it is. */
void graph_set_groups(struct graph *, const int32_t *group, size_t groups, const char *const *name);

/* Keeps these nodes and, between them, these links, both (nodes) and (links), with all that the frames of nodes and of
 * links hold of them. Groups without a node left are gone; the links between groups are summed anew. */
void graph_keep_only(struct graph *, const bool *node, const bool *link);

/* The links in topological order (see order.h), to free(); NULL when there is a cycle, of which *cycle becomes a node
 * (cycle may be NULL). */
size_t *ordered_links(const uint32_t *source, const uint32_t *target, size_t nodes, size_t links, uint32_t *cycle);

/* Gives the graph another array in place of the one of this name, which has to stay as long as the graph. */
void graph_set(struct graph *, const char *name, const void *data);

/* unit (nodes): the groups in their order, then every node without a group, in the order of nodes.
 * Returns how many there are. */
size_t graph_units(uint32_t *unit, const struct graph *);

/* The links between different units, by target, then by source, then as they were; to free(). */
struct unit_link {
	uint32_t source, target;	/* units */
	size_t link;
};

struct unit_link *unit_links(const uint32_t *unit, const uint32_t *source, const uint32_t *target, size_t links,
	size_t *n);

/* ranked (nodes): the node numbers, most influential first. Where the file gives no influence, the
 * sum of a node's absolute outgoing weights decides. */
void graph_rank(uint32_t *ranked, const struct graph *);

/* weight (nodes): each logit's probability, its token_prob, and 0 for other nodes. Unless all logits have one, one is
 * positive and their mean is no more than 1, they weigh the same: 1 together. */
void graph_logit_weights(double *weight, const struct graph *g);

#endif
