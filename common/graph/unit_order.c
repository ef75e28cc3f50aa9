#include "graph/unit_order.h"

#include "base/die.h"
#include "graph/graph.h"
#include "kernel/best_order.h"
#include "kernel/topological_order.h"

#include <stdlib.h>

struct rank {
	double depth;
	uint32_t unit;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return (x->unit > y->unit) - (x->unit < y->unit);
}

/* Takes from `core` (n) what no cycle leads to. */
static void peel(bool *core, const uint32_t *source, const uint32_t *target, size_t n,
	size_t links)
{
	uint32_t *order = xalloc(n + 1, sizeof *order);
	size_t *link = xalloc(links, sizeof *link);
	size_t *work = xalloc(2 * n + links + 1, sizeof *work);
	size_t free_of = topological_order(order, link, source, target, work, n, links);

	for (size_t i = 0; i < free_of; i++)
		core[order[i]] = false;
	free(work);
	free(link);
	free(order);
}

/* The units of the core and the links with weight between them, numbered in the order of their
 * ranks. */
struct core {
	size_t n, links;
	uint32_t *source, *target;
	double *weight;
};

static struct core core_open(const uint32_t *source, const uint32_t *target, const double *weight,
	const double *depth, size_t n, size_t links)
{
	struct core c = {0, 0, xalloc(links, sizeof *c.source), xalloc(links, sizeof *c.target),
		xalloc(links, sizeof *c.weight)};
	struct rank *rank = xalloc(n, sizeof *rank);
	uint32_t *number = xalloc(n, sizeof *number);
	bool *in = xalloc(n, sizeof *in);
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		in[i] = true;
	for (size_t i = 0; i < links; i++)
		if (weight[i] > 0) {
			c.source[m] = source[i];
			c.target[m] = target[i];
			c.weight[m++] = weight[i];
		}
	peel(in, c.source, c.target, n, m);
	peel(in, c.target, c.source, n, m);
	for (size_t i = 0; i < n; i++)
		if (in[i])
			rank[c.n++] = (struct rank){depth[i], (uint32_t)i};
	qsort(rank, c.n, sizeof *rank, compare_ranks);
	for (size_t i = 0; i < c.n; i++)
		number[rank[i].unit] = (uint32_t)i;
	for (size_t i = 0; i < m; i++)
		if (in[c.source[i]] && in[c.target[i]]) {
			c.source[c.links] = number[c.source[i]];
			c.target[c.links] = number[c.target[i]];
			c.weight[c.links++] = c.weight[i];
		}
	free(in);
	free(number);
	free(rank);
	return c;
}

static void core_close(struct core *c)
{
	free(c->source);
	free(c->target);
	free(c->weight);
}

static double exact(const struct core *c)
{
	double *least = xalloc((size_t)1 << c->n, sizeof *least);
	double *weight = xcalloc(c->n * c->n, sizeof *weight);

	for (size_t i = 0; i < c->links; i++)
		weight[c->source[i] * c->n + c->target[i]] += c->weight[i];
	double backward = least_backward(least, weight, c->n);
	free(weight);
	free(least);
	return backward;
}

static double improved(const struct core *c)
{
	uint32_t *order = xalloc(2 * c->n, sizeof *order);
	double *change = xalloc(c->n, sizeof *change);
	size_t *work = xalloc(2 * (c->n + 1 + c->links), sizeof *work);

	for (size_t i = 0; i < c->n; i++)
		order[i] = (uint32_t)i;
	double backward = improve_order(order, c->source, c->target, c->weight, order + c->n,
		change, work, c->n, c->links);
	free(work);
	free(change);
	free(order);
	return backward;
}

double backward_weight(const uint32_t *source, const uint32_t *target, const double *weight,
	const double *depth, size_t n, size_t links)
{
	struct core c = core_open(source, target, weight, depth, n, links);
	double backward = c.n <= MOST_EXACT ? exact(&c) : improved(&c);

	core_close(&c);
	return backward;
}
