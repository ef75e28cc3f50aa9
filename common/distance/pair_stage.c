#include "distance/pair_stage.h"

#include "base/die.h"
#include "kernel/cost.h"
#include "distance/bounds.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

enum { DUALS = 8 };		/* potentials of a row's nearest columns that are tried on the next */

/* What one thread works in. */
struct scratch {
	size_t row;
	float *x;			/* (d, ld): the row's points */
	float *table;			/* (tokens of B, ld): costs to the first `known` of ... */
	uint32_t *token, *place;	/* ... (tokens of B); where in it a token stands, if it does */
	size_t known;
	uint32_t *slot;			/* (most): a pair's rows of the table */
	float *cost, *turned;		/* (most, ld): of a pair; the same transposed */
	float *dual;			/* (DUALS, ld): potentials of the row's points */
	float *far;			/* (ld): of the column's points */
	double *workspace;
	uint64_t *heap;			/* (cols): bound above column */
	size_t solved;
};

struct pairs {
	const struct set *a, *b;
	bool self;
	int p;
	struct solver solver;
	struct scratch *scratch;	/* (threads) */
	struct bounds bounds;		/* with --top */
};

static struct scratch scratch_for(const struct pairs *p)
{
	const struct set *a = p->a, *b = p->b;
	size_t n = a->most > b->most ? a->most : b->most, ld = padded(n);

	return (struct scratch){
		.row = SIZE_MAX,
		.x = xalloc(ld * sizeof(float), a->d),
		.table = xalloc(b->tokens * sizeof(float), padded(a->most)),
		.token = xalloc(b->tokens, sizeof(uint32_t)),
		.place = xcalloc(b->tokens, sizeof(uint32_t)),
		.slot = xalloc(n, sizeof(uint32_t)),
		.cost = xalloc(n * sizeof(float), ld),
		.turned = xalloc(n * sizeof(float), ld),
		.dual = xalloc(DUALS * sizeof(float), ld),
		.far = xalloc(ld, sizeof(float)),
		.workspace = xalloc(p->solver.workspace(p->solver.settings, n, n, a->d), sizeof(double)),
		.heap = p->bounds.of ? xalloc(b->ids.n, sizeof(uint64_t)) : NULL,
	};
}

static void scratch_free(struct scratch *w)
{
	free(w->x);
	free(w->table);
	free(w->token);
	free(w->place);
	free(w->slot);
	free(w->cost);
	free(w->turned);
	free(w->dual);
	free(w->far);
	free(w->workspace);
	free(w->heap);
}

static void take_row(const struct pairs *p, struct scratch *w, size_t i)
{
	const struct set *a = p->a;

	if (w->row == i)
		return;
	w->row = i;
	w->known = 0;
	lay_points(w->x, a->point, a->row + a->indptr[i], points_of(a, i), a->d);
}

/* Costs from the points of k columns to the row's. */
static void take_costs(const struct pairs *p, struct scratch *w, const uint32_t *col, size_t k)
{
	const struct set *b = p->b;
	size_t first = w->known, n = points_of(p->a, w->row);

	for (size_t j = 0; j < k; j++)
		for (size_t at = b->indptr[col[j]]; at < b->indptr[col[j] + 1]; at++) {
			uint32_t t = b->row[at];
			if (w->place[t] >= w->known || w->token[w->place[t]] != t) {
				w->place[t] = (uint32_t)w->known;
				w->token[w->known++] = t;
			}
		}
	cost_matrix(w->table + first * padded(n), b->point, w->token + first, w->known - first, w->x, n, b->d, p->p);
}

/* The problem of the row and column j, in w->cost. */
static struct pair take_pair(const struct pairs *p, struct scratch *w, uint32_t j)
{
	const struct set *a = p->a, *b = p->b;
	const uint32_t *row = b->row + b->indptr[j];
	struct pair pair = {points_of(a, w->row), points_of(b, j), a->weight + a->indptr[w->row],
		b->weight + b->indptr[j], w->cost, 0, 0};

	take_costs(p, w, &j, 1);
	for (size_t k = 0; k < pair.m; k++)
		w->slot[k] = w->place[row[k]];
	struct costs costs = gather_costs(w->cost, w->table, w->slot, pair.n, pair.m);
	pair.mean = costs.mean;
	pair.largest = costs.largest;
	return pair;
}

/* Solves a pair; `dual` (padded(n)) becomes potentials of the row's points, -infinity beyond n. Of a
 * set with itself, the pair's lower feature is the row of the problem, so that both orders give the
 * same bits. */
