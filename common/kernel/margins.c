#include "kernel/margins.h"

#include "kernel/dijkstra.h"

#include <math.h>

enum { STRIP = CANDIDATE_STRIP, MOST_READ = 1 << 20 };

/* fmin() and fmax() are calls. */
static double lesser(double x, double y)
{
	return x < y ? x : y;
}

static double greater(double x, double y)
{
	return x > y ? x : y;
}

/* r_ij, which rounding may make negative. */
static double reduced(const struct assignment *a, size_t i, float cost, size_t j)
{
	return greater((double)cost - a->u[i] - a->v[j], 0);
}

/* -- Arcs -------------------------------------------------------------------------------------- */

static bool has_outside(const struct assignment *a)
{
	return a->m > a->n || a->ceiling < INFINITY;
}

/* The row whose column j is, or the outside. */
static uint32_t owner(const struct assignment *a, size_t j)
{
	return a->row_of[j] == UNASSIGNED ? (uint32_t)a->n : a->row_of[j];
}

void margin_out(const struct assignment *a, size_t i)
{
	struct candidates *of = &a->of[i];
	double outside = greater(a->ceiling - a->u[i], 0);
	size_t n = 0;

	of->beyond = greater(of->beyond - a->u[i], 0);
	for (size_t k = 0; k < of->n; k++) {
		struct candidate arc = of->at[k];
		arc.key = reduced(a, i, arc.cost, arc.col);
		arc.col = owner(a, arc.col);
		if (arc.col == a->n)
			outside = lesser(outside, arc.key);
		else if (arc.col != i)
			of->at[n++] = arc;
	}
	if (outside < INFINITY)
		of->at[n++] = (struct candidate){outside, 0, (uint32_t)a->n};
	of->n = n;
	candidates_sort(of->at, n);
}

/* What it costs that row i comes from outside. */
static double entry(const struct assignment *a, size_t i)
{
	return a->col_of[i] == UNASSIGNED ? 0 : -a->v[a->col_of[i]];
}

void margin_in(const struct assignment *a, struct candidates *column, size_t i)
{
	size_t j = a->col_of[i], n = 0;

	column->beyond = j < a->m ? greater(column->beyond - a->v[j], 0) : INFINITY;
	for (size_t k = 0; k < column->n; k++) {
		struct candidate arc = column->at[k];
		arc.key = reduced(a, arc.col, arc.cost, j);
		if (arc.col != i)
			column->at[n++] = arc;
	}
	if (has_outside(a))
		column->at[n++] = (struct candidate){entry(a, i), 0, (uint32_t)a->n};
	column->n = n;
	candidates_sort(column->at, n);
}

void margin_outside(const struct assignment *a)
{
	struct candidates *of = &a->of[a->n];

	of->n = has_outside(a) ? a->n : 0;
	of->beyond = INFINITY;
	for (size_t i = 0; i < of->n; i++)
		of->at[i] = (struct candidate){entry(a, i), 0, (uint32_t)i};
	candidates_sort(of->at, of->n);
}

void margin_into_outside(const struct assignment *a, struct candidates *into)
{
	bool free = false;

	for (size_t j = 0; j < a->m; j++)
		free |= a->row_of[j] == UNASSIGNED;
	into->n = 0;
	into->beyond = INFINITY;
	for (size_t i = 0; i < a->n; i++) {
		const struct candidates *of = &a->of[i];
		size_t k = 0;
		while (k < of->n && of->at[k].col != a->n)
			k++;
		if (k < of->n)
			into->at[into->n++] = (struct candidate){of->at[k].key, 0, (uint32_t)i};
		if (free && (k == of->n || of->at[k].key > of->beyond))
			into->beyond = lesser(into->beyond, of->beyond);
	}
	candidates_sort(into->at, into->n);
}

/* -- Cycles ------------------------------------------------------------------------------------ */

/* What a search for the margin of row i works with. */
struct cycle {
	const struct assignment *a;
	size_t i;
	const struct candidates *list[2];	/* (n + 1): arcs out, arcs in */
	struct search search[2];		/* from i along arcs, and against them */
	double horizon[2];			/* a way by an arc that is not listed */
	double *reach;				/* (n + 1): the same of one row, on the way out */
	double arrival;				/* what an arc into i costs at least */
	double best;				/* the shortest cycle so far */
	size_t reads;				/* rows of the matrix that may still be read */
};

/* Row y is d away: a cycle closes if the other search knows y; otherwise y is to be looked into if
 * a cycle could still be shorter. */
