/* Of activations, for every feature the tokens around some of its peaks: contexts. One pass; memory
 * grows with the contexts that are kept, not with the tokens.
 *
 * A peak is a token on which a feature fires more than on any other within before + after tokens of
 * it, or as much as on a later one; so windows of before tokens, the peak and after tokens never
 * overlap. They end where a sequence ends and where tokens are left out. */
#ifndef STREAM_CONTEXT_FINDER_H
#define STREAM_CONTEXT_FINDER_H

#include "stream/contexts.h"

struct context_options {
	size_t top;			/* > 0: the highest peaks, ... */
	size_t lower;			/* ... of the others some of the middle and lowest third */
	size_t before, after, seed;
	size_t context;			/* length of a sequence; 0: not known */
};

struct context_finder;

struct context_finder *context_finder_open(size_t features, struct context_options);
/* A frame of activations, whose tokens follow those before, with the n vocabulary ids of these.
 * Returns the number of the token after them. */
size_t context_finder_add(struct context_finder *, struct sm_reader *, const struct sm_frame *,
	const uint32_t *id);
/* After the last frame. Negative activations end the program. Returns how many tokens there are. */
size_t context_finder_end(struct context_finder *, const struct sm_reader *);
/* Then: appends a feature that fires. */
void context_finder_take(struct context_finder *, uint32_t feature, struct contexts *to);
void context_finder_close(struct context_finder *);

#endif
