/* Lines of JSON, see frame2json(1), as frames. */
#ifndef STREAM_JSON_FRAME_H
#define STREAM_JSON_FRAME_H

#include "stream/stream.h"

/* Lines of JSON from a file; NULL or "-" is stdin. */
struct json_lines;
struct json_lines *json_lines_open(const char *path);
void json_lines_close(struct json_lines *);

/* The next line's object as a frame; false at the end of the file. What its fields point to
 * stays until the next line is read. A line that is no frame is json_lines_bad(). */
bool read_json(struct json_lines *, struct sm_frame *);

/* Ends the program with a message that names the file and the line. */
_Noreturn void json_lines_bad(const struct json_lines *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
