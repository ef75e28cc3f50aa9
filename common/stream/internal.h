/* What the modules of the stream share, and nobody else needs. */
#ifndef STREAM_INTERNAL_H
#define STREAM_INTERNAL_H

#include "base/pool.h"
#include "stream/stream.h"

enum { PLAIN = 1, LZ4 = 2 };		/* ext types */

/* What the fields of a frame that was read point to. */
struct memory {
	char *payload, *packed;		/* the map's bytes; the LZ4 frame's, when it was one */
	size_t payload_room, packed_room;
	struct pool pool;		/* texts, lists, copies of misaligned tensors */
	struct sm_value map;		/* the payload */
};

struct memory *frame_memory(struct sm_frame *);
void frame_forget(struct sm_frame *);	/* the fields of the last read; room for bytes stays */
struct sm_field *frame_append(struct sm_frame *, const char *name);

/* Makes fields of the first n bytes of the payload, which had `stored` bytes in the stream; what is
 * no map of ours is sm_bad(). */
void parse_payload(const struct sm_reader *, struct sm_frame *, size_t n, size_t stored);

/* How many values may be in a payload that has so many bytes in the stream. */
size_t most_values(size_t stored);

/* Bytes of the file that were not taken yet; 0 where nobody knows, as of a pipe. */
size_t reader_bytes_left(const struct sm_reader *);

const char *lz4_error(size_t status);	/* in words, as error_text() */
void grow(char **p, size_t *room, size_t n);	/* to n bytes at least */

#endif
