#include "distance/pair_stage.h"

#include "base/die.h"
#include "distance/bounds.h"
#include "kernel/cost.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { DUALS = 8 };	/* potentials of a row's nearest columns that are tried on the next, ... */
enum { TRIALS = 32 };	/* ... until they were of no use for so many columns in turn */

/* What one thread works in. */
struct scratch {
	size_t row;
	float *x;			/* (d, ld): the row's points */
	float *table;			/* (tokens of B, ld): costs to the first `known` of ... */
	struct row_costs *of_token;	/* (tokens of B): of the rows of the table */
	uint32_t *token, *place;	/* ... (tokens of B); where in it a token stands, if so */
	size_t known;
	uint32_t *slot;			/* (max points): a pair's rows of the table */
	float *cost, *transposed;	/* (max points, ld): of a pair */
	float *dual;			/* (DUALS, ld): potentials of the row's points */
	float *col_dual;		/* (ld): potentials of the column's points */
	double *workspace;
	uint64_t *heap;			/* (cols): bound above column */
	size_t solved, searched;	/* pairs; those of them by solve_nearest() */
	size_t proved;			/* rows */
	struct stage_totals totals;
};

struct pair_stage {
	const struct distributions *a, *b;
	bool symmetric;
	struct transport transport;
	struct scratch *scratch;	/* (threads) */
	struct bounds bounds;		/* with --top */
	bool budget;			/* --budget: ... */
	size_t most;			/* ... of a row's pairs */
};

static struct scratch scratch_for(const struct pair_stage *p)
{
	const struct distributions *a = p->a, *b = p->b;
	size_t n = a->max_points > b->max_points ? a->max_points : b->max_points, ld = padded(n);

	return (struct scratch){
		.row = SIZE_MAX,
		.x = xalloc(ld * sizeof(float), a->d),
		.table = xalloc(b->tokens * sizeof(float), padded(a->max_points)),
		.of_token = xalloc(b->tokens, sizeof(struct row_costs)),
		.token = xalloc(b->tokens, sizeof(uint32_t)),
		.place = xcalloc(b->tokens, sizeof(uint32_t)),
		.slot = xalloc(n, sizeof(uint32_t)),
		.cost = xalloc(n * sizeof(float), ld),
		.transposed = xalloc(n * sizeof(float), ld),
		.dual = xalloc(DUALS * sizeof(float), ld),
		.col_dual = xalloc(ld, sizeof(float)),
		.workspace = xalloc(transport_workspace(&p->transport, n, n, a->d), sizeof(double)),
		.heap = p->bounds.of ? xalloc(b->ids.n, sizeof(uint64_t)) : NULL,
	};
}

static void scratch_free(struct scratch *w)
{
	free(w->x);
	free(w->table);
	free(w->of_token);
	free(w->token);
	free(w->place);
	free(w->slot);
	free(w->cost);
	free(w->transposed);
	free(w->dual);
	free(w->col_dual);
	free(w->workspace);
	free(w->heap);
}

static void take_row(const struct pair_stage *p, struct scratch *w, size_t i)
{
	const struct distributions *a = p->a;

	if (w->row == i)
		return;
	w->row = i;
	w->known = 0;
	lay_points(w->x, a->point, rows_of(a, i), points_of(a, i), a->d);
}

/* Costs from the points of k columns to the row's; a token that many columns use has them once. */
static void take_costs(const struct pair_stage *p, struct scratch *w, const uint32_t *col, size_t k)
{
	const struct distributions *b = p->b;
	size_t first = w->known, n = points_of(p->a, w->row);

	for (size_t j = 0; j < k; j++)
		for (size_t at = b->indptr[col[j]]; at < b->indptr[col[j] + 1]; at++) {
			uint32_t t = b->row[at];
			if (w->place[t] >= w->known || w->token[w->place[t]] != t) {
				w->place[t] = (uint32_t)w->known;
				w->token[w->known++] = t;
			}
		}
	cost_matrix(w->table + first * padded(n), b->point, w->token + first, w->known - first,
		w->x, n, b->d, p->transport.p);
	sum_rows(w->of_token + first, w->table + first * padded(n), n, w->known - first);
}

