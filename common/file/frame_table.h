/* Streams as a table of tab-separated values on stdout, see frame2tsv(1). */
#ifndef FILE_FRAME_TABLE_H
#define FILE_FRAME_TABLE_H

#include "file/labels.h"

struct frame_table;

/* Of the first table of each kind; or of the columns that wanted names, "A,B,...", of the frames
 * that have them all. With the labels of rows and of columns, where there are any. */
struct frame_table *frame_table_open(const char *wanted, struct labels *const l[2]);

/* Prints the stream whose header was just read, up to its end mark. Another table than before ends
 * the program. */
void print_table(struct frame_table *, struct sm_reader *, const struct sm_frame *header);

/* Ends the program when there were frames, but none with the wanted columns. */
void frame_table_close(struct frame_table *);

#endif
