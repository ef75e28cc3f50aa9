/* Streams of matchings, as hungarian writes them: a frame of pairs, a frame of what is left
 * alone. */
#ifndef STREAM_MATCHING_H
#define STREAM_MATCHING_H

#include "stream/distances.h"

struct matching {
	struct ids row, col;		/* (n): the pairs; nearest columns may repeat */
	const float *cost, *margin;	/* (n): not NaN; a margin may be infinite */
	const float *chance;		/* (n): 0 to 1; or NULL */
	const float *error;		/* (n): of the cost or the row's nearest other; or NULL */
	const uint8_t *certified;	/* (n): 1 where the pair is sure in spite of it; or NULL */
	struct ids free_row, free_col;	/* in no pair; none where the stream does not name them */
	struct sm_frame pairs, rest;		/* what all these point to */
};

/* Reads the stream whose header was just read, up to its end mark. */
void read_matching(struct sm_reader *, const struct sm_frame *header, struct matching *);
void matching_free(struct matching *);

/* The fields of pairs that a matching has, in any frame. */
void set_pairs(struct sm_frame *, const struct matching *);

/* Writes the two frames: pairs, with row and col, their numbers in the distances; and the rest, to
 * which the caller may have added fields of their own. What the matching points to stays the
 * caller's. */
void write_matching(struct sm_writer *, struct matching *, const uint32_t *row,
	const uint32_t *col);

#endif
