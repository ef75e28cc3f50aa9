/* Numbers by name: which of n names is this? Several of them can be alike.
 *
 *	struct name_index ids = name_index_open(name, n);
 *	size_t count;
 *	const uint32_t *number = name_index_find(&ids, text, strlen(text), &count);
 */
#ifndef BASE_NAME_INDEX_H
#define BASE_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct name_index {
	const char *const *name;	/* (n): the caller's, who keeps them */
	uint32_t *number;		/* (n): by name; ascending where names are alike */
	uint32_t *begin;		/* (distinct + 1): where each name begins in number */
	size_t distinct;
};

struct name_index name_index_open(const char *const *name, size_t n);
void name_index_close(struct name_index *);

/* All numbers of a name of `length` bytes; NULL when there is none. */
const uint32_t *name_index_find(const struct name_index *, const char *name, size_t length,
	size_t *count);

#endif
