#include "distance/token_pairs.h"

#include "base/die.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

struct pair {
	uint32_t col, ways;
	float dist;
};

static int by_column(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->col > y->col) - (x->col < y->col);
}

static struct sparse sparse_for(size_t rows, size_t entries)
{
	return (struct sparse){xcalloc(rows + 1, sizeof(size_t)), xalloc(entries, sizeof(uint32_t)),
		xalloc(entries, sizeof(float))};
}

/* The pairs of all rows, each of them once or twice: those of row i end at end[i]. */
static struct pair *both_ways(size_t *end, const struct near_tokens of[2])
{
	const struct near_tokens *row = &of[0], *col = &of[1];
	struct pair *pair = xalloc(row->n * row->k + col->n * col->k, sizeof *pair);

	for (size_t e = 0; e < row->n * row->k; e++)
		if (row->index[e] != UINT32_MAX)
			end[e / row->k + 1]++;
	for (size_t e = 0; e < col->n * col->k; e++)
		if (col->index[e] != UINT32_MAX)
			end[col->index[e] + 1]++;
	for (size_t i = 1; i <= row->n; i++)
		end[i] += end[i - 1];		/* where row i begins */
	for (size_t e = 0; e < row->n * row->k; e++)
		if (row->index[e] != UINT32_MAX)
			pair[end[e / row->k]++] = (struct pair){row->index[e], 1,
				sqrtf(row->square[e])};
	for (size_t e = 0; e < col->n * col->k; e++)
		if (col->index[e] != UINT32_MAX)
			pair[end[col->index[e]]++] = (struct pair){(uint32_t)(e / col->k), 1,
				sqrtf(col->square[e])};
	return pair;
}

struct token_pairs pairs_of_nearest(const struct near_tokens of[2])
{
	size_t rows = of[0].n, at = 0, *end = xcalloc(rows + 1, sizeof *end);
	struct pair *pair = both_ways(end, of);
	struct token_pairs p = {sparse_for(rows, rows > 0 ? end[rows - 1] : 0),
		xalloc(rows > 0 ? end[rows - 1] : 0, sizeof *p.dist)};

	for (size_t i = 0, k = 0; i < rows; i++, p.weight.indptr[i] = at) {
		qsort(pair + k, end[i] - k, sizeof *pair, by_column);
		for (; k < end[i]; k++)
			if (at > p.weight.indptr[i] && p.weight.index[at - 1] == pair[k].col) {
				p.weight.value[at - 1]++;
			} else {
				p.weight.index[at] = pair[k].col;
				p.dist[at] = pair[k].dist;
				p.weight.value[at++] = 1;
			}
	}
	free(pair);
	free(end);
	return p;
}

struct sparse pairs_of_columns(const uint32_t *column, size_t rows)
{
	struct sparse g = sparse_for(rows, rows);
	size_t at = 0;

	for (size_t i = 0; i < rows; i++) {
		if (column[i] != UINT32_MAX) {
			g.index[at] = column[i];
			g.value[at++] = 1;
		}
		g.indptr[i + 1] = at;
	}
	return g;
}

struct sparse pairs_of_cells(const struct token_cells *c, size_t rows, size_t cols)
{
	size_t *count = xcalloc(2 * (c->n + 1), sizeof *count), *first = count + c->n, entries = 0;
	uint32_t *member = xalloc(cols, sizeof *member);	/* columns by cell, ascending */

	for (size_t j = 0; j < cols; j++)
		first[c->of[1][j]]++;
	for (size_t i = 0; i < rows; i++) {
		count[c->of[0][i]]++;
		entries += first[c->of[0][i]];
	}
	memory_need((double)entries * 8, "more --cells", "%zu pairs of tokens in the same cell",
		entries);
	struct sparse g = sparse_for(rows, entries);
	for (size_t k = 0, sum = 0, n; k <= c->n; k++, sum += n) {
		n = first[k];
		first[k] = sum;
	}
	for (size_t j = 0; j < cols; j++)
		member[first[c->of[1][j]]++] = (uint32_t)j;	/* now first[] ends each cell */
	for (size_t i = 0, at = 0; i < rows; i++, g.indptr[i] = at) {
		size_t cell = c->of[0][i], begin = cell > 0 ? first[cell - 1] : 0;
		double n = (double)count[cell], m = (double)(first[cell] - begin);
		for (size_t k = begin; k < first[cell]; k++) {
			g.index[at] = member[k];
			g.value[at++] = (float)(1 / n + 1 / m);
		}
	}
	free(member);
	free(count);
	return g;
}
