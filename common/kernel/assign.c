#include "kernel/assign.h"

#include <math.h>

/* Dijkstra's algorithm over items 0, 1, ...: how far each is, and a heap of those that are open. */
struct search {
	double *dist;
	uint32_t *heap, *place;		/* place: one more than where it is in the heap; 0: not seen; CLOSED */
	uint32_t *seen;
	size_t open, count;		/* items in the heap; items seen */
};
#define CLOSED UINT32_MAX

static size_t search_workspace(size_t items)
{
	return items + (3 * items + 1) / 2;
}

static struct search search_in(double *workspace, size_t items)
{
	uint32_t *heap = (uint32_t *)(workspace + items);

	for (size_t x = 0; x < items; x++)
		heap[items + x] = 0;
	return (struct search){workspace, heap, heap + items, heap + 2 * items, 0, 0};
}

/* Of equals the later item: unlisted columns (see augment) are looked into before others are closed. */
static bool nearer(const struct search *s, uint32_t x, uint32_t y)
{
	return s->dist[x] < s->dist[y] || (s->dist[x] == s->dist[y] && x > y);
}

static void put(struct search *s, size_t k, uint32_t x)
{
	s->heap[k] = x;
	s->place[x] = (uint32_t)k + 1;
}

/* Item x is no farther than d; an item that was closed is open again. */
static void offer(struct search *s, uint32_t x, double d)
{
	if (s->place[x] == 0)
		s->seen[s->count++] = x;
	size_t k = s->place[x] == 0 || s->place[x] == CLOSED ? s->open++ : s->place[x] - 1;

	s->dist[x] = d;
	for (; k > 0 && nearer(s, x, s->heap[(k - 1) / 2]); k = (k - 1) / 2)
		put(s, k, s->heap[(k - 1) / 2]);
	put(s, k, x);
}

static uint32_t close_nearest(struct search *s)
{
	uint32_t top = s->heap[0], x = s->heap[--s->open];
	size_t k = 0;

	for (size_t child; (child = 2 * k + 1) < s->open; k = child) {
		child += child + 1 < s->open && nearer(s, s->heap[child + 1], s->heap[child]);
		if (!nearer(s, s->heap[child], x))
			break;
		put(s, k, s->heap[child]);
	}
	put(s, k, x);
	s->place[top] = CLOSED;
	return top;
}

static bool any_within(const struct search *s, double limit)
{
	return s->open > 0 && s->dist[s->heap[0]] < limit;
}

/* May item x be nearer than known, at d? */
static bool improves(const struct search *s, uint32_t x, double d)
{
	return s->place[x] == 0 || (s->place[x] != CLOSED && d < s->dist[x]);
}

static void forget(struct search *s)
{
	for (size_t k = 0; k < s->count; k++)
		s->place[s->seen[k]] = 0;
	s->open = s->count = 0;
}

/* fmin() and fmax() are calls. */
static double lesser(double x, double y)
{
	return x < y ? x : y;
}

static double greater(double x, double y)
{
	return x > y ? x : y;
}

/* The two columns that cost a row least, and what. The second may stand for what is not listed, or for being left
 * alone, and is then NULL. */
struct two {
	double first, second;
	const struct candidate *one, *other;
};