static inline void lead_to(struct cycle *c, int way, uint32_t y, double d, double other)
{
	struct search *s = &c->search[way], *o = &c->search[!way];

	if (o->slot[y] != SEARCH_UNSEEN)
		c->best = lesser(c->best, d + o->dist[y]);
	if (d + other < c->best && search_improves(s, y, d))
		search_offer(s, y, d);
}

/* A look into the matrix for the arc from x back to i, if it may be in neither list. */
static void look_back(struct cycle *c, uint32_t x)
{
	const struct assignment *a = c->a;
	double d = c->search[0].dist[x];
	double unlisted = greater(c->list[0][x].beyond, c->list[1][c->i].beyond);

	if (a->cost && x != c->i && d + unlisted < c->best) {
		size_t j = a->col_of[c->i];
		c->best = lesser(c->best, d + reduced(a, x, a->cost[x * a->m + j], j));
	}
}

/* A search has come as far as this, whatever the lists lack. */
static double radius(const struct cycle *c, int way)
{
	return lesser(search_radius(&c->search[way]), c->horizon[way]);
}

static void look_into_nearest(struct cycle *c, int way)
{
	double other = radius(c, !way);
	uint32_t x = search_close_nearest(&c->search[way]);
	const struct candidates *of = &c->list[way][x];
	double d = c->search[way].dist[x];

	for (size_t k = 0; k < of->n && d + of->at[k].key < c->best; k++)
		lead_to(c, way, of->at[k].col, d + of->at[k].key, other);
	c->horizon[way] = lesser(c->horizon[way], d + of->beyond);
	if (way == 0) {
		c->reach[x] = d + of->beyond;
		look_back(c, x);
	}
}

/* Reads all arcs of the row that makes the horizon. False when it may not. */
static bool read_row(struct cycle *c)
{
	const struct assignment *a = c->a;
	struct search *s = &c->search[0];
	double other = radius(c, 1);
	uint32_t x = 0;

	if (!a->cost || c->reads == 0)
		return false;
	c->reads--;
	for (size_t k = 0; k < s->count; k++)
		if (s->slot[s->seen[k]] == SEARCH_CLOSED && c->reach[s->seen[k]] == c->horizon[0])
			x = s->seen[k];
	const float *cost = a->cost + x * a->m;
	double d = s->dist[x], base = d - a->u[x];
	for (size_t j = 0; (j = next_below(cost, a->v, j, a->m, c->best - base)) < a->m; ) {
		size_t stop = j + STRIP < a->m ? j + STRIP : a->m;
		for (; j < stop; j++)
			if (a->row_of[j] != x)
				lead_to(c, 0, owner(a, j), d + reduced(a, x, cost[j], j), other);
	}
	c->reach[x] = c->horizon[0] = INFINITY;
	for (size_t k = 0; k < s->count; k++)
		if (s->slot[s->seen[k]] == SEARCH_CLOSED)
			c->horizon[0] = lesser(c->horizon[0], c->reach[s->seen[k]]);
	return true;
}

/* A cycle that the lists lack is at least this long. After its first arc that is missing comes an
 * arrival; where that arc itself is the arrival, look_back() knew it, if there is a matrix. */
static double unlisted_cycle(const struct cycle *c)
{
	return c->horizon[0] + (c->a->cost ? c->arrival : 0);
}

static void search_both_ways(struct cycle *c)
{
	do {
		while (radius(c, 0) + radius(c, 1) < lesser(c->best, unlisted_cycle(c))) {
			int way = c->search[0].open > c->search[1].open;
			if (search_radius(&c->search[way]) >= c->horizon[way])
				way = !way;
			look_into_nearest(c, way);
		}
	} while (unlisted_cycle(c) < c->best && read_row(c));
}

double margin_of_row(const struct assignment *a, const struct candidates *into, size_t i,
	double *workspace)
{
	size_t nodes = a->n + 1, room = search_workspace(nodes);
	struct cycle c = {.a = a, .i = i, .list = {a->of, into},
		.search = {search_in(workspace, nodes), search_in(workspace + room, nodes)},
		.horizon = {INFINITY, INFINITY}, .reach = workspace + 2 * room,
		.arrival = into[i].beyond, .best = INFINITY, .reads = MOST_READ / a->m};

	if (into[i].n > 0)
		c.arrival = lesser(c.arrival, into[i].at[0].key);
	for (int way = 0; way < 2; way++)
		search_offer(&c.search[way], (uint32_t)i, 0);
	search_both_ways(&c);
	for (int way = 0; way < 2; way++)
		search_forget(&c.search[way]);
	return lesser(c.best, unlisted_cycle(&c));
}

size_t margin_workspace(size_t n)
{
	return 2 * search_workspace(n + 1) + n + 1;
}
