/* Streams of distances of one set with itself, for the nodes of graphs: by layer and feature, one stream for all graphs,
 * or by node (edgeprofile), a stream for each. */
#ifndef GRAPH_NODE_DISTANCES_H
#define GRAPH_NODE_DISTANCES_H

#include "stream/distances.h"
#include "graph/graph.h"

struct square {
	char *path;			/* to free(); "-" is stdin */
	struct sm_reader *in;
	struct sm_frame header;
	struct distances d;
	struct named_row *row;		/* by name */
	double weight;			/* of this stream among others */
	bool used;			/* by a graph */
};

#define NO_ROW SIZE_MAX

/* Reads the first stream of its path. */
void square_open(struct square *);
/* Makes it that of a graph: reads on to the next stream when each graph has its own. */
void square_for(struct square *, const struct sm_frame *header);
/* The row of a node, or NO_ROW. */
size_t square_row(const struct square *, const struct graph *, size_t node);
/* How its first row is named, "node 2_17_4"; to free(). */
char *square_example(const struct square *);
/* The mean of both directions, 0 when it is less. */
double square_at(const struct square *, size_t a, size_t b);
/* More streams than graphs are sm_bad(). */
void square_close(struct square *);

#endif
