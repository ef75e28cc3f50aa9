/* The distances between the nodes of a graph, from streams of distances of one set with itself: by
 * layer and feature, one stream for all graphs, or by node (edgeprofile), a stream for each graph.
 *
 *	struct node_distances d = node_distances_open(path, weight, n);
 *	while (... the next graph ...) {
 *		node_distances_next(&d, &header);
 *		...
 *	}
 *	node_distances_end(&d);
 *	node_distances_close(&d);
 */
#ifndef GRAPH_NODE_DISTANCES_H
#define GRAPH_NODE_DISTANCES_H

#include "graph/graph.h"

struct distance_stream;

struct node_distances {
	size_t n;
	struct distance_stream *stream;		/* (n) */
};

/* Opens n files (NULL or "-" is stdin) and reads the first stream of each. weight (n): of the
 * streams in a mixture; that of a single stream does not count. What a stream has wrong ends the
 * program. */
struct node_distances node_distances_open(const char *const *path, const double *weight, size_t n);
/* Those of the next graph, of this header: reads on where each graph has a stream of its own. */
void node_distances_next(struct node_distances *, const struct sm_frame *header);
/* Adds the fields and histories of the streams to the header of what was made from them. */
void node_distances_join(struct node_distances *, struct sm_frame *header);
/* After the last graph: more streams than graphs end the program. */
void node_distances_end(struct node_distances *);
void node_distances_close(struct node_distances *);

#define NO_ROW SIZE_MAX

/* row (streams): where the node is in each stream; all NO_ROW, and false, when one lacks it. */
bool node_distances_rows(size_t *row, const struct node_distances *, const struct graph *,
	size_t node);

/* (n, n), to free(), of n nodes by their rows (n, streams). It is the mean of both directions, at
 * least 0, infinite for a node without rows. Of several streams it is
 *	sum over streams of weight distance / root mean square of its finite distances */
double *node_distances_matrix(const struct node_distances *, const size_t *row, size_t n);

/* "the graph has node 2_17_4, the distances feature 3 of layer 4", to free(): how the first feature
 * of each is named. */
char *node_distances_example(const struct node_distances *, const struct graph *);

#endif
