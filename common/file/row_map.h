/* Row maps: which token of another text, or row of its states, goes with each token of a text. */
#ifndef FILE_ROW_MAP_H
#define FILE_ROW_MAP_H

#include "stream/stream.h"

#define ROW_NONE UINT32_MAX

/* {0} is no map. */
struct row_map {
	const char *name;	/* of the file */
	size_t n;		/* tokens */
	uint32_t *row;		/* (n): below the number of rows, or ROW_NONE */
};

/* Reads an array of integers, whose -1 and 2^32-1 are ROW_NONE. Another one that is not below
 * `rows`, the number of those of `of`, ends the program. */
struct row_map row_map_read(const char *file, size_t rows, const char *of);
void row_map_free(struct row_map *);

/* Ends the program when the stream of this name and header is of another number of tokens; one that
 * does not say passes. */
void row_map_want(const struct row_map *, const char *stream, const struct sm_frame *header);

#endif
