/* Lines of JSON, see frame2json(1), as frames. */
#ifndef STREAM_JSON_FRAME_H
#define STREAM_JSON_FRAME_H

#include "stream/stream.h"

/* Lines of JSON from a file; NULL or "-" is stdin. */
struct json_lines;
struct json_lines *json_lines_open(const char *path);
/* Of a text that stays as it is; `name` is for error lines. With `places` a tensor or a list of
 * strings may be in an array that the line names: see put_json(). It has no data then. */
struct json_lines *json_lines_of(const char *name, const char *text, bool places);
void json_lines_close(struct json_lines *);	/* none at all were an error */
void json_lines_free(struct json_lines *);

/* The next line's object as a frame; false at the end of the file. What its fields point to
 * stays until the next line is read. A line that is no frame is json_lines_bad(). */
bool read_json(struct json_lines *, struct sm_frame *);
/* Where field i of that frame is, or NULL: it is whole. */
const char *json_lines_place(const struct json_lines *, size_t i);

/* Ends the program with a message that names the file and the line. */
_Noreturn void json_lines_bad(const struct json_lines *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
