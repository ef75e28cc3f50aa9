/* The members of a zip archive that are stored as they are, where they lie. */
#ifndef FILE_STORED_H
#define FILE_STORED_H

#include <stdbool.h>
#include <stddef.h>

struct stored_member {
	const char *name;	/* name_length characters, without a 0 */
	size_t name_length;
	const char *bytes;	/* NULL: compressed or encrypted */
	size_t n;
};

struct stored {
	struct stored_member *member;	/* by their names */
	size_t members;
};

/* Reads the directory of n bytes, zip64 or not; false when they are no archive, or one that is
 * damaged. */
bool stored_open(struct stored *, const char *bytes, size_t n);
void stored_close(struct stored *);

/* NULL when there is none of that name. */
const struct stored_member *stored_find(const struct stored *, const char *name);
/* One whose name another has as well; NULL when there is none. */
const struct stored_member *stored_twice(const struct stored *);

#endif
