/* Kernel: the k nearest of many, (dist, index) each, in a heap whose first is the farthest. Of
 * equal distances the lower index is nearer, so that the order in which they come does not matter.
 * A place that is not taken yet is (infinite, UINT32_MAX). */
#ifndef KERNEL_K_NEAREST_H
#define KERNEL_K_NEAREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void k_nearest_begin(float *dist, uint32_t *index, size_t k);

/* Is this one nearer than the farthest of them? */
static inline bool k_nearest_nearer(const float *dist, const uint32_t *index, float d, uint32_t j)
{
	return d < *dist || (d == *dist && j < *index);
}

/* It takes the place of the farthest. */
void k_nearest_replace(float *dist, uint32_t *index, size_t k, float d, uint32_t j);

/* The nearest first; a heap no more. */
void k_nearest_sort(float *dist, uint32_t *index, size_t k);

#endif
