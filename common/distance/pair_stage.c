#include "distance/pair_stage.h"

#include "base/die.h"
#include "distance/parts.h"
#include "kernel/cost.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { DUALS = 8 };	/* potentials of a row's nearest columns that are tried on the next, ... */
enum { TRIALS = 32 };	/* ... until they were of no use for so many columns in turn */

/* Costs from the points of a part of the row to tokens of B. */
struct part_costs {
	float *x;			/* (d, ld): the part's points */
	float *table;			/* (tokens, ld): costs to the first `known` of ... */
	struct row_costs *of_token;	/* (tokens): of the rows of the table */
	uint32_t *token;		/* ... (tokens that part r of some column has) */
	uint32_t *place;		/* (tokens of B): where in it a token stands, if so */
	size_t known;
};

/* What one thread works in. */
struct scratch {
	size_t row;
	struct part_costs *part;	/* (parts) */
	uint32_t *slot;			/* (max points): a pair's rows of the table */
	float *cost, *transposed;	/* (max points, ld): of a part of a pair */
	float *dual;			/* (DUALS, parts, ld): potentials of the row's points */
	float *col_dual;		/* (ld): potentials of the column's points */
	double *workspace;
	uint64_t *heap;			/* (cols): bound above column */
	size_t solved, searched;	/* pairs; those of them by solve_nearest() */
	size_t proved;			/* rows */
	struct stage_totals totals;
};

struct pair_stage {
	const struct distributions *a, *b;	/* part r of feature i is number i parts + r */
	size_t cols, parts;			/* features; a power of 2 */
	const size_t *row_parts, *col_parts;	/* of each feature; NULL: 1 */
	struct parts dealt[2];
	bool symmetric;
	struct transport transport;
	struct scratch *scratch;	/* (threads) */
	struct bounds bounds;		/* with --top */
	bool budget;			/* --budget: ... */
	size_t most;			/* ... of a row's pairs */
};

static struct scratch scratch_for(const struct pair_stage *p, const size_t *tokens)
{
	const struct distributions *a = p->a, *b = p->b;
	size_t n = a->max_points > b->max_points ? a->max_points : b->max_points, ld = padded(n);
	struct part_costs *part = xalloc(p->parts, sizeof *part);

	for (size_t r = 0; r < p->parts; r++)
		part[r] = (struct part_costs){
			.x = xalloc(ld * sizeof(float), a->d),
			.table = xalloc(tokens[r] * sizeof(float), padded(a->max_points)),
			.of_token = xalloc(tokens[r], sizeof(struct row_costs)),
			.token = xalloc(tokens[r], sizeof(uint32_t)),
			.place = xcalloc(b->tokens, sizeof(uint32_t)),
		};
	return (struct scratch){
		.row = SIZE_MAX,
		.part = part,
		.slot = xalloc(n, sizeof(uint32_t)),
		.cost = xalloc(n * sizeof(float), ld),
		.transposed = xalloc(n * sizeof(float), ld),
		.dual = xalloc(DUALS * p->parts * sizeof(float), ld),
		.col_dual = xalloc(ld, sizeof(float)),
		.workspace = xalloc(transport_workspace(&p->transport, n, n, a->d), sizeof(double)),
		.heap = p->bounds.of ? xalloc(p->cols, sizeof(uint64_t)) : NULL,
	};
}

static void scratch_free(struct scratch *w, size_t parts)
{
	for (size_t r = 0; r < parts; r++) {
		free(w->part[r].x);
		free(w->part[r].table);
		free(w->part[r].of_token);
		free(w->part[r].token);
		free(w->part[r].place);
	}
	free(w->part);
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
	for (size_t r = 0; r < p->parts; r++) {
		size_t v = i * p->parts + r;
		w->part[r].known = 0;
		lay_points(w->part[r].x, a->point, rows_of(a, v), points_of(a, v), a->d);
	}
}

/* In how many parts the row and column j are compared: in every so many-th. */
static size_t parts_apart(const struct pair_stage *p, size_t i, size_t j)
{
	if (!p->row_parts)
		return 1;
	size_t n = p->row_parts[i], m = p->col_parts[j];
	return p->parts / (n > m ? n : m);
}

/* Costs from the points of part r of k columns to the row's; a token that many columns use has them
 * once. */
