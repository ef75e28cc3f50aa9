#include "base/pool.h"

#include "base/die.h"

#include <stdlib.h>

void *pool_keep(struct pool *p, void *memory)
{
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 16;
		p->item = xrealloc(p->item, p->room, sizeof *p->item);
	}
	return p->item[p->n++] = memory;
}

void *pool_alloc(struct pool *p, size_t n, size_t size)
{
	return pool_keep(p, xalloc(n, size));
}

void *pool_calloc(struct pool *p, size_t n, size_t size)
{
	return pool_keep(p, xcalloc(n, size));
}

void pool_clear(struct pool *p)
{
	while (p->n > 0)
		free(p->item[--p->n]);
}

void pool_free(struct pool *p)
{
	pool_clear(p);
	free(p->item);
	*p = (struct pool){0};
}
