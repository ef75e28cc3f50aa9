/* The tokens of a stream of activations, a frame's worth at a time: their hidden states, their
 * vocabulary ids, and what fires on them. */
#ifndef FILE_TOKENS_H
#define FILE_TOKENS_H

#include "file/array.h"
#include "file/kept.h"
#include "file/states.h"
#include "kernel/encode.h"
#include "stream/stream.h"

/* All tokens, and which of them count. */
struct tokens {
	size_t n;
	struct kept_tokens kept;
	bool joined;			/* the files of states lie side by side: states_join() */
	bool flat;			/* their last two dimensions are taken as one */
	struct states *states;		/* of n rows, or NULL */
	size_t d;			/* of the states */
	struct array vocab;		/* (n) vocabulary ids, or no data */
	struct archive *vocab_file;	/* of tokens_open_vocab(), or NULL */
	const char *vocab_name;		/* where the ids are from, for error lines */
};

/* Takes the states of these files: sets states, d and n. States of d numbers are wanted, 0: of any;
 * where the last two dimensions are so many, they are one. */
void tokens_open_states(struct tokens *, const struct list *files, const struct states_options *,
	size_t d);
/* Takes the ids of this file. */
void tokens_open_vocab(struct tokens *, const char *file);
/* After these two, which have to be of as many tokens, sets which count: kept_open(). */
void tokens_keep(struct tokens *, const struct kept_options *, const char *name);
/* All three, for the SAE in the file sae_name, which takes states of d numbers. */
void tokens_open_encoded(struct tokens *, const struct list *files, const struct states_options *,
	const struct kept_options *, const char *sae_name, size_t d);
void tokens_close(struct tokens *);

/* What a header says of the features: where they are from. NULL: nothing. */
struct feature_source {
	const char *model, *layer, *arch, *sae, *encoder;	/* encoder: a dialect, ... */
	bool centred;			/* ... and whether it subtracts b_dec */
	size_t features, is_signed;	/* is_signed: half of them, two for each of the SAE */
};

void tokens_write_header(const struct tokens *, const struct feature_source *, struct sm_writer *);

enum { CHUNK_TOKENS = 2048, CHUNK_BLOCKS = 64 };

/* One frame's worth of tokens, and what fires on them in CSR. */
struct chunk {
	size_t n, all, dropped;		/* all: so far; dropped: by --drop-nonfinite */
	uint32_t token[CHUNK_TOKENS], vocab[CHUNK_TOKENS], indptr[CHUNK_TOKENS + 1];
	char *point;			/* (n, d) as stored ... */
	float *x;			/* ... and as floats */
	size_t nnz, room;
	uint32_t *feature;		/* (nnz) */
	float *value;			/* (nnz) */
	struct chunk_block *block;	/* (CHUNK_BLOCKS), of chunk_encode(), ... */
	float *workspace;		/* ... and of its threads */
};

struct chunk *chunk_new(const struct tokens *);
void chunk_free(struct chunk *);

/* The next tokens from *at on, which moves on; false at the end. A state that is not finite is
 * left out with --drop-nonfinite, and ends the program without. */
bool chunk_read(struct chunk *, const struct tokens *, size_t *at);
/* In place of reading: n tokens, or fewer, one of each n-th part of those that count, so that they
 * are of any place of a sequence; states that are not finite are left out. Of states in files only,
 * without what a frame has beside them. */
void chunk_sample(struct chunk *, const struct tokens *, size_t n);
/* After the end: notes how many were left out so, and when no token is left. */
void chunk_tell(const struct chunk *);

/* What an SAE makes of the states ... */
void chunk_encode(struct chunk *, const struct encoder *);
/* ... or one activation after the other: features of a token ascending, nnz = 0 and indptr[0] = 0
 * at first. */
void chunk_append(struct chunk *, uint32_t feature, float value);

/* Of --features A:B the features A to B - 1 of n, which `name` has; NULL: all. */
void feature_range(size_t range[2], const char *text, const char *name, size_t n);
/* Leaves out the features below `from`, and those from `to` on. */
void chunk_features(struct chunk *, size_t from, size_t to);

/* Makes all activations positive. A feature i of `features` expresses one thing where it is
 * positive and another where it is negative: split makes it i and i + features, abs takes |a|,
 * positive drops the negative ones. Returns how many were negative. */
enum signs { SIGNS_SPLIT, SIGNS_ABS, SIGNS_POSITIVE };
size_t chunk_signs(struct chunk *, enum signs, size_t features);

/* Writes the frame, its states only with `points`. */
void chunk_write(const struct chunk *, const struct tokens *, bool points, struct sm_writer *);

#endif
