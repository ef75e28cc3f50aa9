#include "kernel/thirds.h"

#include <math.h>

static bool before(const struct kept *a, const struct kept *b)
{
	return a->rank < b->rank || (a->rank == b->rank && a->token < b->token);
}

static double thrice(const struct kept *x)
{
	return 3 * (double)x->activation;	/* exact */
}

size_t third_place(const struct kept *s, size_t n, float activation)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;
		if (s[middle].activation < activation)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* x is in the lowest third of M >= 3 a, and the fewest others are of the smallest such M. */
static bool needed_lowest(const struct kept *s, size_t n, const struct kept *x, double max,
	size_t k)
{
	double m = fmax(max, thrice(x));
	size_t count = 0;

	for (size_t i = 0; i < n && thrice(&s[i]) <= m && count < k; i++)
		count += before(&s[i], x);
	return count < k;
}

/* x is in the middle third of 3 a / 2 <= M < 3 a. As M grows, things leave the third where M is
 * thrice their activation, and enter it elsewhere: the fewest are at such an M, or the smallest. */
static bool needed_middle(const struct kept *s, size_t n, const struct kept *x, double max,
	size_t k)
{
	size_t low = 0, high = 0, count = 0;

	for (double m = fmax(max, thrice(x) / 2); m < thrice(x); m = thrice(&s[low])) {
		for (; high < n && thrice(&s[high]) <= 2 * m; high++)
			count += before(&s[high], x);
		for (; low < high && thrice(&s[low]) <= m; low++)
			count -= before(&s[low], x);
		if (count < k)
			return true;
	}
	return false;
}

bool third_needed(const struct kept *s, size_t n, const struct kept *x, float max, size_t k)
{
	return needed_lowest(s, n, x, (double)max, k) || needed_middle(s, n, x, (double)max, k);
}

size_t third_smallest(size_t *place, const struct kept *s, size_t n, int third, float max,
	size_t k)
{
	double m = (double)max, over = third == 1 ? m : 0, most = third == 1 ? 2 * m : m;
	size_t got = 0;

	for (size_t i = 0; i < n && k > 0; i++) {
		if (!(thrice(&s[i]) > over && thrice(&s[i]) <= most))
			continue;
		size_t worst = got;
		if (got == k) {
			worst = 0;
			for (size_t j = 1; j < k; j++)
				if (before(&s[place[worst]], &s[place[j]]))
					worst = j;
			if (!before(&s[i], &s[place[worst]]))
				continue;
		}
		place[worst] = i;
		got += got < k;
	}
	return got;
}
