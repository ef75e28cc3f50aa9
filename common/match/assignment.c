#include "match/assignment.h"

#include "base/die.h"
#include "base/progress.h"
#include "kernel/margins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 32, LISTED_IN = 16, BLOCK = 512 };

static void make_room(struct candidates *of, size_t n)
{
	of->at = xrealloc(of->at, n, sizeof *of->at);
}

/* -- Lists of a matrix ------------------------------------------------------------------------- */

static void list_row(const struct assignment *a, size_t i, size_t count, const double *v,
	double *workspace)
{
	cheapest_of_row(&a->of[i], count, a->cost + i * a->m, v, a->m, i % a->m, workspace);
}

static void list_rows(const struct assignment *a)
{
	size_t count = LISTED < a->m ? LISTED : a->m, room = cheapest_workspace(a->m);

	for (size_t i = 0; i < a->n; i++)
		make_room(&a->of[i], count + 1);
	#pragma omp parallel
	{
		double *workspace = xalloc(room, sizeof *workspace);
		#pragma omp for schedule(dynamic, 16)
		for (size_t i = 0; i < a->n; i++)
			list_row(a, i, count, a->v, workspace);
		free(workspace);
	}
}

/* What list_more() works with. */
struct matrix_lists {
	const struct assignment *a;
	double *workspace;
};

/* Four times as many as of those listed are still nearer than all others: prices that fell make
 * others of a list dearer. */
static bool list_more(void *context, size_t i, const double *v)
{
	struct matrix_lists *lists = context;
	const struct assignment *a = lists->a;
	struct candidates *of = &a->of[i];
	double before = of->beyond;
	size_t nearer = 0;

	for (size_t k = 0; k < of->n; k++)
		nearer += (double)of->at[k].cost - v[of->at[k].col] < before;
	for (size_t count = 4 * nearer; of->beyond == before; count *= 2) {
		count = count > LISTED ? count : LISTED;
		count = count < a->m ? count : a->m;
		make_room(of, count + 1);
		list_row(a, i, count, v, lists->workspace);
	}
	return true;
}

/* -- Margins ----------------------------------------------------------------------------------- */

/* The cheapest rows of each column of a matrix, as arcs into the row that has it. */
static void list_columns(const struct assignment *a, struct candidates *into)
{
	size_t n = a->n, m = a->m, count = LISTED_IN < n ? LISTED_IN : n;

	#pragma omp parallel
	{
		struct candidate *room = xalloc(BLOCK * 2 * count, sizeof *room);
		struct candidates of[BLOCK];
		double limit[BLOCK];
		for (size_t j = 0; j < BLOCK; j++)
			of[j].at = room + j * 2 * count;
		#pragma omp for schedule(dynamic)
		for (size_t j = 0; j < m; j += BLOCK) {
			size_t columns = m - j < BLOCK ? m - j : BLOCK;
			cheapest_of_columns(of, count, a->cost + j, a->u, n, m, columns, limit);
			for (size_t k = 0; k < columns; k++) {
				uint32_t i = a->row_of[j + k];
				if (i == UNASSIGNED)
					continue;
				into[i] = (struct candidates){.beyond = of[k].beyond};
				make_room(&into[i], of[k].n + 1);
				memcpy(into[i].at, of[k].at, of[k].n * sizeof *of[k].at);
				into[i].n = of[k].n;
			}
		}
		free(room);
	}
	for (size_t i = 0; i < n; i++) {
		if (a->col_of[i] == UNASSIGNED)
			make_room(&into[i], 1);
		margin_in(a, &into[i], i);
	}
	make_room(&into[n], n);
	margin_into_outside(a, &into[n]);
}

