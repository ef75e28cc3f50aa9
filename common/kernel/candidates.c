#include "kernel/candidates.h"

#include "base/simd.h"

#include <math.h>
#include <stdbool.h>

enum { STRIP = CANDIDATE_STRIP, SHORT = 16 };

/* -- Sorting and selection --------------------------------------------------------------------- */

static bool nearer(const struct candidate *x, const struct candidate *y)
{
	return x->key < y->key || (x->key == y->key && x->col < y->col);
}

static void swap(struct candidate *x, struct candidate *y)
{
	struct candidate z = *x;

	*x = *y;
	*y = z;
}

/* Puts one where it belongs, the nearer before it; returns its place. No branch depends on the
 * keys. n >= 3 */
static size_t partition(struct candidate *at, size_t n)
{
	struct candidate *middle = &at[n / 2], *last = &at[n - 1], pivot;
	size_t place = 0;

	if (nearer(last, middle))		/* at[0] = the median of three */
		swap(last, middle);
	if (nearer(at, middle))
		swap(at, middle);
	if (nearer(last, at))
		swap(at, last);
	pivot = at[0];
	for (size_t k = 1; k < n; k++) {
		double key = at[k].key;
		uint32_t col = at[k].col;
		swap(&at[k], &at[place + 1]);
		place += (key < pivot.key) | ((key == pivot.key) & (col < pivot.col));
	}
	swap(at, &at[place]);
	return place;
}

static void insertion_sort(struct candidate *at, size_t n)
{
	for (size_t k = 1; k < n; k++) {
		struct candidate x = at[k];
		size_t to = k;
		for (; to > 0 && nearer(&x, &at[to - 1]); to--)
			at[to] = at[to - 1];
		at[to] = x;
	}
}

void candidates_sort(struct candidate *at, size_t n)
{
	while (n > SHORT) {
		size_t place = partition(at, n), after = n - place - 1;
		if (place < after) {
			candidates_sort(at, place);
			at += place + 1, n = after;
		} else {
			candidates_sort(at + place + 1, after);
			n = place;
		}
	}
	insertion_sort(at, n);
}

/* Brings the `count` nearest to the front. */
static void select_nearest(struct candidate *at, size_t n, size_t count)
{
	while (n > SHORT && count > 0 && count < n) {
		size_t place = partition(at, n);
		if (place >= count) {
			n = place;
		} else {
			at += place + 1, n -= place + 1;
			count -= place + 1;
		}
	}
	if (n <= SHORT && count < n)
		insertion_sort(at, n);
}

/* -- Rows -------------------------------------------------------------------------------------- */

MULTIVERSION
static size_t first_below(const float *cost, const double *v, size_t j, size_t end, double limit)
{
	for (; j + STRIP <= end; j += STRIP) {
		int64_t any = 0;	/* as wide as a double: gcc makes vectors of it */
		for (size_t k = 0; k < STRIP; k++)
			any |= (double)cost[j + k] - v[j + k] < limit ? -1 : 0;
		if (any)
			break;
	}
	return j;
}

size_t next_below(const float *cost, const double *v, size_t j, size_t end, double limit)
{
	return first_below(cost, v, j, end, limit);
}

/* least_g = min over j = g, g + groups, g + 2 groups, ... of c_j - v_j */
MULTIVERSION
static void group_least(double *least, size_t groups, const float *cost, const double *v, size_t m)
{
	for (size_t g = 0; g < groups; g++)
		least[g] = (double)cost[g] - v[g];
	for (size_t j = groups; j < m; j += groups) {
		size_t n = m - j < groups ? m - j : groups;
		for (size_t g = 0; g < n; g++) {
			double key = (double)cost[j + g] - v[j + g];
			least[g] = key < least[g] ? key : least[g];
		}
	}
}

/* The `count`-th least of the least of four times as many groups, or of twice: no fewer keys are as
 * small, and few more. */
