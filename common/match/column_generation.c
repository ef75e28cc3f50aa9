#include "match/column_generation.h"

#include "base/die.h"
#include "base/progress.h"
#include "base/simd.h"
#include "distance/bounds.h"
#include "distance/pair_stage.h"
#include "distance/parts.h"
#include "distance/transport.h"
#include "match/assignment_topk.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* At first FEW pairs of a list are solved at a time; twice as many after SAME times. */
enum { FEW = 2, SAME = 8, STRIP = 32 };
#define LARGEST 1e40			/* no sum of distances, which are floats, is as large */
enum { PROBES = 32 };			/* of the given distances that are computed again */

struct column_generation {
	const struct distances *d;
	struct candidates *of;
	bool flipped;			/* lists are of columns */
	size_t lists, m;		/* lists; features from which the others of a list come */
	struct distributions input[2];
	struct transport transport;	/* that made the distances */
	struct stage stage;
	struct bounds bounds;		/* (lists, m) */
	unsigned char *known;		/* (lists, m) bits */
	double scale;			/* of bounds: no cost is larger by rounding */
	double *least;			/* (lists): no unsolved pair is nearer */
	size_t solved;
};

static bool known(const struct column_generation *c, size_t x, size_t y)
{
	return c->known[(x * c->m + y) / 8] >> (x * c->m + y) % 8 & 1;
}

static void make_known(struct column_generation *c, size_t x, size_t y)
{
	c->known[(x * c->m + y) / 8] |= (unsigned char)(1 << (x * c->m + y) % 8);
}

/* The larger of the relaxed transport bound, less a little for what floats round, and the row's
 * farthest given distance. */
static double lower_bound(const struct column_generation *c, size_t x, size_t y)
{
	double cost = (double)bounds_row(&c->bounds, x)[y] * c->bounds.unit;
	double dist = (c->transport.p == 1 ? cost : sqrt(cost)) * (1 - 1e-5);

	return fmax(dist, topk_least_unlisted(c->d, c->flipped ? y : x));
}

static double number(const struct sm_frame *header, const char *name)
{
	const struct sm_field *f = sm_find_field(header, name);

	if (f && f->kind == SM_INTEGER)
		return (double)f->integer;
	return f && f->kind == SM_REAL ? f->real : NAN;
}

/* A number of the header, which has to be what the stage's option can be. */
static double setting(const struct sm_frame *header, const char *name, double least, double most)
{
	double x = number(header, name);

	if (!sm_find_field(header, name))
		die("--complete: the header of the distances does not say %s", name);
	if (!(x >= least && x <= most))
		die("--complete: the header of the distances says %s %g, which is not within %g "
			"and %g", name, x, least, most);
	return x;
}

/* The solver that made the distances, and its settings. */
static struct transport transport_of(const struct sm_frame *header)
{
	const char *metric = sm_get_string(header, "metric", "unknown");
	bool emd = strcmp(metric, "emd") == 0;

	if (!emd && strcmp(metric, "sinkhorn") != 0)
		die("--complete: distances by %s cannot be completed: compute all of them (it "
			"completes those of emd and sinkhorn)",
			metric);
	double p = setting(header, "p", 1, 2);
	struct transport t = {.p = (int)p, .entropic = !emd, .epsilon = NAN, .epsilon_abs = NAN};
	if (sm_find_field(header, "part"))	/* as of later releases */
		t.part = (size_t)setting(header, "part", 0, PART_MOST);
	if (p != t.p)
		die("--complete: the header of the distances says p %g, which is not 1 or 2", p);
	if (emd)
		return t;
	if (sm_find_field(header, "epsilon"))
		t.epsilon = setting(header, "epsilon", EPSILON_LEAST, EPSILON_MOST);
	else
		t.epsilon_abs = setting(header, "epsilon_abs", EPSILON_ABS_LEAST,
			EPSILON_ABS_MOST);
	t.tol = setting(header, "tol", 0, TOL_MOST);
	t.max_iters = (size_t)setting(header, "max_iters", 1, MAX_ITERS_MOST);
	return t;
}

