/* Kernel: agglomerative clustering. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stddef.h>
#include <stdint.h>

/* One step of the hierarchy, as scipy.cluster.hierarchy.linkage numbers them: points are clusters
 * 0 .. n-1, and the i-th merge makes cluster n+i of the two clusters a < b. */
struct merge {
	uint32_t a, b, size;
	double height;
};

enum linkage { AVERAGE, COMPLETE };

/* merge (n-1): the hierarchy of n points, lowest merges first; returns how many there are. Clusters
 * at infinite distance never merge, so that fewer than n-1 merges, and a forest, are possible; with
 * either linkage no cluster then holds two points at infinite distance.
 *
 * dist (n, n), symmetric, neither NaN nor negative infinity, its diagonal unused; its content is
 * lost. work: 2 n. Time n^2. */
size_t cluster(struct merge *merge, double *dist, uint32_t *work, size_t n, enum linkage linkage);

/* How many of the merges have a height of at most `height`. */
size_t merges_up_to(const struct merge *merge, size_t merges, double height);

/* label (n): the clusters that stand after the first `merges` merges, numbered in the order of
 * their first point; returns how many there are. work: n + merges. */
size_t cluster_labels(uint32_t *label, const struct merge *merge, uint32_t *work, size_t n,
	size_t merges);

#endif
