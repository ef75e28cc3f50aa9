#include "kernel/nearest.h"

#include "kernel/assign.h"

#include <math.h>
#include <stdbool.h>

static uint32_t column(const uint32_t *at, size_t i, size_t e, size_t k)
{
	return at ? at[i * k + e] : (uint32_t)e;
}

void nearest_columns(uint32_t *col_of, float *paid, double *margin, const float *cost,
	const uint32_t *at, size_t n, size_t k)
{
	for (size_t i = 0; i < n; i++) {
		const float *row = cost + i * k;
		float first = INFINITY, second = INFINITY;
		col_of[i] = UNASSIGNED;
		for (size_t e = 0; e < k; e++) {
			if (row[e] < first) {
				second = first;
				first = row[e];
				col_of[i] = column(at, i, e, k);
			} else if (row[e] < second) {
				second = row[e];
			}
		}
		paid[i] = first;			/* min_j c_ij */
		/* margin: the second least c_ij less the least */
		margin[i] = second < INFINITY ? (double)second - (double)first : INFINITY;
	}
}

void nearest_mutual(uint32_t *col_of, const float *cost, const uint32_t *at, double *workspace,
	size_t n, size_t k, size_t m)
{
	float *least = (float *)workspace;		/* (m) */
	uint32_t *row_of = (uint32_t *)(least + m);	/* (m): each column's nearest row */

	for (size_t j = 0; j < m; j++)
		least[j] = INFINITY;
	for (size_t i = 0; i < n; i++)
		for (size_t e = 0; e < k; e++) {
			uint32_t j = column(at, i, e, k);
			if (cost[i * k + e] < least[j]) {	/* min_i c_ij */
				least[j] = cost[i * k + e];
				row_of[j] = (uint32_t)i;
			}
		}
	for (size_t i = 0; i < n; i++)		/* the nearest row of i's nearest column is i */
		if (col_of[i] != UNASSIGNED && row_of[col_of[i]] != i)
			col_of[i] = UNASSIGNED;
}

/* A row's best is looked up again when its column was taken, which is when it comes to the row's
 * turn. */
void nearest_greedy(uint32_t *col_of, float *paid, const float *cost, const uint32_t *at,
	double *workspace, size_t n, size_t k, size_t m)
{
	double *best = workspace;		/* (n): when it was looked up; -infinite: not yet */
	uint32_t *best_col = (uint32_t *)(best + n);
	unsigned char *taken = (unsigned char *)(best_col + n);

	for (size_t j = 0; j < m; j++)
		taken[j] = 0;
	for (size_t i = 0; i < n; i++) {
		col_of[i] = best_col[i] = UNASSIGNED;
		best[i] = -INFINITY;
	}
	for (;;) {
		size_t i = 0;
		for (size_t r = 1; r < n; r++)	/* the least is a bound of all left */
			if (best[r] < best[i])
				i = r;
		if (n == 0 || best[i] == INFINITY)
			return;
		if (best_col[i] != UNASSIGNED && !taken[best_col[i]]) {
			col_of[i] = best_col[i];
			paid[i] = (float)best[i];
			taken[col_of[i]] = 1;
			best[i] = INFINITY;
			continue;
		}
		best[i] = INFINITY;
		for (size_t e = 0; e < k; e++) {
			uint32_t j = column(at, i, e, k);
			if (!taken[j] && (double)cost[i * k + e] < best[i]) {
				best[i] = (double)cost[i * k + e];
				best_col[i] = j;
			}
		}
	}
}
