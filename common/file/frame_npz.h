/* A stream as the arrays of an .npz, see frame2npz(1); the way back: npz_frame.h. */
#ifndef FILE_FRAME_NPZ_H
#define FILE_FRAME_NPZ_H

#include "file/npz_writer.h"
#include "stream/stream.h"

struct frame_npz;

/* Holds the stream whose header was just read, which is read up to its end mark. The header stays
 * the caller's, until frame_npz_free(). */
struct frame_npz *frame_npz_read(struct sm_reader *, const struct sm_frame *header);
void frame_npz_write(const struct frame_npz *, struct npz_writer *);
void frame_npz_free(struct frame_npz *);

/* Does this field say where the entries of rows begin (indptr, begin)? It has one number more than
 * rows, and begins with 0 in each frame; in an .npz frames are joined, in 8 bytes. */
bool are_offsets(const struct sm_field *);

#endif