/* The arcs out of all nodes, by where they lead. */
static void turn_lists(const struct candidates *out, struct candidates *into, size_t nodes)
{
	size_t *count = xcalloc(nodes, sizeof *count);
	double unlisted = INFINITY;

	for (size_t x = 0; x < nodes; x++) {
		unlisted = fmin(unlisted, out[x].beyond);
		for (size_t k = 0; k < out[x].n; k++)
			count[out[x].at[k].col]++;
	}
	for (size_t y = 0; y < nodes; y++) {
		make_room(&into[y], count[y]);
		into[y].beyond = unlisted;
	}
	for (size_t x = 0; x < nodes; x++)
		for (size_t k = 0; k < out[x].n; k++) {
			struct candidates *of = &into[out[x].at[k].col];
			of->at[of->n++] = (struct candidate){out[x].at[k].key, 0, (uint32_t)x};
		}
	for (size_t y = 0; y < nodes; y++)
		candidates_sort(into[y].at, into[y].n);
	free(count);
}

void assignment_margins(struct assignment *a)
{
	size_t n = a->n, room = margin_workspace(n);
	struct candidates *into = xcalloc(n + 1, sizeof *into);

	make_room(&a->of[n], n);
	for (size_t i = 0; i < n; i++) {
		make_room(&a->of[i], a->of[i].n + 1);
		margin_out(a, i);
	}
	margin_outside(a);
	if (a->cost)
		list_columns(a, into);
	else
		turn_lists(a->of, into, n + 1);
	a->margin = xcalloc(n, sizeof *a->margin);
	progress_begin(n, "margins");
	#pragma omp parallel
	{
		double *workspace = xcalloc(room, sizeof *workspace);
		#pragma omp for schedule(dynamic, 16)
		for (size_t i = 0; i < n; i++) {
			if (a->col_of[i] != UNASSIGNED)
				a->margin[i] = margin_of_row(a, into, i, workspace);
			progress_add(1);
		}
		free(workspace);
	}
	progress_end();
	lists_free(into, n + 1);
}

/* -- Assignments ------------------------------------------------------------------------------- */

void lists_free(struct candidates *of, size_t n)
{
	for (size_t x = 0; x < n; x++)
		free(of[x].at);
	free(of);
}

static void start(struct assignment *a, size_t n, size_t m, double ceiling)
{
	*a = (struct assignment){
		.n = n, .m = m, .ceiling = ceiling,
		.col_of = xalloc(n, sizeof *a->col_of), .row_of = xalloc(m, sizeof *a->row_of),
		.paid = xalloc(n, sizeof *a->paid),
		.u = xalloc(n, sizeof *a->u), .v = xcalloc(m, sizeof *a->v),
	};
}

static bool solve(const struct assignment *a)
{
	double *workspace = xcalloc(assign_workspace(a->n, a->m), sizeof *workspace);
	bool found = assign(a, workspace);

	free(workspace);
	return found;
}

bool assignment_of_matrix(struct assignment *a, const float *cost, size_t n, size_t m,
	double ceiling, bool margins)
{
	struct matrix_lists lists = {a, xalloc(cheapest_workspace(m), sizeof *lists.workspace)};

	start(a, n, m, ceiling);
	a->cost = cost;
	a->of = xcalloc(n + 1, sizeof *a->of);
	a->more = list_more;
	a->context = &lists;
	list_rows(a);
	bool found = solve(a);
	if (found && margins) {
		list_rows(a);
		assignment_margins(a);
	}
	lists_free(a->of, n + 1);
	free(lists.workspace);
	a->of = NULL;
	a->context = NULL;
	return found;
}

bool assignment_of_lists(struct assignment *a, struct candidates *of, size_t n, size_t m,
	double ceiling, bool (*more)(void *context, size_t i, const double *v), void *context)
{
	start(a, n, m, ceiling);
	a->of = of;
	a->more = more;
	a->context = context;
	return solve(a);
}

void assignment_free(struct assignment *a)
{
	free(a->col_of);
	free(a->row_of);
	free(a->paid);
	free(a->u);
	free(a->v);
	free(a->margin);
	*a = (struct assignment){0};
}
