#include "match/assignment_topk.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>

double topk_least_unlisted(const struct distances *d, size_t i)
{
	if (d->k == d->col.n)
		return INFINITY;
	if (d->beyond)
		return (double)d->beyond[i];
	return d->k ? (double)d->dist[i * d->k + d->k - 1] : -INFINITY;
}

struct candidates *topk_lists(const struct distances *d, bool flipped)
{
	size_t rows = d->row.n, n = flipped ? d->col.n : rows, pairs = rows * d->k;
	size_t *count = xcalloc(n, sizeof *count);
	struct candidates *of = xcalloc(n + 1, sizeof *of);
	double least = INFINITY;

	for (size_t i = 0; i < rows; i++)
		least = fmin(least, topk_least_unlisted(d, i));
	for (size_t e = 0; e < pairs; e++)
		count[flipped ? d->at[e] : e / d->k]++;
	for (size_t x = 0; x < n; x++) {
		of[x].at = xalloc(count[x], sizeof *of[x].at);
		of[x].beyond = flipped ? least : topk_least_unlisted(d, x);
	}
	for (size_t e = 0; e < pairs; e++) {
		uint32_t i = (uint32_t)(e / d->k), j = d->at[e];
		struct candidates *to = &of[flipped ? j : i];
		if (d->dist[e] < INFINITY)
			to->at[to->n++] = (struct candidate){
				(double)d->dist[e], d->dist[e], flipped ? i : j};
	}
	for (size_t x = 0; x < n && flipped; x++)
		candidates_sort(of[x].at, of[x].n);
	free(count);
	return of;
}

double topk_worst_cost(const struct distances *d)
{
	double low = 0, high = 0;

	for (size_t e = 0; e < d->row.n * d->k; e++) {
		low = fmin(low, (double)d->dist[e]);
		high = d->dist[e] < INFINITY ? fmax(high, (double)d->dist[e]) : high;
	}
	return high + (double)(d->row.n + d->col.n) * (high - low) + 1;
}

static void add_open(struct open_pairs *open, size_t *room, size_t i, size_t j, double least,
	double below)
{
	if (open->n == *room) {
		*room = *room ? 2 * *room : 1024;
		open->row = xrealloc(open->row, *room, sizeof *open->row);
		open->col = xrealloc(open->col, *room, sizeof *open->col);
		open->least = xrealloc(open->least, *room, sizeof *open->least);
		open->below = xrealloc(open->below, *room, sizeof *open->below);
	}
	open->row[open->n] = (uint32_t)i;
	open->col[open->n] = (uint32_t)j;
	open->least[open->n] = (float)least;
	open->below[open->n] = (float)below;
}

struct open_pairs open_pairs_of(const struct distances *d, const double *row_dual,
	const double *col_dual, bool list)
{
	size_t room = 0;
	struct open_pairs open = {0};
	size_t *given = xcalloc(d->col.n, sizeof *given);	/* in which row, plus one */

	for (size_t i = 0; i < d->row.n; i++) {
		double least = topk_least_unlisted(d, i), asked = least - row_dual[i];
		double rounding = 1e-12 * fabs(row_dual[i]);
		for (size_t k = 0; k < d->k; k++)
			given[d->at[i * d->k + k]] = i + 1;
		for (size_t j = 0; j < d->col.n; j++) {		/* u_i + v_j > least */
			if (col_dual[j] - asked <= rounding || given[j] == i + 1)
				continue;
			if (list)
				add_open(&open, &room, i, j, least, row_dual[i] + col_dual[j]);
			open.n++;
		}
	}
	free(given);
	return open;
}

void open_pairs_free(struct open_pairs *open)
{
	free(open->row);
	free(open->col);
	free(open->least);
	free(open->below);
}
