/* Kernel: agglomerative clustering. */
#ifndef KERNEL_CLUSTER_H
#define KERNEL_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One step of the hierarchy, as scipy.cluster.hierarchy.linkage numbers them: points are clusters
 * 0 .. n-1, and the i-th merge makes cluster n+i of the two clusters a < b. */
struct merge {
	uint32_t a, b, size;
	double height;
};

/* The distance of two clusters of n and m points: the largest or the mean over their pairs of
 * points, or Ward's: sqrt(2 n m / (n + m)) times the distance of their centroids. The recurrence of
 * Lance and Williams gives Ward's from distances alone; where these are not Euclidean it is taken
 * as the definition. */
enum linkage { WARD, AVERAGE, COMPLETE };

/* What merges must not break, beyond distances: which clusters may unite changes as others do. A
 * cluster is known by one of its points; united() says that b's has taken a's in. */
struct merge_rule {
	bool (*may)(void *context, size_t a, size_t b);
	void (*united)(void *context, size_t a, size_t b);
	void *context;
};

/* merge (n-1): the hierarchy of n points, lowest merges first; returns how many there are. Clusters
 * at infinite distance never merge, so that fewer than n-1 merges, and a forest, are possible; no
 * cluster then holds two points at infinite distance.
 *
 * together (n): points of one number < n begin as one cluster, by merges of height -infinity; those
 * of number n are free; NULL: all are. Without a rule, the nearest two clusters are always next;
 * with one (NULL: none), the nearest two that may unite, and a merge that had to wait is as high as
 * the higher of its parts.
 *
 * dist (n, n), symmetric, neither NaN nor negative infinity, its diagonal unused; its content is
 * lost. work: 3 n. Time n^2, with a rule n^2 in practice. */
size_t cluster(struct merge *merge, double *dist, uint32_t *work, size_t n, enum linkage linkage,
	const uint32_t *together, const struct merge_rule *rule);

/* How many of the merges have a height of at most `height`. */
size_t merges_up_to(const struct merge *merge, size_t merges, double height);

/* label (n): the clusters that stand after the first `merges` merges, numbered in the order of
 * their first point; returns how many there are. work: n + merges. */
size_t cluster_labels(uint32_t *label, const struct merge *merge, uint32_t *work, size_t n,
	size_t merges);

#endif
