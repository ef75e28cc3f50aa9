/* Streams of activations over the same tokens, held in memory. */
#ifndef STREAM_ACTIVATIONS_H
#define STREAM_ACTIVATIONS_H

#include "kernel/sparse.h"
#include "stream/distances.h"

#include <stdbool.h>

/* One stream. Of a feature that fires on every token the mean was subtracted from its activations:
 * a correlation is the same without it, and nothing cancels. */
struct activations {
	const char *name;			/* of the input, for error lines */
	size_t features, tokens, entries, token_room, entry_room;
	uint32_t *seen;	/* while it is read: the last token of each feature, from 1, ... */
	size_t negative;			/* ... and how many activations are */
	struct sparse by_token, by_feature;	/* (tokens, features), (features, tokens) */
	float *mean_removed;			/* (features): the mean that was subtracted, or 0 */
};

/* The tokens of a text. */
struct token_list {
	const char *name;		/* of what they are from, for error lines; NULL: none yet */
	size_t n;
	const uint32_t *token, *vocab;	/* (n): numbers; ids in the vocabulary, NULL: unknown */
};

struct activation_streams {
	size_t n;
	struct activations *item;
	struct sm_frame *header;
	struct token_list tokens;		/* of all of them; given, or of the first */
	uint32_t *own;				/* the first's */
};

/* Ends the program when any of a stream's activations were negative. */
void want_no_negative(const struct sm_reader *, size_t negative);

/* Appends all the streams of an input. They have to be over the tokens that are given; or, where
 * none are, over those of the first stream. */
void read_activations(const char *path, struct activation_streams *);
void activation_streams_free(struct activation_streams *);

/* Makes by_feature; by_token goes unless it is to be kept. */
void activations_transpose(struct activations *, bool keep);

/* The features of streams from .. to-1, one side of a comparison; those of later streams follow. */
struct dictionary {
	const struct activations *stream;
	size_t streams;
	const struct token_list *tokens;
	struct ids ids;
	const struct activations **of;		/* (ids.n): the stream that each feature is from */
};

struct dictionary dictionary_of(const struct activation_streams *, size_t from, size_t to);
void dictionary_free(struct dictionary *);
/* The place of a feature among all; SIZE_MAX when there is none of that name. */
size_t dictionary_find(const struct dictionary *, const char *layer, uint32_t feature);

#endif
