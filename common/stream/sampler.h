/* Of activations, a bounded weighted sample of the tokens that express each feature:
 * distributions. Memory is that of the tokens that some feature keeps. */
#ifndef STREAM_SAMPLER_H
#define STREAM_SAMPLER_H

#include "stream/stream.h"

enum { SELECT_COORDINATED, SELECT_TOP, SELECT_RANDOM };

struct sampling {
	size_t support;			/* tokens kept of a feature, at most */
	int select;			/* which of them; see bottom_k.h */
	double power;			/* of a token's activation: its weight */
	size_t seed, min_count;		/* features that fire on fewer tokens are left out */
};

struct sampler;

struct sampler *sampler_open(size_t features, const char *layer, struct sampling);
/* A frame of activations, whose tokens follow those before. Returns the number of the token after
 * them. */
size_t sampler_add(struct sampler *, struct sm_reader *, const struct sm_frame *);
/* After the last frame: lets go of features that fire too rarely, and returns how many these are.
 * Negative activations end the program. */
size_t sampler_leave_out(struct sampler *, const struct sm_reader *);
/* The support table and the features, in frames. */
void sampler_write(struct sampler *, struct sm_writer *);
void sampler_close(struct sampler *);

#endif
