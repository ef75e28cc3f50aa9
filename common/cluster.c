#include "cluster.h"

#include <math.h>

/* The distance from a cluster to the union of two others, at x and y from it, of sizes n and m
 * (Lance and Williams 1967). Written so that rounding never makes it less than the smaller of both:
 * merges then keep the order of their heights. */
static double update(double x, double y, size_t n, size_t m, enum linkage linkage)
{
	double low = x < y ? x : y, high = x < y ? y : x;

	if (linkage == COMPLETE || isinf(high))
		return high;
	return low + (high - low) * ((double)(x < y ? m : n) / (double)(n + m));
}

/* The nearest cluster to i, n when all are at infinite distance; `preferred` wins ties, which keeps
 * the chain from going in circles. */
static size_t nearest(const double *dist, const uint32_t *size, size_t n, size_t i,
	size_t preferred)
{
	size_t best = preferred;
	double least = preferred < n ? dist[i * n + preferred] : INFINITY;

	for (size_t j = 0; j < n; j++)
		if (size[j] > 0 && j != i && dist[i * n + j] < least) {
			least = dist[i * n + j];
			best = j;
		}
	return best;
}

/* Cluster b takes a in. */
static void unite(double *dist, uint32_t *size, size_t n, size_t a, size_t b, enum linkage linkage)
{
	for (size_t j = 0; j < n; j++)
		if (size[j] > 0 && j != a && j != b)
			dist[b * n + j] = dist[j * n + b] = update(dist[a * n + j], dist[b * n + j],
				size[a], size[b], linkage);
	size[b] += size[a];
	size[a] = 0;
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

/* The nearest-neighbour chain (Murtagh 1983; Müllner 2011, fig. 3): follow nearest neighbours until
 * two clusters are each other's, and merge these. Right for linkages whose update never comes below
 * both of its distances. */
size_t cluster(struct merge *merge, double *dist, uint32_t *work, size_t n, enum linkage linkage)
{
	uint32_t *size = work, *chain = work + n;
	size_t merges = 0, length = 0, start = 0;

	for (size_t i = 0; i < n; i++)
		size[i] = 1;
	while (length > 0 || start < n) {
		if (length == 0 && size[start] == 0) {
			start++;
			continue;
		}
		if (length == 0)
			chain[length++] = (uint32_t)start;
		size_t tip = chain[length - 1], before = length > 1 ? chain[length - 2] : n;
		size_t next = nearest(dist, size, n, tip, before);
		if (next == n) {		/* alone for good */
			length = 0;
			start++;
		} else if (next != before) {
			chain[length++] = (uint32_t)next;
		} else {
			double height = dist[tip * n + next];
			unite(dist, size, n, tip, next, linkage);
			merge[merges++] = (struct merge){(uint32_t)tip, (uint32_t)next, size[next],
				height};
			length -= 2;
		}
	}
	sort_merges(merge, merges);
	number_clusters(merge, work, n, merges);
	return merges;
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
