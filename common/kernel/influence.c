#include "kernel/influence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000 };

static const double least_sum = 1e-10, negligible = 1e-12;

void link_shares(double *share, const uint32_t *target, const double *weight, double *sum,
	size_t nodes, size_t links)
{
	memset(sum, 0, nodes * sizeof *sum);
	for (size_t i = 0; i < links; i++)	/* sum(t) = sum_s |weight(t,s)| */
		sum[target[i]] += weight[i];
	for (size_t i = 0; i < links; i++)	/* A(t,s) = |weight(t,s)| / max(sum(t), 1e-10) */
		share[i] = weight[i] / fmax(sum[target[i]], least_sum);
}

/* total holds a vector v, and then (1 + A + A^2 + ...) v, where A leads from one end of a link to
 * the other. */
static bool add_powers(double *total, const uint32_t *from, const uint32_t *to,
	const struct influence_graph *g, double *work)
{
	double *now = work, *next = work + g->nodes;

	memcpy(now, total, g->nodes * sizeof *now);
	for (size_t round = 0; round < ROUNDS; round++) {
		double added = 0, sum = 0, *swap = now;
		memset(next, 0, g->nodes * sizeof *next);
		for (size_t i = 0; i < g->links; i++)		/* A^(k+1) v = A (A^k v) */
			next[to[i]] += g->share[i] * now[from[i]];
		for (size_t i = 0; i < g->nodes; i++) {
			total[i] += next[i];
			added += next[i];
			sum += total[i];
		}
		if (added <= negligible * sum)
			return true;
		now = next;
		next = swap;
	}
	return false;
}

/* The same for either direction. In topological order every node is complete before it is handed
 * on: x(to) = v(to) + sum A x(from). */
static bool hand_on(double *total, const double *start, const uint32_t *from, const uint32_t *to,
	const struct influence_graph *g, bool backwards, double *work)
{
	memcpy(total, start, g->nodes * sizeof *total);
	if (!g->order)
		return add_powers(total, from, to, g, work);
	for (size_t k = 0; k < g->links; k++) {
		size_t i = g->order[backwards ? g->links - 1 - k : k];
		total[to[i]] += g->share[i] * total[from[i]];
	}
	return true;
}

bool node_influence(double *total, const double *weight, const struct influence_graph *g,
	double *work)
{
	return hand_on(total, weight, g->target, g->source, g, true, work);
}

bool node_reach(double *reach, const double *start, const struct influence_graph *g, double *work)
{
	return hand_on(reach, start, g->source, g->target, g, false, work);
}

static int descending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

double least_kept_score(const double *score, double threshold, double *sorted, size_t n)
{
	double sum = 0, sum_so_far = 0;
	size_t i = 0;

	memcpy(sorted, score, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, descending);
	for (size_t k = 0; k < n; k++)
		sum += sorted[k];
	if (sum <= 0)
		return 0;
	while ((sum_so_far += sorted[i]) / sum < threshold && i + 1 < n)
		i++;
	return sorted[i];
}
