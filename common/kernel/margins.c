#include "kernel/margins.h"

#include "kernel/dijkstra.h"

#include <math.h>

/* Distances are between rows: from x to y when x takes over y's column. Row n stands for the
 * outside: x goes there to a free column, or to be left alone; y comes from there when its column
 * goes free, or when it is not alone any more. */

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

/* least_j = min over rows i not assigned to j of c_ij - u_i; infinite without a matrix. */
static void least_of_columns(double *least, const struct assignment *a)
{
	size_t m = a->m;

	for (size_t j = 0; j < m; j++)
		least[j] = INFINITY;
	for (size_t i = 0; i < a->n && a->cost; i++) {
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
}

void margin_arrivals(double *arrival, const struct assignment *a, double *workspace)
{
	size_t n = a->n, m = a->m;
	double *least = workspace;
	double unlisted = INFINITY, outside = m > n || a->ceiling < INFINITY ? 0 : INFINITY;

	least_of_columns(least, a);
	for (size_t i = 0; i < n; i++) {	/* min_x r_xj; or column j goes free, at -v_j */
		size_t j = a->col_of[i];
		arrival[i] = j < m ? greater(lesser(least[j], outside) - a->v[j], 0) : 0;
		unlisted = lesser(unlisted, a->of[i].beyond);
	}
	if (a->cost)
		return;
	for (size_t i = 0; i < n; i++)
		arrival[i] = lesser(arrival[i], unlisted);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < a->of[i].n; k++) {
			const struct candidate *arc = &a->of[i].at[k];
			if (arc->col < n)
				arrival[arc->col] = lesser(arrival[arc->col], arc->key);
		}
}

/* What a search for the margin of one row works with. */
struct cycle {
	const struct assignment *a;
	struct search search;
	size_t i;
	const struct margin_column *own;
	double arrival;			/* what the way's last step costs at least */
	double best;			/* the shortest cycle so far */
};

/* Looks into where closed row x leads: back to i, to other rows, or outside. */
static void relax_row(struct cycle *c, uint32_t x)
{
	const struct assignment *a = c->a;
	const struct candidates *of = &a->of[x];
	struct search *s = &c->search;
	size_t i = c->i;
	double from = s->dist[x], limit = c->best - (c->own ? c->arrival : 0);

	if (x != i && c->own) {
		float cost = c->own->cost[x * c->own->step];
		c->best = lesser(c->best, from + reduced(a, x, cost, a->col_of[i]));
	}
	for (size_t k = 0; k < of->n && from + of->at[k].key < limit; k++) {
		uint32_t y = of->at[k].col;
		double d = from + of->at[k].key;
		if (y == i) {
			c->best = lesser(c->best, d);
		} else if (d + c->arrival < c->best && search_improves(s, y, d)) {
			search_offer(s, y, d);
			/* half of the time went into waiting for lists */
			__builtin_prefetch(a->of[y < a->n ? y : 0].at);
		}
	}
	double alone = from + greater(a->ceiling - a->u[x], 0);
	if (alone + c->arrival < c->best && search_improves(s, (uint32_t)a->n, alone))
		search_offer(s, (uint32_t)a->n, alone);
}

/* From outside to row y when its column goes free, at -v_j, or when y was alone, at 0. */
static void relax_outside(struct cycle *c)
{
	const struct assignment *a = c->a;
	double base = c->search.dist[a->n];

	c->best = lesser(c->best, base - a->v[a->col_of[c->i]]);
	for (size_t y = 0; y < a->n; y++) {
		double d = a->col_of[y] == UNASSIGNED ? base : base - a->v[a->col_of[y]];
		if (y != c->i && d + c->arrival < c->best
			&& search_improves(&c->search, (uint32_t)y, d))
			search_offer(&c->search, (uint32_t)y, d);
	}
}

double margin_of_row(const struct assignment *a, size_t i, const struct margin_column *own,
	const double *arrival, double *workspace)
{
	struct cycle c = {a, search_in(workspace, a->n + 1), i, own, arrival[i], INFINITY};
	double horizon = INFINITY;		/* no way through what is not listed is shorter */

	search_offer(&c.search, (uint32_t)i, 0);
	while (search_within(&c.search, lesser(c.best, horizon) - arrival[i])) {
		uint32_t x = search_close_nearest(&c.search);
		if (x == a->n) {
			relax_outside(&c);
			continue;
		}
		relax_row(&c, x);
		double unlisted = a->of[x].beyond;
		double through = own ? unlisted + arrival[i] : greater(unlisted, arrival[i]);
		horizon = lesser(horizon, c.search.dist[x] + through);
	}
	return lesser(c.best, horizon);
}

size_t margin_workspace(size_t n, size_t m)
{
	return search_workspace(n + 1) > m ? search_workspace(n + 1) : m;
}
