/* A coupling, and activations over the two texts whose tokens it couples. */
#ifndef STREAM_COUPLED_TEXTS_H
#define STREAM_COUPLED_TEXTS_H

#include "stream/activations.h"
#include "stream/coupling.h"

struct coupled_texts {
	struct coupling coupling;
	struct sm_frame header;		/* the coupling's */
	char *side[2];			/* names of its texts, for error lines */
};

/* Reads a file that holds one coupling; then the streams of file[0] and file[1], which have to be
 * over the tokens of its rows and of its columns. `all`, empty before, gets them; returns where
 * those of file[1] begin. Tokens without a partner are counted on stderr. */
size_t read_coupled_texts(struct coupled_texts *, const char *path, const char *const file[2],
	struct activation_streams *all);
/* Adds what the coupling's header says of it; the texts have to stay until `to` was written. */
void coupled_texts_header(struct sm_frame *to, const struct coupled_texts *);
void coupled_texts_free(struct coupled_texts *);

#endif
