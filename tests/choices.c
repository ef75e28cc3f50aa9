/* What is told of the nearest columns: certify.h, chance.h and assignment_topk.h, against their
 * definitions. Silent when all is well. */
#include "match/assignment_topk.h"
#include "match/certify.h"
#include "match/chance.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 9 };

/* All distances, and the errors of these; and the same as a stream has them. */
static float whole[MOST][MOST], sampling[MOST][MOST];
static float dist[MOST * MOST], error[MOST * MOST], beyond[MOST];
static uint32_t at[MOST * MOST];
static bool given[MOST][MOST];

/* All, in rows or turned; or the k nearest, with what the others are beyond, or without it. Many
 * are equal. */
static struct distances draw(size_t n, size_t m, size_t kind)
{
	struct distances d = {.row.n = n, .col.n = m, .k = kind < 2 ? m : 1 + below(m),
		.dist = dist, .error = error, .at = kind < 2 ? NULL : at, .turned = kind == 1,
		.beyond = kind == 3 ? beyond : NULL};

	for (size_t i = 0; i < n; i++) {
		uint32_t order[MOST];
		for (uint32_t j = 0; j < m; j++) {
			whole[i][j] = below(12) ? (float)below(40) / 8 : INFINITY;
			sampling[i][j] = below(12) ? (float)below(6) / 16 : INFINITY;
			given[i][j] = kind < 2;
			size_t k = j;
			for (; k > 0 && whole[i][order[k - 1]] > whole[i][j]; k--)
				order[k] = order[k - 1];
			order[k] = j;
		}
		for (size_t k = 0; k < d.k; k++) {
			size_t j = kind < 2 ? k : order[k];
			size_t e = d.turned ? k * n + i : i * d.k + k;
			at[e] = (uint32_t)j;
			dist[e] = whole[i][j];
			error[e] = sampling[i][j];
			given[i][j] = true;
		}
		beyond[i] = whole[i][order[d.k - 1]] - (float)below(3) / 8;
	}
	return d;
}

static void certified(const struct distances *d, size_t trial)
{
	for (size_t i = 0; i < d->row.n; i++)
		for (uint32_t j = 0; j < d->col.n; j++) {
			float got, other = INFINITY, other_error = 0;
			size_t known = 0;
			for (size_t o = 0; o < d->col.n; o++) {
				known += given[i][o];
				if (given[i][o] && o != j && whole[i][o] < other) {
					other = whole[i][o];
					other_error = sampling[i][o];
				}
			}
			/* more errors may be those of columns as near: of the first given */
			for (size_t k = 0; k < d->k && d->at; k++)
				if (d->at[i * d->k + k] != j && d->dist[i * d->k + k] == other
						&& other < INFINITY) {
					other_error = d->error[i * d->k + k];
					break;
				}
			if ((d->k == 1 && d->col.n > 1 && given[i][j])
				|| (d->beyond && known < d->col.n && beyond[i] < other))
				other_error = INFINITY;
			if (d->k == 1 && d->col.n > 1 && other == INFINITY)
				other_error = INFINITY;
			float own = given[i][j] ? whole[i][j] : INFINITY;
			float most = fmaxf(given[i][j] ? sampling[i][j] : INFINITY, other_error);
			bool sure = certify_pair(&got, d, i, j);
			check(got == most, "certify_pair: the error", trial);
			check(sure == ((double)other - (double)own > 4 * (double)most),
				"certify_pair", trial);
		}
}

static int ascending(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The nearest column of each row, and row of each column, of those given. */
static void nearest_of(const struct distances *d, size_t *col, size_t *row)
{
	for (size_t i = 0; i < d->row.n; i++)
		col[i] = d->col.n;
	for (size_t j = 0; j < d->col.n; j++)
		row[j] = d->row.n;
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t k = 0; k < d->k; k++) {
			size_t j = d->at ? d->at[i * d->k + k] : k;
			if (whole[i][j] < (col[i] < d->col.n ? whole[i][col[i]] : INFINITY))
				col[i] = j;
			if (whole[i][j] < (row[j] < d->row.n ? whole[row[j]][j] : INFINITY))
				row[j] = i;
		}
}

static void by_chance(const struct distances *d, size_t trial)
{
	float got[MOST], expected[MOST];
	size_t col[MOST], row[MOST], n = 0;

	nearest_of(d, col, row);
	for (size_t i = 0; i < d->row.n && d->k > 1; i++) {
		if (col[i] == d->col.n || row[col[i]] != i)
			continue;
		expected[n] = INFINITY;
		for (size_t j = 0; j < d->col.n; j++)
			if (given[i][j] && row[j] != i)
				expected[n] = fminf(expected[n], whole[i][j]);
		n++;
	}
	qsort(expected, n, sizeof *expected, ascending);
	check(second_nearest(got, d) == n && memcmp(got, expected, n * sizeof *got) == 0,
		"second_nearest", trial);
	for (size_t some = 0; some <= 2 * n; some++) {
		double share = (double)some / (double)(2 * n);
		float ceiling = chance_ceiling(expected, n, n ? share : 1);
		size_t below_it = 0, beyond_it = 0;
		for (size_t k = 0; k < n; k++) {
			below_it += expected[k] <= ceiling;
			beyond_it += expected[k] <= nextafterf(ceiling, INFINITY);
		}
		check(2 * below_it <= some && (2 * beyond_it > some || ceiling == INFINITY)
			&& (some < 2 * n || ceiling == INFINITY), "chance_ceiling", trial);
	}
}

