/* Activations over the same tokens, held in memory, and how alike two features fire on them. */
#ifndef STREAM_ACTIVATIONS_H
#define STREAM_ACTIVATIONS_H

#include "kernel/sparse.h"
#include "stream/distances.h"

/* A stream of activations. Of a feature that always fires the mean was taken from its activations: a correlation is
 * the same without it, and nothing cancels. */
struct activity {
	const char *name;			/* of the input, for error lines */
	size_t features, tokens, entries, token_room, entry_room;
	uint32_t *token;			/* names of the tokens, of the first stream only */
	uint32_t *seen;				/* while it is read: the last token on which each feature fired, from 1 */
	struct sparse by_token, by_feature;	/* (tokens, features); (features, tokens) once turned */
	float *taken;				/* (features): the mean that was taken, or 0 */
	size_t *count;				/* (features), as the sums */
	double *sum, *variance;			/* the latter times the tokens */
};

struct activities {
	size_t n;
	struct activity *item;
	struct sm_frame *header;
};

/* Appends all the streams of an input. They have to be over the same tokens as the first of all. */
void read_activities(const char *path, struct activities *);
void activities_free(struct activities *);

/* Makes by_feature; by_token goes unless it is to be kept. */
void turn_activity(struct activity *, bool keep);

/* The features of streams from .. to-1, one side of a comparison; those of later streams follow. */
struct dictionary {
	const struct activity *stream;
	size_t streams;
	struct ids ids;
	const struct activity **of;		/* (ids.n): the stream that each feature is from */
};

struct dictionary dictionary_of(const struct activities *, size_t from, size_t to);
void dictionary_free(struct dictionary *);
/* The place among all of a feature; SIZE_MAX when there is none of that name. */
size_t find_feature(const struct dictionary *, const char *layer, uint32_t feature);

enum likeness { PEARSON, JACCARD, JOINT };

/* What likeness_row() works in. The streams of the rows have to be turned, those of the columns by token. */
struct coactivation;
struct coactivation *coactivation_open(enum likeness, const struct dictionary *row, const struct dictionary *col);
void coactivation_free(struct coactivation *);

/* 1 less the likeness of row i with k columns, 0 with itself: solve() of a stage (stage.h). */
void likeness_row(void *coactivation, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out);

#endif
