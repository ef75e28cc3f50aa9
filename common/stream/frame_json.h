/* Frames as lines of JSON, see frame2json(1); numbers of tensors as text.
 * The way back: json_frame.h. */
#ifndef STREAM_FRAME_JSON_H
#define STREAM_FRAME_JSON_H

#include "base/json.h"
#include "stream/stream.h"

#include <stdio.h>

/* Number i of a tensor, in the fewest digits that read back to the same bits. A floating one has
 * a point or an exponent, or is NaN, Infinity or -Infinity. Returns text. */
const char *number_text(char text[REAL_TEXT], const struct sm_tensor *, size_t i);

/* Prints a header or a frame as one line of JSON. A field's name has to be UTF-8, or it is
 * sm_bad(). */
void print_json(const struct sm_reader *, const struct sm_frame *);

/* The same to any file. `member` is NULL, or has the name of an array for each field, or NULL: the
 * numbers of a tensor, or the strings, are there, and the name stands in their place, such as
 * ["<f4",[2,3],"dist"] or ["<U",[5],"row_layer"]. */
void put_json(FILE *, const struct sm_reader *, const struct sm_frame *,
	const char *const *member);
#define STRINGS_DTYPE "<U"

#endif
