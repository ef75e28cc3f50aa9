/* Matchings as a path of layers, along which features can be followed. */
#ifndef MATCH_LAYER_PATH_H
#define MATCH_LAYER_PATH_H

#include "kernel/assign.h"
#include "stream/matching.h"

/* A matching between two layers, as read and as a map between their features by number. */
struct map {
	struct sm_frame header;
	struct matching match;
	const char *file, *row_layer, *col_layer;
	bool nearest;
	uint32_t *col_of, *pair;	/* of the row layer's features: the partner, or UNASSIGNED; which of match */
	uint32_t *rows;			/* of the column layer's features: how many have it as their partner */
};

struct layer {
	const char *name;
	size_t n;
	uint32_t *feature;		/* (n), ascending: all that the matchings name */
};

struct path {
	size_t maps, layers;
	struct map *map;
	struct layer *layer;		/* in order */
	const struct map **one_to_one, **nearest;	/* (layers, layers), from the row layer to the column layer, or NULL */
};

/* Reads all the streams of the operands. The path is the only order of the layers in which all one-to-one matchings
 * lead forward and one leads from each layer to the next; where there is none the program ends with a line that
 * says why. A matching without features on one side is left out. */
void read_path(char *const *operand, struct path *);
void path_free(struct path *);

size_t place(const struct path *, const char *layer);	/* of a layer on the path, or path->layers */

/* Has feature i, by number, a partner in the layer before, or in the next? */
bool partner_before(const struct path *, size_t layer, size_t i);
bool partner_after(const struct path *, size_t layer, size_t i);

/* A walk along the path, from a feature to its partner in the next layer and on. */
struct walk {
	size_t layer;
	uint32_t feature;		/* by number */
	float cost, margin;		/* of the link taken last; infinite where the walk ended */
	double total;			/* of the links so far: their costs, ... */
	float dearest, weakest;		/* ... the largest, the smallest margin, ... */
	size_t weakest_layer;		/* ... the layer that this link leaves, ... */
	bool certified;			/* ... and whether all of them are */
};

struct walk walk_from(size_t layer, size_t feature);
bool step(const struct path *, struct walk *);			/* false where the walk ends */
bool reach(const struct path *, struct walk *, size_t layer);	/* a later one; false where the walk ends before */

/* Do all links between two layers say whether they are certified? */
bool verdicts(const struct path *, size_t from, size_t to);

#endif
