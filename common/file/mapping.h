/* The bytes of a file: mapped, so that one larger than memory can be read; of a pipe, read into
 * memory. */
#ifndef FILE_MAPPING_H
#define FILE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

/* {0} is no file. It must not move while it is open. */
struct mapping {
	char *name, *bytes;
	size_t n;
	bool mapped;
	struct mapping *next;		/* of all that are mapped */
};

/* A file that cannot be read ends the program. So does, while it is open, reading beyond the end of
 * one that has become shorter (SIGBUS): with exit status 1, and a line that names the file. */
void mapping_open(struct mapping *, const char *path);
void mapping_close(struct mapping *);

/* Lets go of the pages that were read, as of a large file that is read in order; they come back
 * when they are touched. */
void mapping_release(const struct mapping *);

bool is_folder(const char *path);

#endif
