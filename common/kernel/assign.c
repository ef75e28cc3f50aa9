#include "kernel/assign.h"

#include "kernel/dijkstra.h"

#include <math.h>

/* -- Augmenting row reduction ------------------------------------------------------------------ */

/* first = min_j c_ij - v_j, and the next. The second may stand for what is not listed, or for the
 * row being left alone; `other` is then NULL. */
struct two_cheapest {
	double first, second;
	const struct candidate *one, *other;
};

static struct two_cheapest two_cheapest(const struct assignment *a, size_t i)
{
	const struct candidates *of = &a->of[i];
	double limit = of->beyond < a->ceiling ? of->beyond : a->ceiling;
	struct two_cheapest s = {INFINITY, limit, NULL, NULL};

	for (size_t k = 0; k < of->n && of->at[k].key < s.second; k++) {
		const struct candidate *c = &of->at[k];
		double d = (double)c->cost - a->v[c->col];
		if (d >= s.second)
			continue;
		if (d < s.first) {
			if (s.one)
				s.second = s.first, s.other = s.one;
			s.first = d, s.one = c;
		} else {
			s.second = d, s.other = c;
		}
	}
	return s;
}

/* Gives every free row its cheapest column j, at a price at which the second cheapest is as good:
 *
 *	v_j -= second - first
 *
 * The row that loses column j tries again at once if the price fell, `patience` times in all;
 * otherwise it waits. Returns the rows still free. */
static size_t row_reduction(const struct assignment *a, uint32_t *rows, size_t count,
	size_t patience)
{
	size_t waiting = 0;

	for (size_t k = 0; k < count; ) {
		uint32_t i = rows[k++];
		struct two_cheapest s = two_cheapest(a, i);
		if (!s.one) {
			rows[waiting++] = i;
			continue;
		}
		double step = s.second < INFINITY ? s.second - s.first : 0;
		double price = a->v[s.one->col] - step;
		/* false as well when rounding swallows the step */
		bool fell = price < a->v[s.one->col];
		bool yields = !fell && s.other && a->row_of[s.one->col] != UNASSIGNED;
		const struct candidate *c = yields ? s.other : s.one;
		uint32_t j = c->col, loser = a->row_of[j];
		if (loser != UNASSIGNED && !fell) {
			rows[waiting++] = i;
			continue;
		}
		if (fell)
			a->v[j] = price;
		a->row_of[j] = i;
		a->col_of[i] = j;
		a->paid[i] = c->cost;
		if (loser == UNASSIGNED)
			continue;
		a->col_of[loser] = UNASSIGNED;
		if (patience > 0) {
			patience--;
			rows[--k] = loser;
		} else {
			rows[waiting++] = loser;
		}
	}
	return waiting;
}

/* -- Shortest augmenting paths ----------------------------------------------------------------- */

/* Where the shortest path ends, and how long it is: row `row` takes the free column `col`, or is
 * left alone. */
struct path_end {
	double dist;
	uint32_t col, row;
};

/* A search for a free column. Items j < m are columns; m + i stands for what is not listed of row
 * i. */
struct path {
	struct search search;
	double *shift;			/* (n): by row r, column j is shift_r + c_rj - v_j away */
	uint32_t *from;			/* (m): the row r that j was reached by, ... */
	float *pay;			/* ... and c_rj */
	uint32_t *closed;		/* (m): columns, nearest first */
};

/* d_j = min(d_j, shift_i + c_ij - v_j) for all columns j of row i. */
static void relax_row(const struct assignment *a, struct path *p, uint32_t i, struct path_end *end)
{
	const struct candidates *of = &a->of[i];
	double shift = p->shift[i];

	if (shift + a->ceiling < end->dist)
		*end = (struct path_end){shift + a->ceiling, UNASSIGNED, i};
	for (size_t k = 0; k < of->n && shift + of->at[k].key < end->dist; k++) {
		uint32_t j = of->at[k].col;
		double d = shift + (double)of->at[k].cost - a->v[j];
		if (d >= end->dist || !search_improves(&p->search, j, d))
			continue;
		p->from[j] = i;
		p->pay[j] = of->at[k].cost;
		if (a->row_of[j] == UNASSIGNED)
			*end = (struct path_end){d, j, i};
		else
			search_offer(&p->search, j, d);
	}
	if (shift + of->beyond < end->dist)
		search_offer(&p->search, (uint32_t)(a->m + i), shift + of->beyond);
}

/* From free row i to the nearest end. Returns the number of columns closed. */
static size_t shortest_path(const struct assignment *a, uint32_t i, struct path *p,
	struct path_end *end)
{
	size_t closed = 0;

	p->shift[i] = 0;
	relax_row(a, p, i, end);
	while (search_radius(&p->search) < end->dist) {
		uint32_t x = search_close_nearest(&p->search), r;
		if (x >= a->m) {
			r = x - (uint32_t)a->m;
			if (!a->more || !a->more(a->context, r, a->v))
				continue;
		} else {	/* on to the row r that has column x, at reduced cost 0 */
			p->closed[closed++] = x;
			r = a->row_of[x];
			p->shift[r] = p->search.dist[x] - ((double)a->paid[r] - a->v[x]);
		}
		relax_row(a, p, r, end);
	}
	return closed;
}

/* Gives row i a column along the shortest path, and keeps the duals feasible. */
static bool augment(const struct assignment *a, uint32_t i, struct path *p)
{
	struct path_end end = {INFINITY, UNASSIGNED, i};
	size_t closed = shortest_path(a, i, p, &end);

	for (size_t k = 0; k < closed; k++)	/* v_j += d_j - d_end */
		a->v[p->closed[k]] -= end.dist - p->search.dist[p->closed[k]];
	search_forget(&p->search);
	if (end.dist == INFINITY)
		return false;
	uint32_t j = end.col, r = UNASSIGNED;
	if (j == UNASSIGNED) {		/* row end.row is left alone, and gives up its column */
		r = end.row;
		j = a->col_of[r];
		a->col_of[r] = UNASSIGNED;
	}
	while (r != i) {		/* back along the path: row r takes j, gives up `left` */
		r = p->from[j];
		uint32_t left = a->col_of[r];
		a->row_of[j] = r;
		a->col_of[r] = j;
		a->paid[r] = p->pay[j];
		j = left;
	}
	return true;
}

size_t assign_workspace(size_t n, size_t m)
{
	return search_workspace(n + m) + n + (3 * m + n + 1) / 2;
}

bool assign(const struct assignment *a, double *workspace)
{
	size_t n = a->n, m = a->m, left = n;
	struct path p = {.search = search_in(workspace, n + m),
		.shift = workspace + search_workspace(n + m)};
	uint32_t *rows = (uint32_t *)(p.shift + n);

	p.from = rows + n;
	p.closed = p.from + m;
	p.pay = (float *)(p.closed + m);
	for (size_t j = 0; j < m; j++) {
		a->v[j] = 0;
		a->row_of[j] = UNASSIGNED;
	}
	for (size_t i = 0; i < n; i++) {
		a->col_of[i] = UNASSIGNED;
		rows[i] = (uint32_t)i;
	}
	for (int pass = 0; pass < 2; pass++)
		left = row_reduction(a, rows, left, 8 * n);
	for (size_t k = 0; k < left; k++)
		if (!augment(a, rows[k], &p))
			return false;
	for (size_t i = 0; i < n; i++)			/* u_i = c_ij - v_j */
		a->u[i] = a->col_of[i] == UNASSIGNED ? a->ceiling
			: (double)a->paid[i] - a->v[a->col_of[i]];
	return true;
}
