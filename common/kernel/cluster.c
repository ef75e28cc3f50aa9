#include "kernel/cluster.h"

#include <math.h>

/* Clusters while they merge. A cluster is at the place of one of its points. */
struct clusters {
	size_t n;
	double *dist;			/* (n, n), squared for Ward */
	uint32_t *size;			/* (n), 0: gone */
	enum linkage linkage;
	const struct merge_rule *rule;
	struct merge *merge;
	size_t merges;
};

/* The recurrence of Lance and Williams (1967). Clusters of n and m points unite; a third, of k
 * points, is at distance x from the one and y from the other, which are z apart. Its distance from
 * the union is
 *
 *	complete	max(x, y)
 *	average		(n x + m y) / (n + m)
 *	Ward		((n + k) x + (m + k) y - k z) / (n + m + k)	of squared distances
 *
 * It is written so that rounding never makes it less than the smaller of x and y where these are no
 * nearer than z: merges then keep the order of their heights. */
static double update(double x, double y, double z, size_t n, size_t m, size_t k,
	enum linkage linkage)
{
	double low = x < y ? x : y, high = x < y ? y : x;

	if (linkage == COMPLETE || isinf(high))
		return high;
	if (linkage == AVERAGE)
		return low + (high - low) * ((double)(x < y ? m : n) / (double)(n + m));
	if (isinf(z))
		return INFINITY;
	double ward = ((double)(n + k) * x + (double)(m + k) * y - (double)k * z)
		/ (double)(n + m + k);
	return fmax(ward, z <= low ? low : 0);
}

/* The nearest cluster to i that it may unite with, n when there is none at a finite distance.
 * `preferred` wins ties, which keeps the chain from going in circles. */
static size_t nearest(const struct clusters *c, size_t i, size_t preferred)
{
	size_t best = preferred;
	const double *dist = c->dist + i * c->n;
	double least = preferred < c->n ? dist[preferred] : INFINITY;

	for (size_t j = 0; j < c->n; j++)
		if (dist[j] < least && c->size[j] > 0 && j != i
				&& (!c->rule || c->rule->may(c->rule->context, i, j))) {
			least = dist[j];
			best = j;
		}
	return best;
}

/* Cluster b takes a in. */
static void unite(struct clusters *c, size_t a, size_t b, double height)
{
	double between = c->dist[a * c->n + b];

	for (size_t j = 0; j < c->n; j++)
		if (c->size[j] > 0 && j != a && j != b)
			c->dist[b * c->n + j] = c->dist[j * c->n + b] = update(
				c->dist[a * c->n + j], c->dist[b * c->n + j], between,
				c->size[a], c->size[b], c->size[j], c->linkage);
	c->size[b] += c->size[a];
	c->size[a] = 0;
	c->merge[c->merges++] = (struct merge){(uint32_t)a, (uint32_t)b, c->size[b], height};
	if (c->rule)
		c->rule->united(c->rule->context, a, b);
}

static void unite_together(struct clusters *c, const uint32_t *together, uint32_t *last)
{
	for (size_t i = 0; i < c->n; i++)
		last[i] = (uint32_t)c->n;
	for (size_t i = 0; i < c->n; i++) {
		if (together[i] >= c->n)
			continue;
		if (last[together[i]] < c->n)
			unite(c, last[together[i]], i, -INFINITY);
		last[together[i]] = (uint32_t)i;
	}
}

/* The nearest-neighbour chain (Murtagh 1983; Müllner 2011, fig. 3): follow nearest neighbours
 * until two clusters are each other's, and merge these. Right for linkages whose update never comes
 * below both of its distances. */
static void follow_chain(struct clusters *c, uint32_t *chain)
{
	size_t length = 0, start = 0;

	while (length > 0 || start < c->n) {
		if (length == 0 && c->size[start] == 0) {
			start++;
			continue;
		}
		if (length == 0)
			chain[length++] = (uint32_t)start;
		size_t tip = chain[length - 1], before = length > 1 ? chain[length - 2] : c->n;
		size_t next = nearest(c, tip, before);
		if (next == c->n) {		/* alone for good */
			length = 0;
			start++;
		} else if (next != before) {
			chain[length++] = (uint32_t)next;
		} else {
			unite(c, tip, next, c->dist[tip * c->n + next]);
			length -= 2;
		}
	}
}

