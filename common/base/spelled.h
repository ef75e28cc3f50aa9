/* Texts that a program writes more often than it read them, and how many bytes of them what they
 * stand for lets expect: see frame(5). */
#ifndef BASE_SPELLED_H
#define BASE_SPELLED_H

#include <stdbool.h>
#include <stddef.h>

enum { SPELLED = 1024 };	/* bytes of each entry, on average; 1 MB in all may always be */

struct spelled {
	size_t bytes, entries;	/* of all so far; {0} counts none */
};

/* Counts a text, NULL for none, once the entries were added that it stands for. Are there no more
 * bytes than may be? */
bool spelled_fits(struct spelled *, const char *text);

#endif
