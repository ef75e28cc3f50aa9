#include "match/chance.h"

#include "base/die.h"
#include "kernel/assign.h"

#include <math.h>
#include <stdlib.h>

/* The nearest and its distance. */
struct nearest {
	float dist;
	uint32_t of;
};

static struct nearest *begin(size_t n)
{
	struct nearest *a = xalloc(n, sizeof *a);

	for (size_t i = 0; i < n; i++)
		a[i] = (struct nearest){INFINITY, UNASSIGNED};
	return a;
}

static inline void take(struct nearest *a, float x, uint32_t of)
{
	if (x < a->dist)
		*a = (struct nearest){x, of};
}

/* Row i and column j of the distance that stands at place b of line a, e in all. */
static inline void place(const struct distances *d, size_t a, size_t b, size_t e, size_t *i,
	size_t *j)
{
	*i = d->turned ? b : a;
	*j = d->turned ? a : d->at ? d->at[e] : b;
}

static int ascending(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

size_t second_nearest(float *second, const struct distances *d)
{
	size_t outer = d->turned ? d->col.n : d->row.n, inner = d->turned ? d->row.n : d->k, n = 0;
	size_t i, j;
	struct nearest *row = begin(d->row.n), *col = begin(d->col.n), *next = begin(d->row.n);

	if (d->k > 1) {
		for (size_t a = 0, e = 0; a < outer; a++)
			for (size_t b = 0; b < inner; b++, e++) {
				place(d, a, b, e, &i, &j);
				take(&row[i], d->dist[e], (uint32_t)j);
				take(&col[j], d->dist[e], (uint32_t)i);
			}
		for (size_t a = 0, e = 0; a < outer; a++)
			for (size_t b = 0; b < inner; b++, e++) {
				place(d, a, b, e, &i, &j);
				if (col[j].of != i)
					take(&next[i], d->dist[e], (uint32_t)j);
			}
	}
	for (i = 0; i < d->row.n; i++)
		if (row[i].of != UNASSIGNED && col[row[i].of].of == i)
			second[n++] = next[i].dist;
	qsort(second, n, sizeof *second, ascending);
	free(row);
	free(col);
	free(next);
	return n;
}

float chance_ceiling(const float *second, size_t n, double share)
{
	size_t most = (size_t)(share * (double)n + 1e-9);

	return most < n ? nextafterf(second[most], -INFINITY) : INFINITY;
}
