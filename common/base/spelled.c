#include "base/spelled.h"

#include <string.h>

enum { SPELLED_LEAST = 1 << 20 };

bool spelled_fits(struct spelled *s, const char *text)
{
	s->bytes += text ? strlen(text) : 0;
	return s->bytes <= SPELLED_LEAST || s->bytes / SPELLED <= s->entries;
}
