/* Frames as tables of tab-separated values on stdout, see frame2tsv(1). */
#ifndef STREAM_FRAME_TABLE_H
#define STREAM_FRAME_TABLE_H

#include "stream/stream.h"

struct frame_table;

/* Of all columns, or of those that wanted names, "A,B,...", of the frames that have them all. */
struct frame_table *frame_table_open(const char *wanted);

/* Prints the stream whose header was just read, up to its end mark. */
void print_tables(struct frame_table *, struct sm_reader *, const struct sm_frame *header);

/* Ends the program when there were frames, but none with the wanted columns. */
void frame_table_close(struct frame_table *);

#endif
