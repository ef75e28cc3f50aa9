#include "kernel/influence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000 };

static const double least_sum = 1e-10, negligible = 1e-12;

void link_shares(double *share, const uint32_t *target, const double *weight, double *sum, size_t nodes, size_t links)
{
	memset(sum, 0, nodes * sizeof *sum);
	for (size_t i = 0; i < links; i++)
		sum[target[i]] += weight[i];
	for (size_t i = 0; i < links; i++)
		share[i] = weight[i] / fmax(sum[target[i]], least_sum);
}

/* total holds a vector, and then all powers of A times it. */
static bool add_powers(double *total, const uint32_t *from, const uint32_t *to, const double *share, double *work,
	size_t nodes, size_t links)
{
	double *now = work, *next = work + nodes;

	memcpy(now, total, nodes * sizeof *now);
	for (size_t round = 0; round < ROUNDS; round++) {
		double added = 0, sum = 0, *swap = now;
		memset(next, 0, nodes * sizeof *next);
		for (size_t i = 0; i < links; i++)
			next[to[i]] += share[i] * now[from[i]];
		for (size_t i = 0; i < nodes; i++) {
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

bool node_influence(double *total, const double *weight, const uint32_t *source, const uint32_t *target,
	const double *share, const size_t *link, double *work, size_t nodes, size_t links)
{
	memcpy(total, weight, nodes * sizeof *total);
	if (!link)
		return add_powers(total, target, source, share, work, nodes, links);
	for (size_t i = links; i-- > 0;)
		total[source[link[i]]] += share[link[i]] * total[target[link[i]]];
	return true;
}

bool node_reach(double *reach, const double *start, const uint32_t *source, const uint32_t *target,
	const double *share, const size_t *link, double *work, size_t nodes, size_t links)
{
	memcpy(reach, start, nodes * sizeof *reach);
	if (!link)
		return add_powers(reach, source, target, share, work, nodes, links);
	for (size_t i = 0; i < links; i++)
		reach[target[link[i]]] += share[link[i]] * reach[source[link[i]]];
	return true;
}

static int descending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

double score_threshold(const double *score, double part, double *sorted, size_t n)
{
	double sum = 0, sum_so_far = 0;
	size_t i = 0;

	memcpy(sorted, score, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, descending);
	for (size_t k = 0; k < n; k++)
		sum += sorted[k];
	if (sum <= 0)
		return 0;
	while ((sum_so_far += sorted[i]) / sum < part && i + 1 < n)
		i++;
	return sorted[i];
}