/* The problem of the row and column j, in w->table. */
static struct transport_problem take_pair(const struct pair_stage *p, struct scratch *w, uint32_t j)
{
	const struct distributions *a = p->a, *b = p->b;
	struct transport_problem pair = {.a = a, .b = b, .i = w->row, .j = j,
		.n = points_of(a, w->row), .m = points_of(b, j), .cost = w->table,
		.row = w->slot, .limit = INFINITY};

	take_costs(p, w, &j, 1);
	for (size_t k = 0; k < pair.m; k++)
		w->slot[k] = w->place[rows_of(b, j)[k]];
	struct costs costs = join_rows(w->of_token, w->slot, pair.n, pair.m);
	pair.mean = costs.mean;
	pair.largest = costs.largest;
	return pair;
}

/* The problem of the column and the row, in w->transposed. */
static struct transport_problem transpose_pair(const struct transport_problem *pair,
	struct scratch *w)
{
	size_t n = pair->n, m = pair->m, ld = padded(n), transposed_ld = padded(m);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < transposed_ld; k++)
			w->transposed[i * transposed_ld + k] = k < m
				? pair->cost[pair->row[k] * ld + i] : 0;
	struct costs costs = summarise_costs(w->transposed, m, n);

	return (struct transport_problem){.a = pair->b, .b = pair->a, .i = pair->j, .j = pair->i,
		.n = m, .m = n, .cost = w->transposed, .mean = costs.mean,
		.largest = costs.largest, .limit = pair->limit};
}

/* The problem with costs of its own, in w->cost. */
static struct transport_problem gather_pair(const struct transport_problem *pair,
	struct scratch *w)
{
	struct transport_problem own = *pair;
	size_t ld = padded(pair->n);

	for (size_t k = 0; k < pair->m; k++)
		memcpy(w->cost + k * ld, pair->cost + pair->row[k] * ld, ld * sizeof *w->cost);
	own.cost = w->cost;
	own.row = NULL;
	return own;
}

/* W_p from W_p^p. */
static double root(const struct pair_stage *p, double cost)
{
	return p->transport.p == 1 ? fmax(cost, 0) : sqrt(fmax(cost, 0));
}

static void fill_infinity(float *potential, size_t n)
{
	for (size_t i = n; i < padded(n); i++)
		potential[i] = -INFINITY;
}

/* Solves a pair; `dual` (padded(n)) becomes potentials of the row's points, -infinity beyond n. Of
 * features with themselves, the pair's lower feature is the row of the problem, so that both orders
 * give the same bits. */
static struct transport_solution solve_pair(const struct pair_stage *p, struct scratch *w,
	const struct transport_problem *pair, float *dual)
{
	struct transport_solution s;

	fill_infinity(dual, pair->n);
	if (!p->symmetric || pair->j >= pair->i) {
		struct transport_problem own = p->transport.entropic ? *pair : gather_pair(pair, w);
		s = transport_solve(&p->transport, &own, dual, w->workspace);
	} else {
		struct transport_problem transposed = transpose_pair(pair, w);
		fill_infinity(w->col_dual, pair->m);
		s = transport_solve(&p->transport, &transposed, w->col_dual, w->workspace);
		largest_potentials(dual, transposed.cost, w->col_dual, pair->m, pair->n);
	}
	w->solved += s.cost < INFINITY;
	if (s.cost < INFINITY && (!p->symmetric || pair->i != pair->j)) {
		w->totals.upper += root(p, s.upper);
		w->totals.apart += root(p, s.upper) - root(p, s.lower);
	}
	if ((double)s.residual > p->transport.tol) {
		w->totals.unconverged++;
		w->totals.residual = fmaxf(w->totals.residual, s.residual);
	}
	return s;
}

