/* Memory that is freed at once:
 *
 *	struct pool pool = {0};
 *	float *row = pool_alloc(&pool, n, sizeof *row);
 *	...
 *	pool_free(&pool);
 *
 * A failure is die(), as of the x...() functions of die.h. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool {
	void **item;
	size_t n, room;
};

void *pool_alloc(struct pool *, size_t n, size_t size);
void *pool_calloc(struct pool *, size_t n, size_t size);	/* zeroed */
/* Memory from elsewhere, to be freed with the rest; returns it. */
void *pool_keep(struct pool *, void *memory);

/* Frees all that the pool holds; pool_clear() keeps its list, for a pool that is filled again
 * and again. */
void pool_clear(struct pool *);
void pool_free(struct pool *);

#endif
