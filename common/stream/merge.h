/* Blocks of rows of distances, joined. */
#ifndef STREAM_MERGE_H
#define STREAM_MERGE_H

#include "stream/stream.h"

/* Writes the stream that a distance stage would have written without --rows, to the byte, from
 * files in any order that hold one block each. Reads every file twice: its header and ids, to put
 * them in order; then its rows. What is missing, there twice, or of other parameters ends the
 * program with a line that names the file. */
void merge_rows(char *const *path, struct sm_writer *out);

/* Do two fields hold the same, whatever their names? */
bool same_field(const struct sm_field *, const struct sm_field *);

#endif
