/* Streams of contexts, as the program contexts writes them: of every feature the tokens around some
 * of its activations.
 *
 *	struct context_streams all = {0};
 *	read_contexts(path, &all);
 *	size_t i, stream = context_streams_find(&all, layer, model, sae, feature, &i);
 *	const struct contexts *x = &all.item[stream];
 *	for (size_t c = x->indptr[i]; c < x->indptr[i + 1]; c++)
 *		for (size_t t = x->begin[c]; t < x->begin[c + 1]; t++)
 *			... contexts_text(x, x->id[t]), x->value[t], t - x->begin[c] == x->at[c]
 *	context_streams_free(&all);
 */
#ifndef STREAM_CONTEXTS_H
#define STREAM_CONTEXTS_H

#include "stream/stream.h"

enum { CONTEXT_RANGES = 3 };		/* the top ones, the middle third, the lowest third */

/* Features that fire, their contexts, and the tokens of these. {0} holds none. */
struct contexts {
	size_t features, contexts, tokens;	/* b, c, n */
	uint32_t *feature, *count;	/* (b): ascending; how many tokens it fires on, ... */
	float *density, *mean, *max;	/* ... their share of all, mean and maximum on these */
	uint32_t *indptr;		/* (b+1) into the contexts: by range, then peak */
	uint8_t *range;			/* (c) */
	uint32_t *token, *at;		/* (c): the peak's number; its place in the context */
	float *peak;			/* (c) */
	uint32_t *begin;		/* (c+1) into the tokens; no context is empty */
	uint32_t *id;			/* (n): in the vocabulary */
	float *value;			/* (n): the feature's activation, or 0 */
	size_t room[3];			/* of b, c, n */

	struct sm_frame header, vocabulary;	/* of a stream that was read */
	const char *layer, *model, *sae;	/* the last two NULL where not known */
	size_t tokens_read;
	size_t ids;			/* 0: the stream has no texts */
	const uint32_t *vocab;		/* (ids): ascending */
	const char *const *text;	/* (ids): UTF-8, which reads on from one to the next */
};

/* -- Writing ---------------------------------------------------------------------------------- */

/* Appends a feature without contexts; then a context of the last feature, whose n ids and values
 * are copied. */
void contexts_add_feature(struct contexts *, uint32_t feature, uint32_t count, float density,
	float mean, float max);
void contexts_add(struct contexts *, size_t range, uint32_t token, float peak, size_t at, size_t n,
	const uint32_t *id, const float *value);

/* The first frame, of texts; and one of features, after which there are none. */
void write_context_texts(struct sm_writer *, size_t n, const uint32_t *id, const char *const *text);
void write_contexts(struct sm_writer *, struct contexts *);
void contexts_free(struct contexts *);

/* -- Reading ---------------------------------------------------------------------------------- */

/* All streams of some files. */
struct context_streams {
	size_t n;
	struct contexts *item;
};

/* Appends all the streams of an input. Two of one layer, whose model and SAE are the same or not
 * known, end the program. */
void read_contexts(const char *path, struct context_streams *);
/* The same of the stream whose header was just read, up to its end mark. */
void read_context_stream(struct sm_reader *, struct sm_frame *header, struct context_streams *);
void context_streams_free(struct context_streams *);

/* The stream of this layer, and its feature of this number, *i; SIZE_MAX where there is none. A
 * stream of another model or SAE is none; NULL: not known. */
size_t context_streams_find(const struct context_streams *, const char *layer, const char *model,
	const char *sae, uint32_t feature, size_t *i);

/* The place of a feature; SIZE_MAX: it does not fire. */
size_t contexts_find(const struct contexts *, uint32_t feature);
/* NULL: not known, and the number stands for it. */
const char *contexts_text(const struct contexts *, uint32_t id);

#endif
