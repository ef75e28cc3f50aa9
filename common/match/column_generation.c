#include "match/column_generation.h"

#include "base/die.h"
#include "base/progress.h"
#include "distance/bounds.h"
#include "distance/pair_stage.h"
#include "distance/transport.h"
#include "match/assignment_topk.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8 };		/* pairs solved at once */

struct column_generation {
	const struct distances *d;
	struct candidates *of;
	bool flipped;			/* lists are of columns */
	size_t m;			/* of a list's features, from which the others come */
	struct distributions input[2];
	struct transport transport;	/* that made the distances */
	struct stage stage;
	struct bounds bounds;		/* (lists, m) */
	unsigned char *known;		/* (lists, m) bits */
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

/* The solver that made the distances, and its settings. */
static struct transport transport_of(const struct sm_frame *header)
{
	const char *metric = sm_get_string(header, "metric", "unknown");
	int p = number(header, "p") == 2 ? 2 : 1;

	if (strcmp(metric, "emd") == 0)
		return (struct transport){.p = p};
	if (strcmp(metric, "sinkhorn") != 0)
		die("--complete: distances by %s cannot be completed: compute all of them (it "
			"completes those of emd and sinkhorn)",
			metric);
	struct transport t = {.p = p, .entropic = true, .epsilon = number(header, "epsilon"),
		.epsilon_abs = number(header, "epsilon_abs"), .tol = number(header, "tol"),
		.max_iters = (size_t)number(header, "max_iters")};
	if ((isnan(t.epsilon) && isnan(t.epsilon_abs)) || !(t.tol >= 0)
		|| !(number(header, "max_iters") >= 1))
		die("--complete: the header of the distances does not say how sinkhorn was set");
	return t;
}

struct column_generation *column_generation_open(const struct distances *d,
	const struct sm_frame *header, char *const operand[2], struct candidates *of, bool flipped)
{
	struct column_generation *c = xalloc(1, sizeof *c);

	*c = (struct column_generation){
		.d = d, .of = of, .flipped = flipped, .m = flipped ? d->row.n : d->col.n};
	read_distributions(operand, c->input);
	const struct distributions *row = &c->input[0], *col = &c->input[1];
	for (int side = 0; side < 2; side++)
		if (!same_ids(side ? &d->col : &d->row, &c->input[side].ids))
			die("%s: its features are not those of the distances' %s",
				c->input[side].name, side ? "columns" : "rows");
	c->transport = transport_of(header);
	c->stage = (struct stage){.row = row->ids, .col = col->ids};
	pair_stage_open(&c->stage, row, col, &c->transport);
	c->bounds = flipped ? bounds_open(col, 0, col->ids.n, row, c->transport.p)
		: bounds_open(row, 0, row->ids.n, col, c->transport.p);
	c->known = xcalloc(d->row.n / 8 + 1, d->col.n + 8);
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t k = 0; k < d->k; k++) {
			size_t j = d->at[i * d->k + k];
			make_known(c, flipped ? j : i, flipped ? i : j);
		}
	progress_begin(0, "pairs solved");
	return c;
}

/* The BATCH unsolved pairs of list x whose bounds less prices are least, and what the others
 * exceed. */
static size_t cheapest_bounds(const struct column_generation *c, size_t x, const double *v,
	struct candidate *best, double *beyond)
{
	size_t n = 0;

	*beyond = INFINITY;
	for (size_t y = 0; y < c->m; y++) {
		if (known(c, x, y))
			continue;
		struct candidate next = {lower_bound(c, x, y) - v[y], 0, (uint32_t)y};
		if (n == BATCH && next.key >= best[n - 1].key) {
			*beyond = fmin(*beyond, next.key);
			continue;
		}
		if (n == BATCH)
			*beyond = fmin(*beyond, best[--n].key);
		size_t at = n++;
		for (; at > 0 && best[at - 1].key > next.key; at--)
			best[at] = best[at - 1];
		best[at] = next;
	}
	return n;
}

bool column_generation_more(void *context, size_t x, const double *v)
{
	struct column_generation *c = context;
	struct candidates *of = &c->of[x];
	struct candidate best[BATCH];
	double beyond;
	size_t n = cheapest_bounds(c, x, v, best, &beyond), kept = of->n;

	if (n > 0 && best[0].key > of->beyond) {	/* bounds alone move the list's end */
		of->beyond = best[0].key;
		return true;
	}
	#pragma omp parallel for schedule(dynamic)
	for (size_t k = 0; k < n; k++) {
		uint32_t y = best[k].col, j = c->flipped ? (uint32_t)x : y;
		struct entries out = {.dist = &best[k].cost};
		c->stage.solve(c->stage.context, (size_t)omp_get_thread_num(), c->flipped ? y : x,
			&j, 1, &out);
	}
	of->at = xrealloc(of->at, kept + n, sizeof *of->at);
	for (size_t k = 0; k < n; k++) {
		make_known(c, x, best[k].col);
		of->at[of->n++] = best[k];
	}
	for (size_t k = 0; k < of->n; k++)
		of->at[k].key = (double)of->at[k].cost - v[of->at[k].col];
	candidates_sort(of);
	of->beyond = beyond;
	c->solved += n;
	progress_add(n);
	return true;
}

size_t column_generation_close(struct column_generation *c)
{
	size_t solved = c->solved;

	c->stage.close(&c->stage);
	bounds_free(&c->bounds);
	free(c->known);
	distributions_free(&c->input[0]);
	distributions_free(&c->input[1]);
	free(c);
	return solved;
}
