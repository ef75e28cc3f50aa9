#include "distance/token_plan.h"

#include "base/die.h"
#include "base/progress.h"
#include "kernel/sparse_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1024 };		/* of a task: their sums are added in order */
#define LEAST_EPSILON 1e-9	/* of the largest cost: f + g - C is off by about 1e-15 of it */
#define ALMOST_NOTHING 1e-9f	/* where each token spreads 1 */

struct potentials {
	double *f, *off;		/* (n); (tasks) */
	const struct sparse *cost;
	const double *g;		/* of the other side */
	size_t n;
};

static double update(const struct potentials *p, double epsilon)
{
	size_t tasks = (p->n + ROWS - 1) / ROWS;
	double off = 0;

	#pragma omp parallel for schedule(dynamic)
	for (size_t t = 0; t < tasks; t++)
		p->off[t] = plan_potentials(p->f, p->cost, p->g, t * ROWS,
			p->n - t * ROWS < ROWS ? p->n : (t + 1) * ROWS, p->n, epsilon);
	for (size_t t = 0; t < tasks; t++)
		off += p->off[t];
	return off;
}

/* Leaves f made of g. */
static void iterate(struct token_plan *plan, const struct potentials *row,
	const struct potentials *col)
{
	progress_begin(plan->max_iters, "iterations");
	update(row, plan->epsilon);
	plan->residual = plan->tol + 1;
	for (plan->iters = 0; plan->iters < plan->max_iters && plan->residual > plan->tol;) {
		update(col, plan->epsilon);
		plan->residual = update(row, plan->epsilon);
		progress_to(++plan->iters);
	}
	progress_end();
}

static void leave_out(struct sparse *x, size_t rows)
{
	size_t at = 0;

	for (size_t i = 0, k = 0; i < rows; i++) {
		for (; k < x->indptr[i + 1]; k++)
			if (x->value[k] > ALMOST_NOTHING) {
				x->index[at] = x->index[k];
				x->value[at++] = x->value[k];
			}
		x->indptr[i + 1] = at;
	}
}

void weigh_by_plan(struct token_plan *plan, struct sparse *pairs, const float *dist, size_t rows,
	size_t cols)
{
	size_t entries = pairs->indptr[rows];
	struct sparse cost = {pairs->indptr, pairs->index, xalloc(entries, sizeof(float))};
	struct sparse turned = {xalloc(cols + 1, sizeof(size_t)), xalloc(entries, sizeof(uint32_t)),
		xalloc(entries, sizeof(float))};
	double *f = xcalloc(rows, sizeof *f), *g = xcalloc(cols, sizeof *g);
	double *g_after = xalloc(cols, sizeof *g), *off = xalloc(rows + cols, sizeof *off);
	float most = 0;
	struct potentials row = {f, off, &cost, g, rows}, col = {g, off, &turned, f, cols};

	for (size_t k = 0; k < entries; k++)
		most = fmaxf(most, dist[k]);
	plan->epsilon = fmax(plan->epsilon, most > 0 ? LEAST_EPSILON * (double)most : 1);
	memcpy(cost.value, dist, entries * sizeof *dist);
	sparse_transpose(&turned, &cost, rows, cols);
	iterate(plan, &row, &col);
	memcpy(g_after, g, cols * sizeof *g);
	col.f = g_after;
	update(&col, plan->epsilon);
	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < rows; i += ROWS)
		plan_weights(pairs->value, &cost, f, g, g_after, i,
			rows - i < ROWS ? rows : i + ROWS, rows, cols, plan->epsilon);
	leave_out(pairs, rows);
	free(cost.value);
	free(turned.indptr);
	free(turned.index);
	free(turned.value);
	free(f);
	free(g);
	free(g_after);
	free(off);
}
