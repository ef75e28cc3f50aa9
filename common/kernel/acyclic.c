#include "kernel/acyclic.h"

#include <string.h>

size_t acyclic_words(size_t nodes)
{
	return 2 * nodes * ((nodes + 63) / 64);
}

static bool has(const uint64_t *set, size_t i)
{
	return set[i / 64] >> i % 64 & 1;
}

static void add(uint64_t *set, size_t i)
{
	set[i / 64] |= (uint64_t)1 << i % 64;
}

static void drop(uint64_t *set, size_t i)
{
	set[i / 64] &= ~((uint64_t)1 << i % 64);
}

static void join(uint64_t *set, const uint64_t *other, size_t words)
{
	for (size_t w = 0; w < words; w++)
		set[w] |= other[w];
}

static bool meet(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t w = 0; w < words; w++)
		if (a[w] & b[w])
			return true;
	return false;
}

/* before(t) = union of before(s) + {s} over the links s -> t. A link to t that is there already has
 * nothing to add: before(s) is complete when the first link leads on from s. */
void acyclic_open(struct acyclic *g, uint64_t *memory, const uint32_t *source,
	const uint32_t *target, const size_t *order, size_t nodes, size_t links)
{
	size_t words = (nodes + 63) / 64;

	*g = (struct acyclic){nodes, words, memory, memory + nodes * words};
	memset(memory, 0, 2 * nodes * words * sizeof *memory);
	for (size_t i = 0; i < links; i++) {
		size_t s = source[order[i]], t = target[order[i]];
		if (has(g->next + s * words, t))
			continue;
		add(g->next + s * words, t);
		add(g->before + t * words, s);
		join(g->before + t * words, g->before + s * words, words);
	}
}

/* A way from a to b through a third node c begins with a link a -> c, and c is before b. */
bool acyclic_may_unite(const struct acyclic *g, size_t a, size_t b)
{
	size_t n = g->words;

	return !meet(g->next + a * n, g->before + b * n, n)
		&& !meet(g->next + b * n, g->before + a * n, n);
}

/* The united node leads to next(a) + next(b) and is after before(a) + before(b). What was after a
 * or b is now after all of before(a) + before(b). */
void acyclic_unite(struct acyclic *g, size_t a, size_t b)
{
	size_t n = g->words;
	uint64_t *next = g->next + b * n, *before = g->before + b * n;

	join(next, g->next + a * n, n);
	join(before, g->before + a * n, n);
	drop(next, a);
	drop(next, b);
	drop(before, a);
	drop(before, b);
	for (size_t i = 0; i < g->nodes; i++) {
		uint64_t *leads = g->next + i * n, *led = g->before + i * n;
		if (has(leads, a)) {
			drop(leads, a);
			add(leads, b);
		}
		if (i != b && (has(led, a) || has(led, b))) {
			join(led, before, n);
			drop(led, a);
			add(led, b);
		}
	}
}
