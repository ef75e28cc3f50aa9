#include "graph/odd_one_out.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>

enum { STRANGERS = 9 };

/* A sum of distances, of which some are infinite. */
struct sum {
	size_t infinite;
	double finite;
};

static void add(struct sum *x, double distance)
{
	x->infinite += isinf(distance) != 0;
	x->finite += isinf(distance) ? 0 : distance;
}

/* Below 0 when a is less. As near as rounding, or both infinite, they are the same. */
static int compare(struct sum a, struct sum b)
{
	if (a.infinite > 0 || b.infinite > 0)
		return (a.infinite > 0) - (b.infinite > 0);
	if (fabs(a.finite - b.finite) <= 1e-9 * (fabs(a.finite) + fabs(b.finite)))
		return 0;
	return a.finite < b.finite ? -1 : 1;
}

static double choose(size_t n, size_t k)
{
	double ways = k <= n ? 1 : 0;

	for (size_t i = 0; i < k && k <= n; i++)
		ways *= (double)(n - i) / (double)(i + 1);
	return ways;
}

/* How often the member is chosen: none that is nearer may be drawn, and of j that are as near it
 * is one time in j + 1:  sum_j C(equal, j) C(farther, drawn - j) / C(all, drawn) / (j + 1) */
static double how_often(size_t nearer, size_t equal, size_t farther)
{
	size_t all = nearer + equal + farther, drawn = all < STRANGERS ? all : STRANGERS;
	double sum = 0;

	for (size_t j = 0; j <= drawn; j++)
		sum += choose(equal, j) * choose(farther, drawn - j) / (double)(j + 1);
	return sum / choose(all, drawn);
}

/* Holds member i of group k out. to (n): the distances to the other members of the group. */
static void hold_out(struct odd_one_out *x, const int32_t *group, int32_t k, const double *dist,
	const struct sum *to, size_t i, size_t n)
{
	size_t nearer = 0, equal = 0, strangers = 0;

	for (size_t s = 0; s < n; s++) {
		if (group[s] == k)
			continue;
		double d = dist[s * n + i];
		struct sum rest = {to[s].infinite - (isinf(d) != 0),
			to[s].finite - (isinf(d) ? 0 : d)};
		nearer += compare(rest, to[i]) < 0;
		equal += compare(rest, to[i]) == 0;
		strangers++;
	}
	x->found += how_often(nearer, equal, strangers - nearer - equal);
	x->chance += 1 / (1 + fmin(STRANGERS, (double)strangers));
	x->members++;
}

/* Adds the members of group k to x. group (n); dist (n, n); to (n): room. */
static void hold_out_all(struct odd_one_out *x, const int32_t *group, int32_t k,
	const double *dist, struct sum *to, size_t n)
{
	size_t members = 0;

	for (size_t i = 0; i < n; i++)
		members += group[i] == k;
	if (members < 2 || members == n)
		return;
	for (size_t i = 0; i < n; i++) {
		to[i] = (struct sum){0};
		for (size_t j = 0; j < n; j++)
			if (group[j] == k && i != j)
				add(&to[i], dist[i * n + j]);
	}
	for (size_t i = 0; i < n; i++)
		if (group[i] == k)
			hold_out(x, group, k, dist, to, i, n);
}

struct odd_one_out odd_one_out(const struct graph *g, const struct graph_groups *groups,
	const struct node_distances *d)
{
	size_t *row = xalloc(g->nodes * sizeof *row, d->n), n = 0;
	int32_t *group = xalloc(g->nodes, sizeof *group);
	struct odd_one_out x = {0};

	for (uint32_t i = 0; i < g->nodes; i++)
		if (node_distances_rows(row + n * d->n, d, g, i))
			group[n++] = groups->group[i];
	double *dist = node_distances_matrix(d, row, n);
	struct sum *to = xalloc(n, sizeof *to);
	for (size_t k = 0; k < groups->n; k++)
		hold_out_all(&x, group, (int32_t)k, dist, to, n);
	x.found = x.members ? x.found / (double)x.members : NAN;
	x.chance = x.members ? x.chance / (double)x.members : NAN;
	free(to);
	free(dist);
	free(group);
	free(row);
	return x;
}
