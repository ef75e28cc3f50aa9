/* Matchings as a path of layers, along which features can be followed. */
#ifndef MATCH_LAYER_PATH_H
#define MATCH_LAYER_PATH_H

#include "base/pool.h"
#include "kernel/assign.h"
#include "stream/matching.h"

/* A matching between two layers, as read and as a map between their features by number. */
struct layer_map {
	struct sm_frame header;
	struct matching match;
	const char *file, *row_layer, *col_layer;
	bool nearest;			/* otherwise one to one */
	uint32_t *col_of;	/* (row layer's features): the partner, or UNASSIGNED, ... */
	uint32_t *pair;		/* ... and which pair of match that is */
	uint32_t *rows;		/* (column layer's features): how many have it as partner */
};

struct layer {
	const char *name;
	struct ids ids;		/* by number: all features that the matchings name, ascending */
};

struct layer_path {
	size_t maps, layers;
	double chance;			/* pairs of a larger one are left out: ... */
	size_t pairs, by_chance;	/* ... so many of those of all matchings */
	struct layer_map *map;
	struct layer *layer;		/* in order */
	/* (layers, layers): from row to column layer, or NULL */
	const struct layer_map **one_to_one, **nearest;
};

/* Reads all the streams of the operands. Pairs whose chance is larger than that are no partners,
 * and a note says how many they are. The path is the only order of the layers in which all
 * one-to-one matchings lead forward and one leads from each layer to the next; where there is none
 * the program ends with a line that says why. A matching without features on one side is left
 * out. */
void layer_path_read(struct layer_path *, char *const *operand, double chance);
void layer_path_free(struct layer_path *);

/* What the matchings' headers say, but for what is of one matching only. It points into the
 * path. */
void layer_path_header(struct sm_frame *header, const struct layer_path *);

/* Adds fields to a frame: the layers, and their models where all are known. They point into the
 * path and the pool. */
void layer_path_names(struct sm_frame *, const struct layer_path *, struct pool *);

/* The place of a layer on the path; path->layers when it is not on it. */
size_t layer_path_place(const struct layer_path *, const char *layer);

/* Has feature i, by number, a partner in the layer before, or in the next? */
bool layer_path_before(const struct layer_path *, size_t layer, size_t i);
bool layer_path_after(const struct layer_path *, size_t layer, size_t i);

/* Columns that several rows have as their nearest; 0 without a matching. */
uint32_t shared_columns(const struct layer_map *nearest, const struct layer *col);

/* Do all matchings from each layer to the next, `from` to `to`, say which pairs are certified? */
bool layer_path_verdicts(const struct layer_path *, size_t from, size_t to);

/* Are there matchings, of nearest pairs or one to one, and do all say how near chance is? */
bool layer_path_chances(const struct layer_path *, bool nearest);

/* A walk along the path, from a feature to its partner in the next layer and on. */
struct walk {
	size_t layer;
	uint32_t feature;		/* by number */
	float cost, margin, chance;	/* of the link taken last; infinite where the walk ended */
	double total;			/* of the links so far: the sum of their costs, ... */
	float dearest, weakest;		/* ... the largest cost, the smallest margin, ... */
	size_t weakest_layer;		/* ... the layer that this link leaves, ... */
	bool certified;			/* ... and whether all of them are certified */
};

struct walk walk_from(size_t layer, size_t feature);
/* One step, or all to a layer; false where the walk ends before. */
bool walk_step(const struct layer_path *, struct walk *);
bool walk_to(const struct layer_path *, struct walk *, size_t layer);

#endif
