/* Numbers by name: which of n names is this? Several of them can be alike.
 *
 *	struct lookup ids = lookup_open(name, n);
 *	size_t count;
 *	const uint32_t *number = lookup(&ids, text, strlen(text), &count);
 */
#ifndef BASE_NAME_INDEX_H
#define BASE_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct lookup {
	const char *const *name;	/* (n): the caller's, who keeps them */
	uint32_t *number;		/* (n): by name; ascending where names are alike */
	uint32_t *begin;		/* (distinct + 1): where each name begins in number */
	size_t distinct;
};

struct lookup lookup_open(const char *const *name, size_t n);
void lookup_close(struct lookup *);

/* All numbers of a name of `length` bytes; NULL when there is none. */
const uint32_t *lookup(const struct lookup *, const char *name, size_t length, size_t *count);

#endif