/* The bounds are rounded outwards. */
static void put_entry(const struct pair_stage *p, struct entries *out, size_t k,
	const struct transport_solution *s)
{
	out->dist[k] = (float)root(p, s->cost);
	if (out->lower) {
		out->lower[k] = (float)root(p, s->lower);
		out->upper[k] = (float)root(p, s->upper);
		if ((double)out->lower[k] > root(p, s->lower))
			out->lower[k] = nextafterf(out->lower[k], 0);
		if ((double)out->upper[k] < root(p, s->upper))
			out->upper[k] = nextafterf(out->upper[k], INFINITY);
	}
	if (out->iters) {
		out->iters[k] = s->iters;
		out->residual[k] = s->residual;
	}
}

static void solve_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct pair_stage *p = context;
	struct scratch *w = &p->scratch[thread];

	take_row(p, w, i);
	take_costs(p, w, col, k);		/* at once, which is quicker than pair by pair */
	for (size_t n = 0; n < k; n++) {
		struct transport_problem pair = take_pair(p, w, col[n]);
		struct transport_solution s = solve_pair(p, w, &pair, w->dual);
		put_entry(p, out, n, &s);
	}
}

/* -- The nearest columns ----------------------------------------------------------------------- */

static void sift(uint64_t *heap, size_t n, size_t at)
{
	uint64_t x = heap[at];

	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		child += child + 1 < n && heap[child + 1] < heap[child];
		if (heap[child] >= x)
			break;
		heap[at] = heap[child];
	}
	heap[at] = x;
}

/* All columns, the one of the least bound on top. */
static void make_heap(const struct pair_stage *p, struct scratch *w)
{
	size_t cols = p->b->ids.n;

	for (size_t j = 0; j < cols; j++)
		w->heap[j] = (uint64_t)bounds_row(&p->bounds, w->row)[j] << 32 | j;
	for (size_t at = cols / 2; at-- > 0; )
		sift(w->heap, cols, at);
}

/* Puts column j among the `found` nearest so far, if it belongs there; returns how many there are
 * then. */
static size_t insert(const struct pair_stage *p, struct entries *out, size_t found, size_t k,
	uint32_t j, const struct transport_solution *s)
{
	float dist = (float)root(p, s->cost);
	size_t at = found;

	while (at > 0 && (out->dist[at - 1] > dist
			|| (out->dist[at - 1] == dist && out->col[at - 1] > j)))
		at--;
	if (at == k)
		return found;
	for (size_t i = found < k ? found : k - 1; i > at; i--)
		copy_entry(out, i, out, i - 1);
	out->col[at] = j;
	put_entry(p, out, at, s);
	return found < k ? found + 1 : k;
}

/* Is the pair's cost above the limit? Yes when n potentials of the row's points prove it: with the
 * largest potentials of the column's points that they allow, they are a feasible dual solution. */
static bool excluded(const struct transport_problem *pair, const float *dual, size_t n,
	double limit)
{
	const float *a = weights_of(pair->a, pair->i), *b = weights_of(pair->b, pair->j);

	for (size_t q = 0; q < n; q++)
		if (dual_cost(pair->cost, pair->row, a, b, dual + q * padded(pair->n), pair->n,
				pair->m) > limit + 1e-6 * pair->largest)
			return true;
	return false;
}

/* What columns are at least at whose cost has this bound; less a little for rounding, and below
 * the k-th nearest, which the others may be at. */
static float beyond(const struct pair_stage *p, double bound, float farthest)
{
	double least = root(p, bound * (1 - 1e-5));
	float rounded = (float)least;

	if ((double)rounded > least)
		rounded = nextafterf(rounded, 0);
	return fminf(rounded, farthest);
}

/* Columns are solved in the order of their bounds, until the least bound that is left exceeds the
 * k-th nearest cost found, or the budget ends. Potentials of the DUALS pairs solved last exclude
 * more. Returns how many were solved. */