/* Is the pair on the list, with its cost? */
static bool on_list(const struct candidates *of, uint32_t what, float cost)
{
	for (size_t k = 0; k < of->n; k++)
		if (of->at[k].col == what)
			return of->at[k].cost == cost && of->at[k].key == (double)cost;
	return false;
}

static void lists(const struct distances *d, size_t trial)
{
	double low = 0, high = 0, least = INFINITY;
	bool right = true;

	for (size_t i = 0; i < d->row.n; i++) {
		double farthest = d->k == d->col.n ? INFINITY : d->beyond ? (double)beyond[i] : 0;
		for (size_t j = 0; j < d->col.n; j++) {
			if (!given[i][j])
				continue;
			if (d->k < d->col.n && !d->beyond)
				farthest = fmax(farthest, (double)whole[i][j]);
			low = fmin(low, (double)whole[i][j]);
			if (whole[i][j] < INFINITY)
				high = fmax(high, (double)whole[i][j]);
		}
		least = fmin(least, farthest);
		check(topk_least_unlisted(d, i) == farthest, "topk_least_unlisted", trial);
	}
	check(fabs(topk_worst_cost(d) - (high + (double)(d->row.n + d->col.n) * (high - low) + 1))
		< 1e-9, "topk_worst_cost", trial);
	for (int flipped = 0; flipped < 2; flipped++) {
		size_t n = flipped ? d->col.n : d->row.n, all = 0, finite = 0;
		struct candidates *of = topk_lists(d, flipped);
		for (size_t i = 0; i < d->row.n; i++)
			for (size_t j = 0; j < d->col.n; j++)
				if (given[i][j] && whole[i][j] < INFINITY) {
					right &= on_list(&of[flipped ? j : i],
						(uint32_t)(flipped ? i : j), whole[i][j]);
					finite++;
				}
		for (size_t x = 0; x < n; x++) {
			right &= of[x].beyond == (flipped ? least : topk_least_unlisted(d, x));
			for (size_t k = 1; k < of[x].n; k++)
				right &= of[x].at[k - 1].key <= of[x].at[k].key;
			all += of[x].n;
		}
		check(right && all == finite && of[n].n == 0, "topk_lists", trial);
		lists_free(of, n + 1);
	}
}

/* The pairs that are not given and that duals, some of which are just as large, do not exclude. */
static void open_ones(const struct distances *d, size_t trial)
{
	double row[MOST], col[MOST];
	size_t n = 0;
	bool right = true;

	for (size_t i = 0; i < MOST; i++) {
		row[i] = (double)below(20) / 8;
		col[i] = (double)below(20) / 8;
	}
	struct open_pairs counted = open_pairs_of(d, row, col, false);
	struct open_pairs open = open_pairs_of(d, row, col, true);
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t j = 0; j < d->col.n; j++) {
			double least = topk_least_unlisted(d, i);
			if (given[i][j] || !(row[i] + col[j] > least))
				continue;
			right &= n < open.n && open.row[n] == i && open.col[n] == j
				&& (double)open.least[n] == least
				&& (double)open.below[n] == row[i] + col[j];
			n++;
		}
	check(right && open.n == n && counted.n == n && !counted.row, "open_pairs_of", trial);
	open_pairs_free(&open);
	open_pairs_free(&counted);
}

/* More pairs than there is room for at first. */
static void many_open(void)
{
	enum { MANY = 100 };
	static float far[MANY];
	static uint32_t first[MANY];
	static double dual[MANY];
	struct distances d = {.row.n = MANY, .col.n = MANY, .k = 1, .dist = far, .at = first};
	size_t n = 0;
	bool right = true;

	for (size_t i = 0; i < MANY; i++) {
		far[i] = 1;
		dual[i] = 1;
		first[i] = (uint32_t)i;
	}
	struct open_pairs open = open_pairs_of(&d, dual, dual, true);
	for (size_t i = 0; i < MANY; i++)
		for (size_t j = 0; j < MANY; j++)
			if (i != j) {
				right &= open.row[n] == i && open.col[n] == j && open.below[n] == 2;
				n++;
			}
	check(right && open.n == n, "open_pairs_of: many", 0);
	open_pairs_free(&open);
}

int main(void)
{
	for (size_t trial = 0; trial < 2000; trial++) {
		size_t n = 1 + below(MOST), m = 1 + below(MOST);
		struct distances d = draw(n, m, trial % 4);
		certified(&d, trial);
		by_chance(&d, trial);
		if (d.at) {
			lists(&d, trial);
			open_ones(&d, trial);
		}
	}
	many_open();
	return failures > 0;
}
