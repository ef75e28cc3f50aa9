/* The arrays of an .npz as a stream, see npz2frame(1). */
#ifndef FILE_NPZ_FRAME_H
#define FILE_NPZ_FRAME_H

#include "base/opt.h"
#include "file/npz_arrays.h"

/* Writes a stream: that which frame2npz made the arrays of; or one of the kind (NULL: the arrays
 * say it) of arrays without the member `frames`, whose header gets the `set` texts, NAME=TEXT. */
void write_stream_of_npz(const char *path, const char *kind, const struct list *set,
	struct sm_writer *);

/* What the frames of a kind look like, made of the arrays that are there: the lines that
 * frame2npz's member `frames` holds, to free(). Completes the header; adds the arrays that may be
 * left out. */
char *frames_of_arrays(struct npz_arrays *, const char *kind, struct sm_frame *header);

#endif