static struct solution solve_pair(const struct pairs *p, struct scratch *w, size_t j,
	const struct pair *pair, float *dual)
{
	struct solution s = {0};
	size_t n = pair->n, m = pair->m, ld = padded(n), turned_ld = padded(m);

	w->solved++;
	for (size_t i = n; i < ld; i++)
		dual[i] = -INFINITY;
	if (!p->self || j >= w->row) {
		p->solver.solve(p->solver.settings, p->a, w->row, p->b, j, pair, dual, w->workspace, &s);
		return s;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < turned_ld; k++)
			w->turned[i * turned_ld + k] = k < m ? w->cost[k * ld + i] : 0;
	struct costs costs = summarise_costs(w->turned, m, n);
	struct pair turned = {m, n, pair->b, pair->a, w->turned, costs.mean, costs.largest};
	for (size_t k = m; k < turned_ld; k++)
		w->far[k] = -INFINITY;
	p->solver.solve(p->solver.settings, p->b, j, p->a, w->row, &turned, w->far, w->workspace, &s);
	largest_potentials(dual, w->turned, w->far, m, n);
	return s;
}

static double root(const struct pairs *p, double cost)
{
	return p->p == 1 ? fmax(cost, 0) : sqrt(fmax(cost, 0));
}

static void put(const struct pairs *p, struct entries *out, size_t k, const struct solution *s)
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

static void solve_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct pairs *p = context;
	struct scratch *w = &p->scratch[thread];

	take_row(p, w, i);
	take_costs(p, w, col, k);		/* at once, which is quicker than pair by pair */
	for (size_t n = 0; n < k; n++) {
		struct pair pair = take_pair(p, w, col[n]);
		struct solution s = solve_pair(p, w, col[n], &pair, w->dual);
		put(p, out, n, &s);
	}
}

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

/* Puts column j among the `found` nearest so far, if it belongs there; returns how many there are
 * then. */
static size_t insert(const struct pairs *p, struct entries *out, size_t found, size_t k, uint32_t j,
	const struct solution *s)
{
	float dist = (float)root(p, s->cost);
	size_t at = found;

	while (at > 0 && (out->dist[at - 1] > dist || (out->dist[at - 1] == dist && out->col[at - 1] > j)))
		at--;
	if (at == k)
		return found;
	for (size_t i = found < k ? found : k - 1; i > at; i--)
		copy_entry(out, i, out, i - 1);
	out->col[at] = j;
	put(p, out, at, s);
	return found < k ? found + 1 : k;
}

/* Columns in the order of their bounds, until no bound that is left allows another to be among the
 * k nearest. Potentials of the pairs just solved are bounds for the others, too (by what they allow
 * the column's to be). */
static void solve_nearest(void *context, size_t thread, size_t i, size_t k, struct entries *out)
{
	const struct pairs *p = context;
	struct scratch *w = &p->scratch[thread];
	size_t cols = p->b->ids.n, left = cols, found = 0, duals = 0, ld = padded(points_of(p->a, i));
	double limit = INFINITY;		/* what a bound has to exceed */

	take_row(p, w, i);
	for (size_t j = 0; j < cols; j++)
		w->heap[j] = (uint64_t)bounds_row(&p->bounds, i)[j] << 32 | j;
	for (size_t at = left / 2; at-- > 0; )
		sift(w->heap, left, at);
	for (; left > 0; w->heap[0] = w->heap[--left], sift(w->heap, left, 0)) {
		uint32_t j = (uint32_t)w->heap[0];
		if ((double)(w->heap[0] >> 32) * p->bounds.unit > limit)
			break;
		struct pair pair = take_pair(p, w, j);
		bool near = true;
		for (size_t q = 0; q < duals && q < DUALS && near; q++)
			near = dual_cost(pair.cost, pair.a, pair.b, w->dual + q * ld, pair.n, pair.m)
				<= limit + 1e-6 * pair.largest;
		if (!near)
			continue;
		struct solution s = solve_pair(p, w, j, &pair, w->dual + duals++ % DUALS * ld);
		found = insert(p, out, found, k, j, &s);
		if (found == k)
			limit = (1 + 1e-5) * pow((double)out->dist[k - 1], p->p);
	}
}

void pairs_open(struct stage *stage, const struct set *a, const struct set *b, int power, const struct solver *solver)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct pairs *p = xalloc(1, sizeof *p);
	size_t first, end;

	for (const struct set *s = a; s; s = s == a && b != a ? b : NULL)
		if (s->most > solver->most)
			die("%s: a feature of %zu points, where %zu are the most", s->name, s->most, solver->most);
	*p = (struct pairs){.a = a, .b = b, .self = stage->self, .p = power, .solver = *solver};
	stage->context = p;
	stage->solve = solve_row;
	if (top_k && !stage->chosen && solver->above_exact) {
		stage->nearest = solve_nearest;
		stage_rows(stage, &first, &end);
		p->bounds = bounds_open(a, first, end, b, power);
	}
	p->scratch = xalloc(threads, sizeof *p->scratch);
	for (size_t t = 0; t < threads; t++)
		p->scratch[t] = scratch_for(p);
}

void pairs_close(void *pairs)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct pairs *p = pairs;
	size_t solved = 0;

	for (size_t t = 0; t < threads; t++) {
		solved += p->scratch[t].solved;
		scratch_free(&p->scratch[t]);
	}
	if (p->bounds.of)
		note("%zu of %zu pairs solved, the others excluded by bounds", solved,
			p->bounds.rows * p->b->ids.n);
	bounds_free(&p->bounds);
	free(p->scratch);
	free(p);
}
