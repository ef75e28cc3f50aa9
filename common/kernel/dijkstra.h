/* Dijkstra's algorithm (1959) over items 0, 1, ...: how far each is, and a binary heap of the open
 * ones. It is compiled into the inner loops of assign.c and margins.c, hence a header. Nothing is
 * allocated.
 *
 *	offer the start at distance 0;
 *	while the nearest open item is within the limit: close it, offer what it leads to */
#ifndef KERNEL_DIJKSTRA_H
#define KERNEL_DIJKSTRA_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct search {
	double *dist;		/* (items): of those seen */
	uint32_t *heap;		/* (open): dist[heap[(k - 1) / 2]] <= dist[heap[k]] */
	uint32_t *slot;		/* (items): 1 + the place in the heap; or one of these: */
	uint32_t *seen;		/* (count) */
	size_t open, count;
};
#define SEARCH_UNSEEN 0
#define SEARCH_CLOSED UINT32_MAX

/* In doubles. */
static inline size_t search_workspace(size_t items)
{
	return items + (3 * items + 1) / 2;
}

/* The workspace has to be zeros, and search_forget() leaves it so. */
static inline struct search search_in(double *workspace, size_t items)
{
	uint32_t *heap = (uint32_t *)(workspace + items);

	return (struct search){workspace, heap, heap + items, heap + 2 * items, 0, 0};
}

/* Of equals the later item: assign.c looks into what is not listed before it closes other
 * columns. */
static inline bool search_nearer(const struct search *s, uint32_t x, uint32_t y)
{
	return s->dist[x] < s->dist[y] || (s->dist[x] == s->dist[y] && x > y);
}

static inline void search_put(struct search *s, size_t k, uint32_t x)
{
	s->heap[k] = x;
	s->slot[x] = (uint32_t)k + 1;
}

/* Item x is no farther than d. It opens again if it was closed. */
static inline void search_offer(struct search *s, uint32_t x, double d)
{
	bool in_heap = s->slot[x] != SEARCH_UNSEEN && s->slot[x] != SEARCH_CLOSED;

	if (s->slot[x] == SEARCH_UNSEEN)
		s->seen[s->count++] = x;
	size_t k = in_heap ? s->slot[x] - 1 : s->open++;

	s->dist[x] = d;
	for (; k > 0 && search_nearer(s, x, s->heap[(k - 1) / 2]); k = (k - 1) / 2)
		search_put(s, k, s->heap[(k - 1) / 2]);
	search_put(s, k, x);
}

static inline uint32_t search_close_nearest(struct search *s)
{
	uint32_t top = s->heap[0], x = s->heap[--s->open];
	size_t k = 0;

	for (size_t child; (child = 2 * k + 1) < s->open; k = child) {
		child += child + 1 < s->open
			&& search_nearer(s, s->heap[child + 1], s->heap[child]);
		if (!search_nearer(s, s->heap[child], x))
			break;
		search_put(s, k, s->heap[child]);
	}
	search_put(s, k, x);
	s->slot[top] = SEARCH_CLOSED;
	return top;
}

/* How far the nearest open item is. */
static inline double search_radius(const struct search *s)
{
	return s->open > 0 ? s->dist[s->heap[0]] : INFINITY;
}

/* Is d less than what is known of item x? A closed item is final. */
static inline bool search_improves(const struct search *s, uint32_t x, double d)
{
	return s->slot[x] == SEARCH_UNSEEN || (s->slot[x] != SEARCH_CLOSED && d < s->dist[x]);
}

/* Ready for another search; takes as long as items were seen. */
static inline void search_forget(struct search *s)
{
	for (size_t k = 0; k < s->count; k++)
		s->slot[s->seen[k]] = SEARCH_UNSEEN;
	s->open = s->count = 0;
}

#endif