static struct two two_cheapest(const struct assignment *a, size_t i)
{
	const struct candidates *of = &a->of[i];
	struct two s = {INFINITY, lesser(of->beyond, a->ceiling), NULL, NULL};

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

/* Gives every free row the column it likes best, at a price that the second best sets; a row that loses its
 * column tries again at once when the price rose, `patience` times in all, and otherwise waits. Returns the rows
 * still free. */
static size_t row_reduction(const struct assignment *a, uint32_t *rows, size_t count, size_t patience)
{
	size_t waiting = 0;

	for (size_t k = 0; k < count; ) {
		uint32_t i = rows[k++];
		struct two s = two_cheapest(a, i);
		if (!s.one) {
			rows[waiting++] = i;
			continue;
		}
		double price = s.second < INFINITY ? a->v[s.one->col] - (s.second - s.first) : a->v[s.one->col];
		bool rose = price < a->v[s.one->col];	/* false as well when rounding swallows the step */
		const struct candidate *c = !rose && s.other && a->row_of[s.one->col] != UNASSIGNED ? s.other : s.one;
		uint32_t j = c->col, loser = a->row_of[j];
		if (loser != UNASSIGNED && !rose) {
			rows[waiting++] = i;
			continue;
		}
		if (rose)
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

/* Where the shortest path ends, and how long it is: row `row` takes the free column `col`, or goes alone. */
struct end {
	double dist;
	uint32_t col, row;
};

/* A search for a free column. Its items are the columns, and m + i for what is not listed of row i. */
struct path {
	struct search search;
	double *shift;			/* (n): row i pays shift_i + c_ij - v_j for column j */
	uint32_t *from;			/* (m): the row that comes to a column, ... */
	float *pay;			/* ... and what it pays */
	uint32_t *closed;		/* (m): columns, nearest first */
};

static void reach(const struct assignment *a, struct path *p, uint32_t i, struct end *end)
{
	const struct candidates *of = &a->of[i];
	double shift = p->shift[i];

	if (shift + a->ceiling < end->dist)
		*end = (struct end){shift + a->ceiling, UNASSIGNED, i};
	for (size_t k = 0; k < of->n && shift + of->at[k].key < end->dist; k++) {
		uint32_t j = of->at[k].col;
		double d = shift + (double)of->at[k].cost - a->v[j];
		if (d >= end->dist || !improves(&p->search, j, d))
			continue;
		p->from[j] = i;
		p->pay[j] = of->at[k].cost;
		if (a->row_of[j] == UNASSIGNED)
			*end = (struct end){d, j, i};
		else
			offer(&p->search, j, d);
	}
	if (shift + of->beyond < end->dist)
		offer(&p->search, (uint32_t)(a->m + i), shift + of->beyond);
}

/* Dijkstra from free row i over reduced costs to the nearest end; then prices, then the path. */
static bool augment(const struct assignment *a, uint32_t i, struct path *p)
{
	struct end end = {INFINITY, UNASSIGNED, i};
	size_t closed = 0;

	p->shift[i] = 0;
	reach(a, p, i, &end);
	while (any_within(&p->search, end.dist)) {
		uint32_t x = close_nearest(&p->search), r;
		if (x >= a->m) {
			r = x - (uint32_t)a->m;
			if (!a->more || !a->more(a->context, r, a->v))
				continue;
		} else {
			p->closed[closed++] = x;
			r = a->row_of[x];
			p->shift[r] = p->search.dist[x] - ((double)a->paid[r] - a->v[x]);
		}
		reach(a, p, r, &end);
	}
	for (size_t k = 0; k < closed; k++)
		a->v[p->closed[k]] -= end.dist - p->search.dist[p->closed[k]];
	forget(&p->search);
	if (end.dist == INFINITY)
		return false;
	uint32_t j = end.col;
	if (j == UNASSIGNED) {			/* the row stays alone; its column goes to the one that came for it */
		j = a->col_of[end.row];
		a->col_of[end.row] = UNASSIGNED;
	}
	for (uint32_t r = end.col == UNASSIGNED ? end.row : UNASSIGNED; r != i; ) {
		r = p->from[j];
		uint32_t next = a->col_of[r];
		a->row_of[j] = r;
		a->col_of[r] = j;
		a->paid[r] = p->pay[j];
		j = next;
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
	struct path p = {.search = search_in(workspace, n + m), .shift = workspace + search_workspace(n + m)};
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
	for (size_t i = 0; i < n; i++)
		a->u[i] = a->col_of[i] == UNASSIGNED ? a->ceiling : (double)a->paid[i] - a->v[a->col_of[i]];
	return true;
}

/* Margins are distances between rows: from row x to row y when x takes over y's column. Row n stands for the
 * outside: x goes there to a free column, or to be left alone; y comes from there when its column goes free, or when
 * it is not alone any more. */

static double reduced(const struct assignment *a, size_t i, float cost, size_t j)
{
	return greater((double)cost - a->u[i] - a->v[j], 0);
}

void margin_arcs(const struct assignment *a, size_t i)
{
	struct candidates *of = &a->of[i];
	size_t n = 0;

	of->beyond = greater(of->beyond - a->u[i], 0);
	for (size_t k = 0; k < of->n; k++) {
		struct candidate arc = of->at[k];
		arc.key = reduced(a, i, arc.cost, arc.col);
		arc.col = a->row_of[arc.col] == UNASSIGNED ? (uint32_t)a->n : a->row_of[arc.col];
		if (arc.col == i)
			continue;
		size_t at = n++;
		for (; at > 0 && of->at[at - 1].key > arc.key; at--)
			of->at[at] = of->at[at - 1];
		of->at[at] = arc;
	}
	of->n = n;
}

void margin_arrivals(double *arrival, const struct assignment *a, double *workspace)
{
	size_t n = a->n, m = a->m;
	double *least = workspace;	/* (m): c_ij - u_i, of rows that column j is not assigned to */
	double unlisted = INFINITY, outside = m > n || a->ceiling < INFINITY ? 0 : INFINITY;

	for (size_t j = 0; j < m; j++)
		least[j] = INFINITY;
	for (size_t i = 0; i < n && a->cost; i++) {
		const float *cost = a->cost + i * m;
		size_t own = a->col_of[i];
		double kept = own < m ? least[own] : 0;
		for (size_t j = 0; j < m; j++) {
			double d = (double)cost[j] - a->u[i];
			least[j] = d < least[j] ? d : least[j];
		}
		if (own < m)
			least[own] = kept;
	}
	for (size_t i = 0; i < n; i++) {
		size_t own = a->col_of[i];
		arrival[i] = own < m ? greater(lesser(least[own], outside) - a->v[own], 0) : 0;
		unlisted = lesser(unlisted, a->of[i].beyond);
	}
	if (a->cost)
		return;
	for (size_t i = 0; i < n; i++)
		arrival[i] = lesser(arrival[i], unlisted);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < a->of[i].n; k++)
			if (a->of[i].at[k].col < n)
				arrival[a->of[i].at[k].col] = lesser(arrival[a->of[i].at[k].col], a->of[i].at[k].key);
}

/* Closes row x and comes from it to others that are nearer to i than `best`; returns the best, with the way that ends
 * here. */
static double pass(const struct assignment *a, struct search *s, uint32_t x, size_t i, const struct column *own,
	double arrival, double best)
{
	const struct candidates *of = &a->of[x];
	double from = s->dist[x], limit = best - (own ? arrival : 0);

	if (x != i && own)
		best = lesser(best, from + reduced(a, x, own->cost[x * own->step], a->col_of[i]));
	for (size_t k = 0; k < of->n && from + of->at[k].key < limit; k++) {
		uint32_t y = of->at[k].col;
		double d = from + of->at[k].key;
		if (y == i) {
			best = lesser(best, d);
		} else if (d + arrival < best && improves(s, y, d)) {
			offer(s, y, d);
			__builtin_prefetch(a->of[y < a->n ? y : 0].at);		/* half of the time went into waiting for lists */
		}
	}
	double alone = s->dist[x] + greater(a->ceiling - a->u[x], 0);
	if (alone + arrival < best && improves(s, (uint32_t)a->n, alone))
		offer(s, (uint32_t)a->n, alone);
	return best;
}

static double pass_outside(const struct assignment *a, struct search *s, size_t i, double arrival, double best)
{
	double base = s->dist[a->n];

	best = lesser(best, base - a->v[a->col_of[i]]);
	for (size_t y = 0; y < a->n; y++) {
		double d = a->col_of[y] == UNASSIGNED ? base : base - a->v[a->col_of[y]];
		if (y != i && d + arrival < best && improves(s, (uint32_t)y, d))
			offer(s, (uint32_t)y, d);
	}
	return best;
}

double assign_margin(const struct assignment *a, size_t i, const struct column *own, const double *arrival,
	double *workspace)
{
	struct search s = search_in(workspace, a->n + 1);
	double best = INFINITY, horizon = INFINITY;

	offer(&s, (uint32_t)i, 0);
	while (any_within(&s, lesser(best, horizon) - arrival[i])) {
		uint32_t x = close_nearest(&s);
		if (x == a->n) {
			best = pass_outside(a, &s, i, arrival[i], best);
			continue;
		}
		best = pass(a, &s, x, i, own, arrival[i], best);
		double unlisted = a->of[x].beyond;
		horizon = lesser(horizon, s.dist[x] + (own ? unlisted + arrival[i] : greater(unlisted, arrival[i])));
	}
	return lesser(best, horizon);
}

size_t margin_workspace(size_t n, size_t m)
{
	return search_workspace(n + 1) > m ? search_workspace(n + 1) : m;
}

void nearest(uint32_t *col_of, double *margin, const float *cost, size_t n, size_t m)
{
	for (size_t i = 0; i < n; i++) {
		const float *row = cost + i * m;
		float first = INFINITY, second = INFINITY;
		col_of[i] = UNASSIGNED;
		for (size_t j = 0; j < m; j++) {
			if (row[j] < first) {
				second = first;
				first = row[j];
				col_of[i] = (uint32_t)j;
			} else if (row[j] < second) {
				second = row[j];
			}
		}
		margin[i] = second < INFINITY ? (double)second - (double)first : INFINITY;
	}
}

void greedy(uint32_t *col_of, const float *cost, const uint32_t *at, size_t n, size_t k, size_t m, double *workspace)
{
	double *best = workspace;			/* of each row, among the columns free when it was looked up */
	uint32_t *column = (uint32_t *)(best + n);	/* where it is */
	unsigned char *taken = (unsigned char *)(column + n);

	for (size_t j = 0; j < m; j++)
		taken[j] = 0;
	for (size_t i = 0; i < n; i++) {
		col_of[i] = column[i] = UNASSIGNED;
		best[i] = -INFINITY;
	}
	for (;;) {
		size_t i = 0;
		for (size_t r = 1; r < n; r++)
			if (best[r] < best[i])
				i = r;
		if (n == 0 || best[i] == INFINITY)
			return;
		if (column[i] != UNASSIGNED && !taken[column[i]]) {
			col_of[i] = column[i];
			taken[column[i]] = 1;
			best[i] = INFINITY;
			continue;
		}
		best[i] = INFINITY;
		for (size_t e = i * k; e < (i + 1) * k; e++) {
			uint32_t j = at ? at[e] : (uint32_t)(e - i * k);
			if (!taken[j] && (double)cost[e] < best[i]) {
				best[i] = (double)cost[e];
				column[i] = j;
			}
		}
	}
}
