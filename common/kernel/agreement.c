#include "kernel/agreement.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* How many of the sorted things from i on agree with thing i but for the lowest bits. */
static size_t run(const uint64_t *sorted, size_t i, size_t n, int bits)
{
	size_t k = i;

	while (k < n && sorted[k] >> bits == sorted[i] >> bits)
		k++;
	return k - i;
}

/* Sums over runs of k things: pairs of things, and k ln k. */
struct sums {
	double pairs, log;
};

static struct sums sums_of_runs(const uint64_t *sorted, size_t n, int bits)
{
	struct sums s = {0, 0};

	for (size_t i = 0, length; i < n; i += length) {
		length = run(sorted, i, n, bits);
		double k = (double)length;
		s.pairs += k * (k - 1) / 2;
		s.log += k * log(k);
	}
	return s;
}

static size_t pure(const uint64_t *sorted, size_t n)
{
	size_t all = 0;

	for (size_t i = 0, length; i < n; i += length) {
		size_t most = 0;
		length = run(sorted, i, n, 32);
		for (size_t k = i, same; k < i + length; k += same) {
			same = run(sorted, k, n, 0);
			most = same > most ? same : most;
		}
		all += most;
	}
	return all;
}

/* Homogeneity and completeness are 1 - H(x|y) / H(x) = (H(x) + H(y) - H(x,y)) / H(x), 1 where H(x)
 * is 0. Both arguments are n times that, and so free of n. */
static double explained(double mutual, double entropy)
{
	return entropy > 0 ? mutual / entropy : 1;
}

/* With a_i things in group i, b_j in class j, n_ij in both and C(x) = x (x - 1) / 2:
 *
 *	Hubert and Arabie 1985: (sum C(n_ij) - E) / ((sum C(a_i) + sum C(b_j)) / 2 - E),
 *		E = sum C(a_i) sum C(b_j) / C(n), what is expected by chance
 *	Rosenberg and Hirschberg 2007: 2 h c / (h + c), h = 1 - H(class|group) / H(class),
 *		c = 1 - H(group|class) / H(group), where n H(group) = n ln n - sum a_i ln a_i */
struct agreement agreement(const uint32_t *group, const uint32_t *class, uint64_t *work, size_t n)
{
	struct agreement x = {1, 1, 1};
	double all = (double)n;

	if (n == 0)
		return x;
	for (size_t i = 0; i < n; i++)
		work[i] = class[i];
	qsort(work, n, sizeof *work, ascending);
	struct sums classes = sums_of_runs(work, n, 0);
	for (size_t i = 0; i < n; i++)
		work[i] = (uint64_t)group[i] << 32 | class[i];
	qsort(work, n, sizeof *work, ascending);
	struct sums groups = sums_of_runs(work, n, 32), cells = sums_of_runs(work, n, 0);

	double chance = n > 1 ? groups.pairs * classes.pairs / (all * (all - 1) / 2) : 0;
	double most = (groups.pairs + classes.pairs) / 2;
	if (most > chance)
		x.adjusted_rand = (cells.pairs - chance) / (most - chance);
	x.purity = (double)pure(work, n) / all;

	double whole = all * log(all), mutual = whole - groups.log - classes.log + cells.log;
	double homogeneity = explained(mutual, whole - classes.log);
	double completeness = explained(mutual, whole - groups.log);
	double sum = homogeneity + completeness;
	x.v_measure = sum > 0 ? 2 * homogeneity * completeness / sum : 0;
	return x;
}
