/* Streams of couplings, as couple writes them: a frame of the tokens of both sides, then blocks of
 * rows. */
#ifndef STREAM_COUPLING_H
#define STREAM_COUPLING_H

#include "kernel/sparse.h"
#include "stream/stream.h"

/* How much each token of a text has to do with each token of another: G. A token of either side may
 * have no partner. Only ratios of weights mean something: who uses G divides by its sums. */
struct coupling {
	size_t rows, cols;			/* tokens */
	const uint32_t *row_token, *col_token;	/* (rows), (cols): numbers, as in activations */
	const uint32_t *row_vocab, *col_vocab;	/* (rows), (cols): their ids; or NULL */
	struct sparse g;			/* (rows, cols): > 0, finite; columns ascend */
	struct sm_frame tokens;			/* of what was read: what the tokens point to */
};

/* Reads the stream whose header was just read, up to its end mark. */
void read_coupling(struct sm_reader *, const struct sm_frame *header, struct coupling *);
/* What read_coupling() made. */
void coupling_free(struct coupling *);

/* Writes a whole stream; kind, rows and cols join the header. */
void write_coupling(struct sm_writer *, struct sm_frame *header, const struct coupling *);

#endif