static double threshold(size_t count, const float *cost, const double *v, size_t m,
	struct candidate *scratch, double *least)
{
	size_t groups = 8 * count <= m ? 4 * count : 2 * count;

	if (groups > m / 2)
		return INFINITY;
	group_least(least, groups, cost, v, m);
	for (size_t g = 0; g < groups; g++)
		scratch[g] = (struct candidate){least[g], 0, (uint32_t)g};
	select_nearest(scratch, groups, count);
	double worst = -INFINITY;
	for (size_t k = 0; k < count; k++)
		worst = scratch[k].key > worst ? scratch[k].key : worst;
	return nextafter(worst, INFINITY);
}

size_t cheapest_workspace(size_t m)
{
	return 2 * m + m / 2;
}

void cheapest_of_row(struct candidates *of, size_t count, const float *cost, const double *v,
	size_t m, size_t first, double *workspace)
{
	struct candidate *scratch = (struct candidate *)workspace;
	double limit = threshold(count, cost, v, m, scratch, workspace + 2 * m);
	size_t n = 0;

	for (size_t j = 0; (j = next_below(cost, v, j, m, limit)) < m; ) {
		size_t stop = j + STRIP < m ? j + STRIP : m;
		for (; j < stop; j++) {
			double key = (double)cost[j] - v[j];
			uint32_t place = (uint32_t)(j < first ? j + m - first : j - first);
			if (key < limit)
				scratch[n++] = (struct candidate){key, cost[j], place};
		}
	}
	select_nearest(scratch, n, count);
	of->n = n < count ? n : count;
	candidates_sort(scratch, of->n);
	for (size_t k = 0; k < of->n; k++) {
		size_t j = scratch[k].col + first;
		of->at[k] = scratch[k];
		of->at[k].col = (uint32_t)(j < m ? j : j - m);
	}
	of->beyond = count < m && n >= count && count > 0 ? of->at[count - 1].key : INFINITY;
}

/* -- Columns ----------------------------------------------------------------------------------- */

/* Keeps the `count` nearest, and says what the others have at least. */
static double keep_nearest(struct candidates *of, size_t count)
{
	double farthest = -INFINITY;

	if (of->n < count)
		return INFINITY;
	select_nearest(of->at, of->n, count);
	of->n = count;
	for (size_t k = 0; k < count; k++)
		farthest = of->at[k].key > farthest ? of->at[k].key : farthest;
	return farthest;
}

/* The first column from j on, in steps of a strip, where one of a strip has c_j - u < limit_j. */
MULTIVERSION
static size_t next_within(const float *cost, double u, const double *limit, size_t j, size_t end)
{
	for (; j + STRIP <= end; j += STRIP) {
		int64_t any = 0;
		for (size_t k = 0; k < STRIP; k++)
			any |= (double)cost[j + k] - u < limit[j + k] ? -1 : 0;
		if (any)
			break;
	}
	return j;
}

void cheapest_of_columns(struct candidates *of, size_t count, const float *cost, const double *u,
	size_t n, size_t m, size_t columns, double *limit)
{
	for (size_t j = 0; j < columns; j++) {
		of[j].n = 0;
		limit[j] = INFINITY;
	}
	for (size_t i = 0; i < n; i++, cost += m)
		for (size_t j = 0; (j = next_within(cost, u[i], limit, j, columns)) < columns; ) {
			size_t stop = j + STRIP < columns ? j + STRIP : columns;
			for (; j < stop; j++) {
				double key = (double)cost[j] - u[i];
				if (!(key < limit[j]))
					continue;
				of[j].at[of[j].n++] = (struct candidate){key, cost[j], (uint32_t)i};
				if (of[j].n == 2 * count)
					limit[j] = keep_nearest(&of[j], count);
			}
		}
	for (size_t j = 0; j < columns; j++) {
		of[j].beyond = count < n ? keep_nearest(&of[j], count) : INFINITY;
		candidates_sort(of[j].at, of[j].n);
	}
}
