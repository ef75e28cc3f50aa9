#include "match/assignment.h"

#include "base/die.h"
#include "base/progress.h"
#include "base/simd.h"
#include "kernel/margins.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

enum { FIRST_LISTED = 32, MARGIN_LISTED = 512, STRIP = 16 };

static void sift(struct candidate *heap, size_t n, size_t at)
{
	struct candidate x = heap[at];

	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		child += child + 1 < n && heap[child + 1].key > heap[child].key;
		if (heap[child].key <= x.key)
			break;
		heap[at] = heap[child];
	}
	heap[at] = x;
}

/* The first column from j on, in steps of a strip, where one of a strip costs less than `limit`; or
 * what is left. */
MULTIVERSION
static size_t next_below(const float *cost, const double *v, size_t j, size_t end, double limit)
{
	for (; j + STRIP <= end; j += STRIP) {
		int any = 0;
		for (size_t k = j; k < j + STRIP; k++)
			any |= (double)cost[k] - v[k] < limit;
		if (any)
			break;
	}
	return j;
}

/* Lists the `count` columns of row i with the least c_ij - v_j, for which there is room: the
 * farthest of those kept is on top of a heap, and gives way to any that is nearer. Of equals those
 * that come first from column i on cyclically, so that rows that like all columns alike list
 * different ones. */
static void list_row(struct candidates *of, const float *cost, size_t i, size_t m, const double *v,
	size_t count)
{
	struct candidate *at = of->at;
	size_t n = 0, first = i % m;

	cost += i * m;
	for (int half = 0; half < 2; half++)
		for (size_t j = half ? 0 : first, end = half ? first : m; j < end; ) {
			if (n == count)
				j = next_below(cost, v, j, end, at[0].key);
			for (size_t stop = j + STRIP < end ? j + STRIP : end; j < stop; j++) {
				double key = (double)cost[j] - v[j];
				if (n == count && key < at[0].key) {
					at[0] = (struct candidate){key, cost[j], (uint32_t)j};
					sift(at, n, 0);
				} else if (n < count && key < INFINITY) {
					at[n++] = (struct candidate){key, cost[j], (uint32_t)j};
					for (size_t l = n / 2; n == count && l-- > 0; )
						sift(at, n, l);
				}
			}
		}
	of->beyond = count < m && n == count ? at[0].key : INFINITY;
	for (size_t l = n / 2; n < count && l-- > 0; )
		sift(at, n, l);
	for (size_t left = n; left-- > 1; ) {		/* a heap sort: the dearest goes last */
		struct candidate x = at[0];
		at[0] = at[left];
		at[left] = x;
		sift(at, left, 0);
	}
	of->n = n;
}

static bool list_more(void *context, size_t i, const double *v)
{
	struct assignment *a = context;
	struct candidates *of = &a->of[i];
	double before = of->beyond;

	while (of->beyond == before) {
		size_t count = 2 * of->n < a->m ? 2 * of->n : a->m;
		of->at = xrealloc(of->at, count, sizeof *of->at);
		list_row(of, a->cost, i, a->m, v, count);
	}
	return true;
}

static void list_rows(const struct assignment *a, size_t count)
{
	if (count > a->m)
		count = a->m;
	for (size_t i = 0; i < a->n; i++)
		a->of[i].at = xrealloc(a->of[i].at, count, sizeof *a->of[i].at);
	#pragma omp parallel for schedule(dynamic, 16)
	for (size_t i = 0; i < a->n; i++)
		list_row(&a->of[i], a->cost, i, a->m, a->v, count);
}

/* STRIP columns of the matrix, close together: (n, STRIP). */
static void take_strip(float *strip, const struct assignment *a, size_t j, size_t count)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < count; k++)
			strip[i * STRIP + k] = a->cost[i * a->m + j + k];
}

static void find_margins(struct assignment *a)
{
	size_t n = a->n, m = a->m, threads = (size_t)omp_get_max_threads();
	size_t room = margin_workspace(n, m), strip_size = a->cost ? n * STRIP : 0;
	double *arrival = xalloc(n, sizeof *arrival);
	double *workspaces = xalloc(threads * sizeof *workspaces, room);
	float *strips = xalloc(threads * sizeof *strips, strip_size);

	a->margin = xcalloc(n, sizeof *a->margin);
	#pragma omp parallel for
	for (size_t i = 0; i < n; i++)
		margin_arcs(a, i);
	margin_arrivals(arrival, a, workspaces);
	progress_begin(m, "margins");
	#pragma omp parallel for schedule(dynamic)
	for (size_t j = 0; j < m; j += STRIP) {
		size_t thread = (size_t)omp_get_thread_num();
		size_t count = m - j < STRIP ? m - j : STRIP;
		float *strip = a->cost ? strips + thread * strip_size : NULL;
		if (strip)
			take_strip(strip, a, j, count);
		for (size_t k = 0; k < count; k++) {
			uint32_t i = a->row_of[j + k];
			struct margin_column column = {strip + k, STRIP};
			if (i != UNASSIGNED)
				a->margin[i] = margin_of_row(a, i, strip ? &column : NULL, arrival,
					workspaces + thread * room);
		}
		progress_add(count);
	}
	progress_end();
	free(strips);
	free(workspaces);
	free(arrival);
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
	double *workspace = xalloc(assign_workspace(a->n, a->m), sizeof *workspace);
	bool found = assign(a, workspace);

	free(workspace);
	return found;
}

bool assignment_of_matrix(struct assignment *a, const float *cost, size_t n, size_t m,
	double ceiling, bool margins)
{
	start(a, n, m, ceiling);
	a->cost = cost;
	a->of = xcalloc(n, sizeof *a->of);
	a->more = list_more;
	a->context = a;
	list_rows(a, FIRST_LISTED);
	bool found = solve(a);
	if (found && margins) {
		list_rows(a, m < MARGIN_LISTED ? m : MARGIN_LISTED * MARGIN_LISTED / m + 64);
		find_margins(a);
	}
	for (size_t i = 0; i < n; i++)
		free(a->of[i].at);
	free(a->of);
	a->of = NULL;
	return found;
}

bool assignment_of_lists(struct assignment *a, struct candidates *of, size_t n, size_t m,
	double ceiling, bool (*more)(void *context, size_t i, const double *v), void *context)
{
	start(a, n, m, ceiling);
	a->of = of;
	a->more = more;
	a->context = context;
	bool found = solve(a);
	if (found)
		find_margins(a);
	return found;
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