/* The cluster whose nearest is nearest, n when none has one. */
static size_t next_to_merge(const struct clusters *c, const uint32_t *near)
{
	size_t best = c->n;
	double least = INFINITY;

	for (size_t i = 0; i < c->n; i++)
		if (c->size[i] > 0 && near[i] < c->n && c->dist[i * c->n + near[i]] < least) {
			least = c->dist[i * c->n + near[i]];
			best = i;
		}
	return best;
}

/* Under a rule: always the nearest two that may unite. A merge changes the distances of the merged
 * cluster only and allows nothing but to it, so only its own nearest is looked up at once. A
 * cluster whose nearest was merged keeps the union as its nearest, at the old distance, which is a
 * lower bound. One that may no longer unite with its nearest keeps it. Both are looked up when
 * their turn comes. The diagonal holds the height of each cluster's highest merge. */
static void merge_nearest(struct clusters *c, uint32_t *near)
{
	size_t n = c->n;

	for (size_t i = 0; i < n; i++) {
		near[i] = (uint32_t)nearest(c, i, n);
		c->dist[i * n + i] = -INFINITY;
	}
	for (size_t i; (i = next_to_merge(c, near)) < n;) {
		size_t j = near[i];
		double *highest = &c->dist[j * n + j];
		if (c->size[j] == 0 || !c->rule->may(c->rule->context, i, j)) {
			near[i] = (uint32_t)nearest(c, i, n);
			continue;
		}
		*highest = fmax(c->dist[i * n + j], fmax(c->dist[i * n + i], *highest));
		for (size_t k = 0; k < n; k++)
			if (k != i && near[k] == j) {
				c->dist[k * n + i] = c->dist[k * n + j];
				near[k] = (uint32_t)i;
			}
		unite(c, i, j, *highest);
		near[j] = (uint32_t)nearest(c, j, n);
	}
}

/* By height, equal ones in the order in which they were found: a cluster is then made before it is
 * merged. */
static void sort_merges(struct merge *merge, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct merge m = merge[i];
		size_t j = i;
		for (; j > 0 && merge[j - 1].height > m.height; j--)
			merge[j] = merge[j - 1];
		merge[j] = m;
	}
}

/* From places in the matrix to cluster numbers. A merge of a and b leaves the cluster at b. */
static void number_clusters(struct merge *merge, uint32_t *cluster_at, size_t n, size_t merges)
{
	for (size_t i = 0; i < n; i++)
		cluster_at[i] = (uint32_t)i;
	for (size_t i = 0; i < merges; i++) {
		uint32_t a = cluster_at[merge[i].a], b = cluster_at[merge[i].b];
		cluster_at[merge[i].b] = (uint32_t)(n + i);
		merge[i].a = a < b ? a : b;
		merge[i].b = a < b ? b : a;
	}
}

size_t cluster(struct merge *merge, double *dist, uint32_t *work, size_t n, enum linkage linkage,
	const uint32_t *together, const struct merge_rule *rule)
{
	struct clusters c = {n, dist, work, linkage, rule, merge, 0};
	uint32_t *other = work + n;

	for (size_t i = 0; i < n; i++)
		c.size[i] = 1;
	for (size_t i = 0; i < n * n && linkage == WARD; i++)
		dist[i] *= dist[i];
	if (together)
		unite_together(&c, together, other);
	if (rule)
		merge_nearest(&c, other);
	else
		follow_chain(&c, other);
	for (size_t i = 0; i < c.merges && linkage == WARD; i++)
		if (merge[i].height > 0)
			merge[i].height = sqrt(merge[i].height);
	sort_merges(merge, c.merges);
	number_clusters(merge, other, n, c.merges);
	return c.merges;
}

size_t merges_up_to(const struct merge *merge, size_t merges, double height)
{
	size_t n = 0;

	while (n < merges && merge[n].height <= height)
		n++;
	return n;
}

size_t cluster_labels(uint32_t *label, const struct merge *merge, uint32_t *work, size_t n,
	size_t merges)
{
	uint32_t *root = work;		/* the cluster that holds it in the end; then its label */
	size_t labels = 0;

	for (size_t i = 0; i < n + merges; i++)
		root[i] = (uint32_t)i;
	for (size_t i = merges; i-- > 0;)
		root[merge[i].a] = root[merge[i].b] = root[n + i];
	for (size_t i = 0; i < n; i++) {
		uint32_t r = root[i];
		if (root[r] == r)
			root[r] = (uint32_t)labels++;
		label[i] = root[r];
	}
	return labels;
}
