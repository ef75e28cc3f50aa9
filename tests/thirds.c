/* The kernel of thirds.h against the plain choice. Silent when all is well. */
#include "kernel/thirds.h"

#include "check.h"

#include <math.h>
#include <string.h>

/* Of a third of the maximum the k smallest ranks, plainly: how many there are, and in *of a sum
 * that tells which. */
static size_t plain_third(uint64_t *of, const struct kept *all, size_t n, int third, float max,
	size_t k)
{
	double low = third == 1 ? (double)max : 0, high = (third == 1 ? 2 : 1) * (double)max;
	size_t got = 0;

	*of = 0;
	for (size_t i = 0; i < n; i++) {
		double a = 3 * (double)all[i].activation;
		size_t before = 0;
		if (!(a > low && a <= high))
			continue;
		for (size_t j = 0; j < n; j++) {
			double b = 3 * (double)all[j].activation;
			before += b > low && b <= high && (all[j].rank < all[i].rank
				|| (all[j].rank == all[i].rank && all[j].token < all[i].token));
		}
		if (before < k) {
			*of += (all[i].token + 1) * 0x9e3779b97f4a7c15u;
			got++;
		}
	}
	return got;
}

/* What third_needed() lets go is never missed, whenever the things end; and little is kept. */
static void thirds(void)
{
	enum { N = 300, K = 6 };
	struct kept all[N], s[N];
	size_t place[K];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t k = 1 + below(K), kept = 0, most = 0;
		float max = 0;
		for (size_t i = 0; i < N; i++) {
			double u = 1 - uniform();
			u = trial % 4 == 0 ? floor(u * 12) + 1 : trial % 4 == 1 ? -log(u) + 0.01
				: trial % 4 == 2 ? u + (double)i / 50 : u + (double)(N - i) / 50;
			all[i] = (struct kept){floor(uniform() * (trial % 3 ? 1e9 : 50)),
				(uint32_t)i, 0, (float)u};
			max = fmaxf(max, all[i].activation);
			if (third_needed(s, kept, &all[i], max, k)) {
				size_t at = third_place(s, kept, all[i].activation);
				memmove(s + at + 1, s + at, (kept++ - at) * sizeof *s);
				s[at] = all[i];
			}
			for (size_t j = kept; j-- > 0 && i % 7 == 0; )
				if (!third_needed(s, kept, &s[j], max, k)) {
					kept--;
					memmove(s + j, s + j + 1, (kept - j) * sizeof *s);
				}
			most = i % 7 == 0 && kept > most ? kept : most;
			for (int third = 1; third < 3 && i % 10 == 0; third++) {
				uint64_t wanted, found = 0;
				size_t n = plain_third(&wanted, all, i + 1, third, max, k);
				check(third_smallest(place, s, kept, third, max, k) == n,
					"thirds: how many", trial);
				for (size_t j = 0; j < n; j++)
					found += (s[place[j]].token + 1) * 0x9e3779b97f4a7c15u;
				check(found == wanted, "thirds: the smallest ranks", trial);
			}
		}
		check(most <= 25 * k, "thirds: little is kept", trial);
	}
}

int main(void)
{
	thirds();
	return failures > 0;
}