static size_t solve_nearest(void *context, size_t thread, size_t i, size_t k, struct entries *out)
{
	const struct pair_stage *p = context;
	struct scratch *w = &p->scratch[thread];
	size_t cols = p->b->ids.n, left = cols, found = 0, duals = 0, useless = 0;
	size_t before = w->solved;
	size_t ld = padded(points_of(p->a, i)), unasked = cols - (p->most > k ? p->most : k);
	double limit = INFINITY;		/* what a bound has to exceed */

	take_row(p, w, i);
	make_heap(p, w);
	for (; left > unasked; w->heap[0] = w->heap[--left], sift(w->heap, left, 0)) {
		uint32_t j = (uint32_t)w->heap[0];
		if ((double)(w->heap[0] >> 32) * p->bounds.unit > limit)
			break;
		struct transport_problem pair = take_pair(p, w, j);
		if (limit < INFINITY && useless < TRIALS) {
			if (excluded(&pair, w->dual, duals < DUALS ? duals : DUALS, limit)) {
				useless = 0;
				continue;
			}
			useless++;
		}
		pair.limit = limit;
		struct transport_solution s = solve_pair(p, w, &pair,
			w->dual + duals++ % DUALS * ld);
		found = insert(p, out, found, k, j, &s);
		if (found == k)
			limit = (1 + 1e-5) * pow((double)out->dist[k - 1], p->transport.p);
	}
	if (p->budget) {
		float farthest = k < cols ? out->dist[k - 1] : INFINITY;
		double bound = left ? (double)(w->heap[0] >> 32) * p->bounds.unit : INFINITY;
		out->beyond[0] = bound > limit ? farthest : beyond(p, bound, farthest);
		w->proved += out->beyond[0] >= out->dist[k - 1];
	}
	w->searched += w->solved - before;
	return w->solved - before;
}

/* -- The stage --------------------------------------------------------------------------------- */

static void close_pairs(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct pair_stage *p = stage->context;
	size_t solved = 0, proved = 0;

	for (size_t t = 0; t < threads; t++) {
		struct scratch *w = &p->scratch[t];
		solved += w->searched;
		proved += w->proved;
		stage->totals.unconverged += w->totals.unconverged;
		stage->totals.upper += w->totals.upper;
		stage->totals.apart += w->totals.apart;
		stage->totals.residual = fmaxf(stage->totals.residual, w->totals.residual);
		scratch_free(w);
	}
	if (p->budget)
		note("%zu of %zu pairs were solved; of %zu of %zu rows the nearest are proved",
			solved, p->bounds.rows * p->b->ids.n, proved, p->bounds.rows);
	else if (p->bounds.of)
		note("%zu of %zu pairs were solved; bounds exclude the others", solved,
			p->bounds.rows * p->b->ids.n);
	bounds_free(&p->bounds);
	free(p->scratch);
	free(p);
}

void pair_stage_open(struct stage *stage, const struct distributions *a,
	const struct distributions *b, const struct transport *transport)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct pair_stage *p = xalloc(1, sizeof *p);
	const struct distributions *input[] = {a, b};
	size_t limit = transport_max_points(transport), first, end;
	double budget = stage->asked.budget;

	for (int k = 0; k < 2; k++)
		if (input[k]->max_points > limit)
			die("%s: a feature of %zu points: the limit is %zu", input[k]->name,
				input[k]->max_points, limit);
	*p = (struct pair_stage){.a = a, .b = b, .symmetric = stage->symmetric,
		.transport = *transport, .budget = budget > 0,
		.most = budget > 0 ? (size_t)ceil(budget * (double)b->ids.n) : b->ids.n};
	if (stage->asked.top && !transport->debias) {
		stage->nearest = solve_nearest;
		stage_rows(stage, &first, &end);
		p->bounds = bounds_open(a, first, end, b, transport->p, BOUNDS_ROOM);
	}
	p->scratch = xalloc(threads, sizeof *p->scratch);
	for (size_t t = 0; t < threads; t++)
		p->scratch[t] = scratch_for(p);
	stage->context = p;
	stage->extras = BOUNDS | (transport->entropic ? ITERATIONS : 0)
		| (p->budget ? BEYOND : 0);
	stage->solve = solve_row;
	stage->close = close_pairs;
}
