/* The clustering kernel against the plain algorithm: unite the two nearest clusters, repeat. */
#include "cluster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MOST = 60 };

static uint64_t state = 1;

static double uniform(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (double)(state >> 11) * 0x1p-53;
}

/* Mean or largest distance of the points of two clusters. */
static double between(const double *dist, const uint32_t *label, size_t n, uint32_t a, uint32_t b,
	enum linkage linkage)
{
	double sum = 0, most = 0, pairs = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (label[i] == a && label[j] == b) {
				sum += dist[i * n + j];
				most = fmax(most, dist[i * n + j]);
				pairs++;
			}
	return linkage == AVERAGE ? sum / pairs : most;
}

static size_t plain(struct merge *merge, const double *dist, size_t n, enum linkage linkage)
{
	uint32_t label[MOST], alive[2 * MOST];
	size_t clusters = n, merges = 0;

	for (size_t i = 0; i < n; i++)
		label[i] = alive[i] = (uint32_t)i;
	for (;;) {
		struct merge best = {.height = INFINITY};
		for (size_t i = 0; i < clusters; i++)
			for (size_t j = 0; j < clusters; j++) {
				if (alive[i] >= alive[j])
					continue;
				double d = between(dist, label, n, alive[i], alive[j], linkage);
				if (d < best.height)
					best = (struct merge){alive[i], alive[j], 0, d};
			}
		if (isinf(best.height))
			return merges;
		uint32_t made = (uint32_t)(n + merges);
		for (size_t i = 0; i < n; i++)
			if (label[i] == best.a || label[i] == best.b) {
				label[i] = made;
				best.size++;
			}
		size_t kept = 0;
		for (size_t i = 0; i < clusters; i++)
			if (alive[i] != best.a && alive[i] != best.b)
				alive[kept++] = alive[i];
		alive[kept++] = made;
		clusters = kept;
		merge[merges++] = best;
	}
}

static void check_labels(const struct merge *merge, size_t n, size_t merges)
{
	uint32_t label[MOST], work[2 * MOST], naive[MOST];
	size_t labels = cluster_labels(label, merge, work, n, merges);

	assert(labels == n - merges);
	for (size_t i = 0; i < n; i++)
		naive[i] = (uint32_t)i;
	for (size_t m = 0; m < merges; m++)
		for (size_t i = 0; i < n; i++)
			if (naive[i] == merge[m].a || naive[i] == merge[m].b)
				naive[i] = (uint32_t)(n + m);
	uint32_t next = 0;
	for (size_t i = 0; i < n; i++) {
		assert(label[i] <= next);
		next += label[i] == next;
		for (size_t j = 0; j < n; j++)
			assert((label[i] == label[j]) == (naive[i] == naive[j]));
	}
}

static void check(size_t n, double forbidden, size_t values, enum linkage linkage)
{
	static double dist[MOST * MOST], copy[MOST * MOST];
	struct merge merge[MOST], expected[MOST];
	uint32_t work[2 * MOST];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++) {
			double x = values ? floor(uniform() * (double)values) : uniform();
			dist[i * n + j] = dist[j * n + i] = uniform() < forbidden ? INFINITY : x;
		}
	memcpy(copy, dist, n * n * sizeof *copy);
	size_t merges = cluster(merge, copy, work, n, linkage);
	for (size_t i = 0; i < merges; i++) {
		assert(merge[i].a < merge[i].b && merge[i].b < n + i && isfinite(merge[i].height));
		assert(i == 0 || merge[i - 1].height <= merge[i].height);
	}
	assert(merges == 0 || merges_up_to(merge, merges, merge[merges - 1].height) == merges);
	assert(merges == 0 || merges_up_to(merge, merges, merge[0].height - 1) == 0);
	for (size_t m = 0; m <= merges; m++)
		check_labels(merge, n, m);
	if (values)
		return;			/* ties may be broken in another order */
	assert(plain(expected, dist, n, linkage) == merges);
	for (size_t i = 0; i < merges; i++)
		assert(merge[i].a == expected[i].a && merge[i].b == expected[i].b
			&& merge[i].size == expected[i].size
			&& fabs(merge[i].height - expected[i].height) < 1e-12);
}

int main(void)
{
	static const double forbidden[] = {0, .1, .7, 1};

	for (size_t n = 0; n <= MOST; n = n < 5 ? n + 1 : 2 * n)
		for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
			for (size_t repeat = 0; repeat < 20; repeat++) {
				check(n, forbidden[i], 0, AVERAGE);
				check(n, forbidden[i], 0, COMPLETE);
				check(n, forbidden[i], 1 + repeat % 4, AVERAGE);
				check(n, forbidden[i], 1 + repeat % 4, COMPLETE);
			}
	return 0;
}