static void want_same_space(const struct sm_frame *header, const struct distributions input[2])
{
	const char *given = sm_get_string(header, "space", NULL);
	const char *its = sm_get_string(&input[0].header[0], "space", "");

	if (given && strcmp(given, its) != 0)
		die("--complete: %s is of space '%s', and the distances are of '%s'",
			input[0].name, its, given);
}

/* Some of the distances that were given have to be those of their pairs, but for what another CPU
 * rounds. */
static void check_given(const struct column_generation *c, char *const operand[2])
{
	const struct distances *d = c->d;
	size_t n = d->row.n * d->k, step = n / PROBES + 1;
	double largest = 0;

	for (size_t e = 0; e < n; e++)
		if (d->dist[e] < INFINITY)
			largest = fmax(largest, fabs((double)d->dist[e]));
	for (size_t e = 0; e < n; e += step) {
		double given = (double)d->dist[e];
		float its;
		struct entries out = {.dist = &its};
		c->stage.solve(c->stage.context, 0, e / d->k, &d->at[e], 1, &out);
		if (!(fabs((double)its - given) <= 0.01 * fabs(given) + 1e-4 * largest))
			die("--complete: row %zu and column %u are %g apart in %s and %s, and the "
				"distances say %g: they are of other points or settings",
				e / d->k, d->at[e], (double)its, operand[0], operand[1], given);
	}
}

struct column_generation *column_generation_open(const struct distances *d,
	const struct sm_frame *header, char *const operand[2], struct candidates *of, bool flipped)
{
	struct column_generation *c = xalloc(1, sizeof *c);

	*c = (struct column_generation){
		.d = d, .of = of, .flipped = flipped, .lists = flipped ? d->col.n : d->row.n,
		.m = flipped ? d->row.n : d->col.n};
	read_distributions(operand, c->input);
	const struct distributions *row = &c->input[0], *col = &c->input[1];
	for (int side = 0; side < 2; side++)
		if (!same_ids(side ? &d->col : &d->row, &c->input[side].ids))
			die("%s: its features are not those of the distances' %s",
				c->input[side].name, side ? "columns" : "rows");
	want_same_space(header, c->input);
	c->transport = transport_of(header);
	c->stage = (struct stage){.row = row->ids, .col = col->ids};
	pair_stage_open(&c->stage, row, col, &c->transport);
	c->bounds = parts_bounds(flipped ? col : row, 0, c->lists, flipped ? row : col,
		c->transport.p, c->transport.part);
	c->scale = c->bounds.unit * (1 - 1e-4);
	c->least = xalloc(c->lists, sizeof *c->least);
	for (size_t x = 0; x < c->lists; x++)
		c->least[x] = of[x].beyond;
	c->known = xcalloc(d->row.n / 8 + 1, d->col.n + 8);
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t k = 0; k < d->k; k++) {
			size_t j = d->at[i * d->k + k];
			make_known(c, flipped ? j : i, flipped ? i : j);
		}
	check_given(c, operand);
	progress_begin(0, "pairs solved");
	return c;
}

/* The first of list x from y on, in steps of a strip, where one of a strip may have a bound below u
 * + v_y; or `end`. scale: see struct column_generation. */
MULTIVERSION
static size_t next_open(const uint16_t *bound, double scale, bool squared, double u,
	const double *v, size_t y, size_t end)
{
	for (; y + STRIP <= end; y += STRIP) {
		int64_t any = 0;
		for (size_t k = y; k < y + STRIP; k++) {
			double below = u + v[k];
			double cost = squared ? below * fabs(below) : below;
			any |= bound[k] * scale < cost ? -1 : 0;
		}
		if (any)
			break;
	}
	return y;
}

/* The `most` unsolved pairs of list x whose bounds less prices are least and below u. */
static size_t open_pairs(const struct column_generation *c, size_t x, double u, const double *v,
	size_t most, struct candidate *best)
{
	const uint16_t *bound = bounds_row(&c->bounds, x);
	bool squared = c->transport.p == 2;
	size_t n = 0;

	if (u <= c->least[x])			/* prices are not positive */
		return 0;
	for (size_t y = 0; (y = next_open(bound, c->scale, squared, u, v, y, c->m)) < c->m; )
		for (size_t stop = y + STRIP < c->m ? y + STRIP : c->m; y < stop; y++) {
			if (known(c, x, y))
				continue;
			struct candidate next = {lower_bound(c, x, y) - v[y], 0, (uint32_t)y};
			if (next.key >= u || (n == most && next.key >= best[n - 1].key))
				continue;
			size_t at = n < most ? n++ : n - 1;
			for (; at > 0 && best[at - 1].key > next.key; at--)
				best[at] = best[at - 1];
			best[at] = next;
		}
	return n;
}

