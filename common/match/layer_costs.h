/* Distances of the features of two models, of all pairs of their layers, as costs of the layers. */
#ifndef MATCH_LAYER_COSTS_H
#define MATCH_LAYER_COSTS_H

#include "stream/distances.h"

enum { ALIGNED_MOST = 256 };		/* layers of a side */

struct aligned_layer {
	char *name;
	struct ids origin;		/* no more of it is known */
	size_t features;
};

/* The layers of rows or of columns, as they came. */
struct aligned_side {
	size_t n;
	struct aligned_layer layer[ALIGNED_MOST];
};

struct layer_pair {
	float cost, random;		/* uniform_transport.h's cost and mean of the distances */
	bool known;
};

struct layer_costs {
	struct aligned_side side[2];
	struct layer_pair pair[ALIGNED_MOST][ALIGNED_MOST];
	size_t streams;			/* but for those that were left out */
	struct sm_frame *header;	/* (streams) */
};

/* Reads all the streams of the operands. A stream may have several layers on a side. The program
 * ends with a line that names what is wrong where a pair of layers is missing or there twice, where
 * streams are of other stages, spaces or settings, a layer has not the same number of features or
 * the same model everywhere, or a distance is infinite. A stream without rows or columns is left
 * out. Memory: 12 bytes for each pair of features of a stream, and its headers. */
struct layer_costs *layer_costs_read(char *const *operand);
void layer_costs_free(struct layer_costs *);

/* What the headers say, but for what is of one pair of layers only; the models where all layers of
 * a side are of one. It points into the costs. */
void layer_costs_header(struct sm_frame *header, const struct layer_costs *);

#endif
