/* The clustering kernel against the plain algorithm: unite the two nearest clusters, repeat. */
#include "kernel/acyclic.h"
#include "kernel/cluster.h"

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

/* The distance of two clusters by its definition. Ward's, of points in space, is that of the
 * centroids, whose square is the mean square between the clusters less half of that within each. */
static double between(const double *dist, const uint32_t *label, size_t n, uint32_t a, uint32_t b,
	enum linkage linkage)
{
	double sum = 0, most = 0, squares = 0, within[2] = {0}, size[2] = {0};

	for (size_t i = 0; i < n; i++) {
		size[0] += label[i] == a;
		size[1] += label[i] == b;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			double d = i == j ? 0 : dist[i * n + j];
			if (label[i] == a && label[j] == b) {
				sum += d;
				squares += d * d;
				most = fmax(most, d);
			}
			for (size_t k = 0; k < 2; k++)
				if (label[i] == (k ? b : a) && label[j] == label[i])
					within[k] += d * d / (2 * size[k] * size[k]);
		}
	double pairs = size[0] * size[1];
	if (linkage != WARD)
		return linkage == AVERAGE ? sum / pairs : most;
	if (isinf(squares))
		return INFINITY;
	return sqrt(2 * pairs / (size[0] + size[1]) * (squares / pairs - within[0] - within[1]));
}

/* A graph whose links go from lower to higher points. */
struct network {
	bool links[MOST][MOST];
};

static bool leads(const struct network *g, const uint32_t *label, size_t n, uint32_t from,
	uint32_t to, size_t steps)
{
	bool led[MOST] = {0};

	for (size_t i = 0; i < n; i++)
		led[i] = label[i] == from;
	for (size_t step = 0; step < steps; step++) {
		bool next[MOST] = {0};
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++)
				if (led[i] && g->links[i][j]
						&& (label[j] == to ? step + 1 == steps
							: label[j] != from))
					for (size_t k = 0; k < n; k++)
						next[k] |= label[k] == label[j];
		memcpy(led, next, sizeof led);
	}
	for (size_t i = 0; i < n; i++)
		if (led[i] && label[i] == to)
			return true;
	return false;
}

/* Would these clusters make a cycle as one? */
static bool cyclic(const struct network *g, const uint32_t *label, size_t n, uint32_t a, uint32_t b)
{
	for (size_t steps = 2; steps <= n; steps++)
		if (leads(g, label, n, a, b, steps) || leads(g, label, n, b, a, steps))
			return true;
	return false;
}

/* `label` begins as the clusters that stand. */
static size_t plain(struct merge *merge, uint32_t *label, const double *dist, size_t n,
	enum linkage linkage, const struct network *network)
{
	double height[2 * MOST];
	size_t merges = 0;

	for (size_t i = 0; i < 2 * n; i++)
		height[i] = -INFINITY;
	for (;;) {
		struct merge best = {.height = INFINITY};
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++) {
				if (label[i] >= label[j])
					continue;
				double d = between(dist, label, n, label[i], label[j], linkage);
				if (d < best.height && !(network
						&& cyclic(network, label, n, label[i], label[j])))
					best = (struct merge){label[i], label[j], 0, d};
			}
		if (isinf(best.height))
			return merges;
		uint32_t made = (uint32_t)(n + merges);
		for (size_t i = 0; i < n; i++)
			if (label[i] == best.a || label[i] == best.b) {
				label[i] = made;
				best.size++;
			}
		height[made] = best.height = fmax(best.height,
			fmax(height[best.a], height[best.b]));
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

static void random_distances(double *dist, size_t n, double forbidden, size_t values)
{
	double at[MOST][3];

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 3; k++)
			at[i][k] = values ? floor(uniform() * (double)values) : uniform();
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++) {
			double x = hypot(hypot(at[i][0] - at[j][0], at[i][1] - at[j][1]),
				at[i][2] - at[j][2]);
			dist[i * n + j] = dist[j * n + i] = uniform() < forbidden ? INFINITY : x;
		}
}

static void check_order(const struct merge *merge, size_t n, size_t merges)
{
	for (size_t i = 0; i < merges; i++) {
		assert(merge[i].a < merge[i].b && merge[i].b < n + i && merge[i].height < INFINITY);
		assert(i == 0 || merge[i - 1].height <= merge[i].height);
	}
	assert(merges == 0 || merges_up_to(merge, merges, merge[merges - 1].height) == merges);
	assert(merges == 0 || merges_up_to(merge, merges, merge[0].height - 1) == 0
		|| isinf(merge[0].height));
	for (size_t m = 0; m <= merges; m++)
		check_labels(merge, n, m);
}

