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

/* How many bytes the file `name` has in all, of which the first n are these; 0: that is not known
 * yet, SIZE_MAX: that it does not say, as does NULL in place of the function. */
typedef size_t mapping_length(const char *name, const char *bytes, size_t n);

/* A file that cannot be read ends the program. Of a pipe or a device no more is read than its
 * length and a few bytes, and no more than memory holds. So does, while it is open, reading beyond
 * the end of one that has become shorter (SIGBUS): with exit status 1, and a line that names the
 * file. */
void mapping_open(struct mapping *, const char *path, mapping_length *);
void mapping_close(struct mapping *);
/* Those that are mapped still, as after a die_handler. */
void mapping_close_all(void);

/* Lets go of the pages that were read, as of a large file that is read in order; they come back
 * when they are touched. */
void mapping_release(const struct mapping *);

#endif