/* Solves up to `most` pairs of each list, those that contradict the duals most, all of them at
 * once. Returns how many: none is left when it is 0. */
static size_t solve_open_pairs(struct column_generation *c, const double *u, const double *v,
	size_t most)
{
	struct candidate *best = xalloc(c->lists * most, sizeof *best);
	size_t *count = xcalloc(c->lists, sizeof *count), *which, n = 0;

	#pragma omp parallel for schedule(dynamic, 16)
	for (size_t x = 0; x < c->lists; x++)
		count[x] = open_pairs(c, x, u[x], v, most, best + x * most);
	for (size_t x = 0; x < c->lists; x++)
		n += count[x];
	which = xalloc(n, sizeof *which);
	for (size_t x = 0, e = 0; x < c->lists; x++)
		for (size_t k = 0; k < count[x]; k++)
			which[e++] = x * most + k;
	#pragma omp parallel for schedule(dynamic)
	for (size_t e = 0; e < n; e++) {
		struct candidate *pair = &best[which[e]];
		uint32_t x = (uint32_t)(which[e] / most), y = pair->col, j = c->flipped ? x : y;
		struct entries out = {.dist = &pair->cost};
		c->stage.solve(c->stage.context, (size_t)omp_get_thread_num(), c->flipped ? y : x,
			&j, 1, &out);
		pair->key = (double)pair->cost;
	}
	for (size_t x = 0; x < c->lists; x++) {
		struct candidates *of = &c->of[x];
		of->at = xrealloc(of->at, of->n + count[x], sizeof *of->at);
		for (size_t k = 0; k < count[x]; k++) {
			make_known(c, x, best[x * most + k].col);
			of->at[of->n++] = best[x * most + k];
		}
		candidates_sort(of->at, of->n);
	}
	c->solved += n;
	progress_add(n);
	free(which);
	free(count);
	free(best);
	return n;
}

static bool leaves_rows(const struct assignment *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->col_of[i] == UNASSIGNED)
			return true;
	return false;
}

/* What the pairs that are still unsolved exceed, for the margins. */
static void bound_unsolved(struct column_generation *c, const double *v)
{
	#pragma omp parallel for schedule(dynamic, 16)
	for (size_t x = 0; x < c->lists; x++) {
		double beyond = INFINITY;
		for (size_t y = 0; y < c->m; y++)
			if (!known(c, x, y))
				beyond = fmin(beyond, lower_bound(c, x, y) - v[y]);
		c->of[x].beyond = beyond;
	}
}

void column_generation_assign(struct column_generation *c, struct assignment *a, double ceiling)
{
	double alone = ceiling < INFINITY ? ceiling : topk_worst_cost(c->d);
	size_t most = FEW;

	for (size_t x = 0; x < c->lists; x++)
		c->of[x].beyond = INFINITY;
	for (size_t round = 1; ; round++) {
		assignment_of_lists(a, c->of, c->lists, c->m, alone, NULL, NULL);
		if (solve_open_pairs(c, a->u, a->v, most) == 0) {
			if (ceiling < INFINITY || !leaves_rows(a))
				break;
			if (alone > LARGEST)
				die("--complete: infinite distances leave no assignment: "
					"--max-cost lets rows stay unmatched");
			alone *= 4;
		}
		if (round % SAME == 0 && 2 * most <= c->m)
			most *= 2;
		assignment_free(a);
	}
	bound_unsolved(c, a->v);
	assignment_margins(a);
}

size_t column_generation_close(struct column_generation *c)
{
	size_t solved = c->solved;

	c->stage.close(&c->stage);
	bounds_free(&c->bounds);
	free(c->known);
	free(c->least);
	distributions_free(&c->input[0]);
	distributions_free(&c->input[1]);
	free(c);
	return solved;
}