static void check(size_t n, double forbidden, size_t values, enum linkage linkage)
{
	static double dist[MOST * MOST], copy[MOST * MOST];
	struct merge merge[MOST], expected[MOST];
	uint32_t work[3 * MOST], label[MOST];

	random_distances(dist, n, forbidden, values);
	memcpy(copy, dist, n * n * sizeof *copy);
	size_t merges = cluster(merge, copy, work, n, linkage, NULL, NULL);
	check_order(merge, n, merges);
	if (values)
		return;			/* ties may be broken in another order */
	for (size_t i = 0; i < n; i++)
		label[i] = (uint32_t)i;
	assert(plain(expected, label, dist, n, linkage, NULL) == merges);
	for (size_t i = 0; i < merges; i++)
		assert(merge[i].a == expected[i].a && merge[i].b == expected[i].b
			&& merge[i].size == expected[i].size
			&& fabs(merge[i].height - expected[i].height) < 1e-12);
}

static bool may(void *context, size_t a, size_t b)
{
	return acyclic_may_unite(context, a, b);
}

static void united(void *context, size_t a, size_t b)
{
	acyclic_unite(context, a, b);
}

/* Do two merges of clusters end in the same partition? */
static void check_same(const struct merge *merge, size_t merges, const uint32_t *expected, size_t n)
{
	uint32_t label[MOST], work[2 * MOST];

	cluster_labels(label, merge, work, n, merges);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			assert((label[i] == label[j]) == (expected[i] == expected[j]));
}

/* Some points begin together, and no cluster of clusters may make a cycle. */
static void check_rule(size_t n, double linked, double begun, enum linkage linkage, bool ruled)
{
	static double dist[MOST * MOST], copy[MOST * MOST];
	static uint64_t memory[2 * MOST * (MOST / 64 + 1)];
	struct network network = {0};
	struct merge merge[MOST], expected[MOST];
	uint32_t work[3 * MOST], together[MOST], label[MOST];
	uint32_t source[MOST * MOST], target[MOST * MOST];
	size_t link[MOST * MOST], links = 0, first = 0;
	struct acyclic acyclic;

	random_distances(dist, n, .05, 0);
	memcpy(copy, dist, n * n * sizeof *copy);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = i + 1; j < n; j++)
			if (uniform() < linked) {
				source[links] = i, target[links] = j;
				link[links] = links;
				links++;
				network.links[i][j] = true;
			}
	for (size_t i = 0; i < n; i++) {	/* neighbours, so that these make no cycle */
		bool with = i > 0 && uniform() < begun;
		label[i] = with ? label[i - 1] : (uint32_t)i;
		together[i] = label[i];
		first += with;
	}
	acyclic_open(&acyclic, memory, source, target, link, n, links);
	struct merge_rule rule = {may, united, &acyclic};
	size_t merges = cluster(merge, copy, work, n, linkage, together, ruled ? &rule : NULL);
	check_order(merge, n, merges);
	for (size_t i = 0; i < merges; i++)
		assert((i < first) == (isinf(merge[i].height) != 0));
	check_same(merge, first, label, n);
	size_t more = plain(expected, label, dist, n, linkage, ruled ? &network : NULL);
	assert(merges == first + more);
	check_same(merge, merges, label, n);
	for (size_t i = 0; i < more; i++)
		assert(fabs(merge[first + i].height - expected[i].height) < 1e-12);
}

int main(void)
{
	static const double forbidden[] = {0, .1, .7, 1};

	for (enum linkage linkage = WARD; linkage <= COMPLETE; linkage++) {
		for (size_t n = 0; n <= MOST; n = n < 5 ? n + 1 : 2 * n)
			for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
				for (size_t repeat = 0; repeat < (n > 20 ? 3 : 20); repeat++) {
					check(n, forbidden[i], 0, linkage);
					check(n, forbidden[i], 1 + repeat % 4, linkage);
				}
		for (size_t repeat = 0; repeat < 60; repeat++) {
			check_rule(1 + repeat % 12, .3, .2 * (double)(repeat % 3), linkage, true);
			check_rule(20, .02 * (double)(repeat % 8), .2 * (double)(repeat % 3),
				linkage, true);
			check_rule(20, 0, .2 * (double)(repeat % 3), linkage, false);
		}
	}
	return 0;
}
