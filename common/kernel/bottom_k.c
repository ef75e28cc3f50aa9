#include "kernel/bottom_k.h"

#include <math.h>
#include <stdbool.h>

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

double token_uniform(uint64_t seed, uint64_t salt, uint32_t token)
{
	return ((double)(mix(mix(seed + salt) + token + 1) >> 12) + 0.5) * 0x1p-52;
}

static bool before(const struct kept *a, const struct kept *b)
{
	return a->rank < b->rank || (a->rank == b->rank && a->token < b->token);
}

static void sift_down(struct kept *heap, size_t n, struct kept x)
{
	size_t i = 0;

	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && before(&heap[c], &heap[c + 1]))
			c++;
		if (!before(&x, &heap[c]))
			break;
		heap[i] = heap[c];
	}
	heap[i] = x;
}

size_t keep_smallest(struct kept *heap, size_t n, size_t k, struct kept offered, double *tau,
	struct kept *out)
{
	if (n < k) {
		size_t i = n;
		for (; i > 0 && before(&heap[(i - 1) / 2], &offered); i = (i - 1) / 2)
			heap[i] = heap[(i - 1) / 2];
		heap[i] = offered;
		out->slot = UINT32_MAX;
		return n + 1;
	}
	*out = offered;
	if (before(&offered, &heap[0])) {
		*out = heap[0];
		sift_down(heap, n, offered);
	}
	if (out->rank < *tau)
		*tau = out->rank;	/* the smallest rank that is not kept */
	return n;
}

/* a^q / P, P = 1 - exp(-a^q tau) */
static double estimate(const struct kept *kept, double power, double tau)
{
	double a = pow((double)kept->activation, power);

	return a / -expm1(-a * tau);
}

void sample_weights(float *weight, const struct kept *kept, size_t n, double power, double tau)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += estimate(&kept[i], power, tau);
	for (size_t i = 0; i < n; i++)
		weight[i] = (float)(estimate(&kept[i], power, tau) / sum);
}
