#include "kernel/k_nearest.h"

#include <math.h>

void k_nearest_begin(float *dist, uint32_t *index, size_t k)
{
	for (size_t i = 0; i < k; i++) {
		dist[i] = INFINITY;
		index[i] = UINT32_MAX;
	}
}

void k_nearest_replace(float *dist, uint32_t *index, size_t k, float d, uint32_t j)
{
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < k; at = child) {
		child += child + 1 < k && k_nearest_nearer(dist + child + 1, index + child + 1,
			dist[child], index[child]);
		if (!k_nearest_nearer(dist + child, index + child, d, j))
			break;
		dist[at] = dist[child];
		index[at] = index[child];
	}
	dist[at] = d;
	index[at] = j;
}

void k_nearest_sort(float *dist, uint32_t *index, size_t k)
{
	for (size_t left = k; left-- > 1; ) {		/* a heap sort: the farthest goes last */
		float d = dist[left];
		uint32_t j = index[left];
		dist[left] = dist[0];
		index[left] = index[0];
		k_nearest_replace(dist, index, left, d, j);
	}
}
