/* Streams of distances: one frame of ids, then blocks of rows. Distance stages write them through
 * stage.h; what needs them all takes read_distances(). */
#ifndef STREAM_DISTANCES_H
#define STREAM_DISTANCES_H

#include "stream/stream.h"

enum { OF_MODEL, OF_SAE, ORIGINS };

/* Features by name: the model, the layer as the user names it, the index in that layer's
 * dictionary. */
struct ids {
	size_t n;
	const char *origin[ORIGINS];	/* the model, the SAE of all of them; NULL: not known */
	const char *const *layer;
	const uint32_t *feature;
	const char *const *node;	/* NULL, or a graph's: a feature may stand several times */
	struct {
		const char **layer;
		uint32_t *feature;
		const char **node;
	} own;			/* the same arrays, to be filled, after ids_room(); else NULL */
};

bool same_ids(const struct ids *, const struct ids *);
/* Are both models, or both SAEs, known and not the same? */
bool other_origin(const struct ids *, const struct ids *, int which);
/* Ends the program when the last of an input's n streams gives the name of its layer to another
 * model or SAE than one before: a name would mean two features. */
void want_layer_apart(const struct sm_frame *header, size_t n, const char *input);
/* The origin of features from n streams; ends the program as above. */
void origin_of_streams(struct ids *, const struct sm_frame *header, size_t n, const char *input);
/* Ends the program when `ids`, called `what`, are of another model than others that their names may
 * mean. Of another SAE is a note: its file may have two names. */
void want_same_origin(const struct ids *, const char *what, const struct ids *others,
	const char *whose);
/* The layer that a header names, "" where it does not. It will stand beside each of the stream's
 * features, so that more than 1,024 bytes end the program. */
const char *want_layer(const struct sm_reader *, const struct sm_frame *header);
/* Ends the program where a feature, or a node of a graph, stands twice among these and, unless that
 * is NULL, the others: `input` has them. */
void want_each_once(const struct ids *, const struct ids *more, const char *input);
/* That of rows (side 0) or columns (side 1), as the header of what compares them says it. */
void get_origin(struct ids *, const struct sm_frame *header, int side);
void set_origin(struct sm_frame *header, const struct ids *, int side);

/* Arrays of their own for n ids, with nodes or without; what they hold stays. */
void ids_room(struct ids *, size_t n, bool nodes);
void ids_free(struct ids *);	/* the arrays of their own, if there are any */
/* Those that a frame holds in these two fields; they point into it. */
struct ids want_ids(const struct sm_reader *, const struct sm_frame *, const char *layer,
	const char *feature);
void set_ids(struct sm_frame *, const char *layer, const char *feature, const struct ids *);

/* Rows of k distances each, and what may stand beside them. */
struct entries {
	uint32_t *col;			/* the columns, when not all are there */
	float *dist;
	float *error;			/* ERRORS: of sampling */
	float *lower, *upper;		/* BOUNDS: of the exact distance */
	uint32_t *iters;		/* ITERATIONS: how many, ... */
	float *residual;		/* ... and how far the plan's marginals were off */
	float *beyond;			/* BEYOND: (rows), what columns not given are at least at */
};
enum { BOUNDS = 1, ITERATIONS = 2, ERRORS = 4, BEYOND = 8 };

/* Entry k of `to` becomes entry j of `from`, which holds as much; column and error too, where
 * both have. */
void copy_entry(struct entries *to, size_t k, const struct entries *from, size_t j);

/* The share of n ascending distances that is no farther than this. */
float share_as_near(const float *dists, size_t n, float dist);

/* The header (its kind, rows and cols are set here) and the frame of ids, with the distances of n
 * random pairs, ascending. */
void write_distances_header(struct sm_writer *, struct sm_frame *header, const struct ids *row,
	const struct ids *col, const float *random, size_t n);
/* Rows row0 .. row0+n-1 of k entries each: (n, k) of all that is there. */
void write_block(struct sm_writer *, size_t row0, size_t n, size_t k, const struct entries *);
/* How many rows of k a block should hold: about a megabyte of distances. */
size_t block_rows(size_t k);

struct distances {
	struct ids row, col;
	size_t k;		/* how many a row has: col.n, or its k nearest */
	uint32_t *at;		/* (row.n, k): their columns, nearest first; NULL: all are there */
	float *dist;		/* (row.n, k); no NaN; infinite: forbidden */
	float *error;		/* (row.n, k), of sampling; infinite: unknown; or NULL */
	float *beyond;		/* (row.n): no other column is nearer; NULL: than the k-th */
	bool turned;		/* dist and error are (col.n, row.n) */
	struct sm_frame ids;	/* what row and col point to */
};

enum {
	NEAREST = 1,		/* k nearest columns will do, instead of all */
	SIMILARITIES = 2,	/* the larger the nearer; dist is their negative */
	WIDE = 4		/* more rows than columns are to be turned */
};

/* Reads the stream whose header was just read, up to its end mark; `how` joins the above. */
void read_distances(struct sm_reader *, const struct sm_frame *header, struct distances *,
	unsigned how);
void distances_free(struct distances *);

#endif