static void take_costs(const struct pair_stage *p, struct scratch *w, size_t r, const uint32_t *col,
	size_t k)
{
	const struct distributions *b = p->b;
	struct part_costs *of = &w->part[r];
	size_t first = of->known, n = points_of(p->a, w->row * p->parts + r);

	for (size_t c = 0; c < k; c++) {
		size_t j = col[c] * p->parts + r;
		if (r % parts_apart(p, w->row, col[c]) != 0)
			continue;
		for (size_t at = b->indptr[j]; at < b->indptr[j + 1]; at++) {
			uint32_t t = b->row[at];
			if (of->place[t] >= of->known || of->token[of->place[t]] != t) {
				of->place[t] = (uint32_t)of->known;
				of->token[of->known++] = t;
			}
		}
	}
	cost_matrix(of->table + first * padded(n), b->point, of->token + first, of->known - first,
		of->x, n, b->d, p->transport.p);
	sum_rows(of->of_token + first, of->table + first * padded(n), n, of->known - first);
}

/* The problem of part r of the row and of column j, in its table. */
static struct transport_problem take_pair(const struct pair_stage *p, struct scratch *w, size_t r,
	uint32_t j)
{
	const struct distributions *a = p->a, *b = p->b;
	struct part_costs *of = &w->part[r];
	size_t u = w->row * p->parts + r, v = j * p->parts + r;
	struct transport_problem pair = {.a = a, .b = b, .i = u, .j = v, .n = points_of(a, u),
		.m = points_of(b, v), .cost = of->table, .row = w->slot, .limit = INFINITY};

	take_costs(p, w, r, &j, 1);
	for (size_t k = 0; k < pair.m; k++)
		w->slot[k] = of->place[rows_of(b, v)[k]];
	struct costs costs = join_rows(of->of_token, w->slot, pair.n, pair.m);
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

/* Solves a part; `dual` (padded(n)) becomes potentials of the row's points, -infinity beyond n. Of
 * features with themselves, the pair's lower feature is the row of the problem, so that both orders
 * give the same bits. */
static struct transport_solution solve_part(const struct pair_stage *p, struct scratch *w,
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
	return s;
}

/* Solves the row with column j, or finds its cost to be above the limit; `dual` (parts, ld) becomes
 * potentials of the row's points. The mean over the parts; iterations and residual are those of the
 * worst. */
static struct transport_solution solve_pair(const struct pair_stage *p, struct scratch *w,
	uint32_t j, double limit, float *dual)
{
	size_t apart = parts_apart(p, w->row, j), ld = padded(p->a->max_points);
	double share = (double)apart / (double)p->parts;
	struct transport_solution sum = {0};

	for (size_t r = 0; r < p->parts; r += apart) {
		struct transport_problem part = take_pair(p, w, r, j);
		part.limit = (limit - sum.cost) / share;
		struct transport_solution s = solve_part(p, w, &part, dual + r * ld);
		for (size_t same = r + 1; same < r + apart; same++)
			memcpy(dual + same * ld, dual + r * ld, ld * sizeof *dual);
		sum.cost += share * s.cost;
		sum.lower += share * s.lower;
		sum.upper += share * s.upper;
		sum.iters = s.iters > sum.iters ? s.iters : sum.iters;
		sum.residual = fmaxf(sum.residual, s.residual);
		sum.capped |= s.capped;
		if (!(s.cost < INFINITY))
			return sum;
	}
	w->solved++;
	w->totals.capped += sum.capped;
	if (!p->symmetric || w->row != j) {
		w->totals.upper += root(p, sum.upper);
		w->totals.apart += root(p, sum.upper) - root(p, sum.lower);
	}
	if ((double)sum.residual > p->transport.tol) {
		w->totals.unconverged++;
		w->totals.residual = fmaxf(w->totals.residual, sum.residual);
	}
	return sum;
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
	for (size_t r = 0; r < p->parts; r++)
		take_costs(p, w, r, col, k);	/* at once, which is quicker than pair by pair */
	for (size_t n = 0; n < k; n++) {
		struct transport_solution s = solve_pair(p, w, col[n], INFINITY, w->dual);
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
	size_t cols = p->cols;

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

/* Is the cost of the row and column j above the limit? Yes when n potentials of the row's points
 * prove it: with the largest potentials of the column's points that they allow, they are a feasible
 * dual solution. */
static bool excluded(const struct pair_stage *p, struct scratch *w, uint32_t j, size_t n,
	double limit)
{
	size_t apart = parts_apart(p, w->row, j), ld = padded(p->a->max_points);
	double share = (double)apart / (double)p->parts, sum[DUALS] = {0}, largest = 0;

	for (size_t r = 0; r < p->parts; r += apart) {
		struct transport_problem part = take_pair(p, w, r, j);
		const float *a = weights_of(part.a, part.i), *b = weights_of(part.b, part.j);
		largest = fmax(largest, part.largest);
		for (size_t q = 0; q < n; q++)
			sum[q] += share * dual_cost(part.cost, part.row, a, b,
				w->dual + (q * p->parts + r) * ld, part.n, part.m);
	}
	for (size_t q = 0; q < n; q++)
		if (sum[q] > limit + 1e-6 * largest)
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
	size_t cols = p->cols, left = cols, found = 0, duals = 0, useless = 0;
	size_t before = w->solved;
	size_t ld = padded(p->a->max_points), unasked = cols - (p->most > k ? p->most : k);
	double limit = INFINITY;		/* what a bound has to exceed */

	take_row(p, w, i);
	make_heap(p, w);
	for (; left > unasked; w->heap[0] = w->heap[--left], sift(w->heap, left, 0)) {
		uint32_t j = (uint32_t)w->heap[0];
		if ((double)(w->heap[0] >> 32) * p->bounds.unit > limit)
			break;
		if (limit < INFINITY && useless < TRIALS) {
			if (excluded(p, w, j, duals < DUALS ? duals : DUALS, limit)) {
				useless = 0;
				continue;
			}
			useless++;
		}
		struct transport_solution s = solve_pair(p, w, j, limit,
			w->dual + duals++ % DUALS * p->parts * ld);
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
	struct pair_stage *p = stage->context;
	size_t solved = 0, proved = 0;

	for (int t = 0; t < omp_get_max_threads(); t++) {
		struct scratch *w = &p->scratch[t];
		solved += w->searched;
		proved += w->proved;
		stage_totals_add(&stage->totals, &w->totals);
		scratch_free(w, p->parts);
	}
	if (p->budget)
		note("%zu of %zu pairs were solved; of %zu of %zu rows the nearest are proved",
			solved, p->bounds.rows * p->cols, proved, p->bounds.rows);
	else if (p->bounds.of)
		note("%zu of %zu pairs were solved; bounds exclude the others", solved,
			p->bounds.rows * p->cols);
	bounds_free(&p->bounds);
	for (int k = 0; k < 2; k++)
		parts_free(&p->dealt[k]);
	free(p->scratch);
	free(p);
}

static void deal(struct pair_stage *p, const struct distributions *a,
	const struct distributions *b)
{
	for (int k = 0; k < (a == b ? 1 : 2); k++)
		p->dealt[k] = parts_deal(k ? b : a, p->transport.part, p->parts);
	p->a = &p->dealt[0].of;
	p->b = &p->dealt[a != b].of;
	p->row_parts = p->dealt[0].n;
	p->col_parts = p->dealt[a != b].n;
}

void pair_stage_open(struct stage *stage, const struct distributions *a,
	const struct distributions *b, const struct transport *transport)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct pair_stage *p = xalloc(1, sizeof *p);
	double budget = stage->asked.budget;

	*p = (struct pair_stage){.a = a, .b = b, .cols = b->ids.n,
		.parts = parts_most(a, b, transport->part), .symmetric = stage->symmetric,
		.transport = *transport, .budget = budget > 0,
		.most = budget > 0 ? (size_t)ceil(budget * (double)b->ids.n) : b->ids.n};
	if (p->parts > 1)
		deal(p, a, b);
	if (p->parts > 1 && stage->asked.halvings > 0)
		note("errors leave out the bias of parts: certificates want --part 0");
	size_t most = transport_max_points(transport), first, end;
	for (int k = 0; k < 2; k++)
		if ((k ? p->b : p->a)->max_points > most)
			die("%s: a feature of %zu points: the limit is %zu (a smaller --part)",
				(k ? b : a)->name, (k ? p->b : p->a)->max_points, most);
	if (stage->asked.top && !transport->debias && !(transport->unbalanced > 0)) {
		stage->nearest = solve_nearest;
		stage_rows(stage, &first, &end);
		p->bounds = parts_bounds(a, first, end, b, transport->p, transport->part);
	}
	size_t *tokens = xalloc(p->parts, sizeof *tokens);
	parts_tokens(tokens, p->b, p->parts);
	p->scratch = xalloc(threads, sizeof *p->scratch);
	for (size_t t = 0; t < threads; t++)
		p->scratch[t] = scratch_for(p, tokens);
	free(tokens);
	stage->context = p;
	stage->extras = (transport->unbalanced > 0 ? 0 : BOUNDS)
		| (transport->entropic ? ITERATIONS : 0) | (p->budget ? BEYOND : 0);
	stage->solve = solve_row;
	stage->close = close_pairs;
}
