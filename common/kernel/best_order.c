#include "kernel/best_order.h"

#include "kernel/topological_order.h"

#include <math.h>
#include <string.h>

/* Of a set S of nodes that come first, in any order: L(S + v) = min over v of L(S) + the weight
 * from v to S. */
double least_backward(double *least, const double *weight, size_t n)
{
	size_t sets = (size_t)1 << n;

	least[0] = 0;
	for (size_t set = 1; set < sets; set++) {
		least[set] = INFINITY;
		for (size_t v = 0; v < n; v++) {
			size_t before = set & ~((size_t)1 << v);
			double sum = least[before];
			for (size_t t = 0; t < n && before != set; t++)
				sum += before >> t & 1 ? weight[v * n + t] : 0;
			if (before != set)
				least[set] = fmin(least[set], sum);
		}
	}
	return least[sets - 1];
}

/* What is ready for moves. */
struct moves {
	size_t n;
	const uint32_t *source, *target;
	const double *weight;
	uint32_t *order, *place;
	double *change;
	size_t *begin[2], *link[2];	/* links by their sources, and by their targets */
	double enough;
};

/* Where v goes: its place, or the first of the places where least weight runs backwards. Behind one
 * more node a link to it runs backwards, and one from it no longer. */
static size_t best_place(const struct moves *x, size_t v, double *gain)
{
	size_t own = x->place[v], best = own;
	double from_first = 0, at_own = 0, least = 0;

	memset(x->change, 0, x->n * sizeof *x->change);
	for (int side = 0; side < 2; side++)
		for (size_t i = x->begin[side][v]; i < x->begin[side][v + 1]; i++) {
			size_t l = x->link[side][i], u = side ? x->source[l] : x->target[l];
			double w = side ? -x->weight[l] : x->weight[l];
			if (u != v)
				x->change[x->place[u] - (x->place[u] > own)] += w;
		}
	for (size_t p = 0; p < own; p++)
		at_own += x->change[p];
	least = at_own - x->enough;
	for (size_t p = 0; p < x->n; from_first += x->change[p++])
		if (from_first < least) {
			least = from_first - x->enough;
			best = p;
			*gain = at_own - from_first;
		}
	return best;
}

static void move(struct moves *x, size_t v, size_t to)
{
	size_t from = x->place[v], step = to > from ? 1 : (size_t)-1;

	for (size_t p = from; p != to; p += step) {
		x->order[p] = x->order[p + step];
		x->place[x->order[p]] = (uint32_t)p;
	}
	x->order[to] = (uint32_t)v;
	x->place[v] = (uint32_t)to;
}

double improve_order(uint32_t *order, const uint32_t *source, const uint32_t *target,
	const double *weight, uint32_t *place, double *change, size_t *work, size_t n, size_t links)
{
	struct moves x = {n, source, target, weight, order, place, change,
		{work, work + n + 1}, {work + 2 * (n + 1), work + 2 * (n + 1) + links}, 0};
	double all = 0, backward = 0, gained = 1;

	links_by_node(x.link[0], x.begin[0], source, n, links);
	links_by_node(x.link[1], x.begin[1], target, n, links);
	for (size_t i = 0; i < links; i++)
		all += weight[i];
	for (size_t p = 0; p < n; p++)
		place[order[p]] = (uint32_t)p;
	x.enough = 1e-12 * all;
	while (gained > 0) {
		gained = 0;
		for (size_t v = 0; v < n; v++) {
			double gain = 0;
			size_t to = best_place(&x, v, &gain);
			if (to != place[v])
				move(&x, v, to);
			gained += gain;
		}
	}
	for (size_t i = 0; i < links; i++)
		backward += place[source[i]] > place[target[i]] ? weight[i] : 0;
	return backward;
}
