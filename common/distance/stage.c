#include "distance/stage.h"

#include "base/die.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

size_t top_k;
struct part row_part;

/* Room for n rows of k. */
static struct entries rows_for(size_t n, size_t k, unsigned given, bool cols)
{
	struct entries r = {.dist = xalloc(n * sizeof(float), k)};

	if (cols)
		r.col = xalloc(n * sizeof *r.col, k);
	if (given & ERRORS)
		r.error = xalloc(n * sizeof(float), k);
	if (given & BOUNDS) {
		r.lower = xalloc(n * sizeof(float), k);
		r.upper = xalloc(n * sizeof(float), k);
	}
	if (given & ITERATIONS) {
		r.iters = xalloc(n * sizeof *r.iters, k);
		r.residual = xalloc(n * sizeof(float), k);
	}
	return r;
}

static struct entries entries_from(const struct entries *all, size_t k)
{
	struct entries r = *all;

	r.dist += k;
	if (r.col)
		r.col += k;
	if (r.error)
		r.error += k;
	if (r.lower) {
		r.lower += k;
		r.upper += k;
	}
	if (r.iters) {
		r.iters += k;
		r.residual += k;
	}
	return r;
}

static void rows_free(struct entries *r)
{
	free(r->col);
	free(r->dist);
	free(r->error);
	free(r->lower);
	free(r->upper);
	free(r->iters);
	free(r->residual);
}

/* The lower half of a symmetric matrix from the upper. */
static void mirror(struct entries *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			copy_entry(all, i * n + j, all, j * n + i);
}

/* Is the entry (dist, col) a farther one than entry a of the heap? */
static bool farther(const struct entries *heap, size_t a, float dist, uint32_t col)
{
	return heap->dist[a] < dist || (heap->dist[a] == dist && heap->col[a] < col);
}

/* Column j, at `dist`, takes the place of the farthest in a heap of k. */
static void replace(struct entries *heap, size_t k, float dist, uint32_t col)
{
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < k; at = child) {
		if (child + 1 < k && farther(heap, child, heap->dist[child + 1], heap->col[child + 1]))
			child++;
		if (!farther(&(struct entries){.dist = &dist, .col = &col}, 0, heap->dist[child], heap->col[child]))
			break;
		heap->dist[at] = heap->dist[child];
		heap->col[at] = heap->col[child];
	}
	heap->dist[at] = dist;
	heap->col[at] = col;
}

/* The k nearest of a whole row. */
static void select_nearest(struct entries *out, const struct entries *whole, size_t cols, size_t k)
{
	for (size_t i = 0; i < k; i++) {
		out->dist[i] = INFINITY;
		out->col[i] = UINT32_MAX;
	}
	for (size_t j = 0; j < cols; j++)
		if (!farther(out, 0, whole->dist[j], (uint32_t)j))
			replace(out, k, whole->dist[j], (uint32_t)j);
	for (size_t left = k; left-- > 1; ) {		/* a heap sort: the farthest goes last */
		float dist = out->dist[left];
		uint32_t col = out->col[left];
		out->dist[left] = out->dist[0];
		out->col[left] = out->col[0];
		replace(out, left, dist, col);
	}
	for (size_t i = 0; i < k; i++)
		copy_entry(out, i, whole, out->col[i]);
}

/* dist: (halves, k). */
static void take_errors(const struct stage *s, size_t thread, size_t i, const uint32_t *col, size_t k, float *error, float *dist)
{
	for (size_t h = 0; h < s->halves; h++)
		s->half[h].solve(s->half[h].context, thread, i, col, k, &(struct entries){.dist = dist + h * k});
	for (size_t n = 0; n < k; n++) {
		double sum = 0;
		for (size_t h = 0; h < s->halves; h += 2)
			sum += pow((double)dist[h * k + n] - (double)dist[(h + 1) * k + n], 2);
		error[n] = s->row_undivided[i] || s->col_undivided[col[n]] ? INFINITY
			: (float)sqrt(sum / (double)(2 * s->halves));
	}
}

static void write_rows(struct sm_writer *out, const struct entries *all, size_t row0, size_t rows, size_t k)
{
	size_t step = block_rows(k);

	for (size_t i = 0; i < rows; i += step) {
		struct entries block = entries_from(all, i * k);
		write_block(out, row0 + i, rows - i < step ? rows - i : step, k, &block);
	}
}

void stage_rows(const struct stage *s, size_t *first, size_t *end)
{
	*first = row_part.n ? s->row.n * (row_part.i - 1) / row_part.n : 0;
	*end = row_part.n ? s->row.n * row_part.i / row_part.n : s->row.n;
}

void write_stage(struct sm_writer *out, struct sm_frame *header, const struct stage *s)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t rows = s->row.n, cols = s->col.n, k = top_k && top_k < cols ? top_k : cols;
	bool half = s->self && !top_k && !row_part.n, choose = top_k && !s->nearest;
	size_t first, end;

	stage_rows(s, &first, &end);
	size_t step = half ? rows : 4 * block_rows(k);
	int together = s->together ? (int)s->together : 1;

	if (top_k)
		sm_set_integer(header, "top", (int64_t)k);
	if (row_part.n)
		sm_set_integer(header, "first_row", (int64_t)first);
	write_distances_header(out, header, &s->row, &s->col);
	step = step < end - first ? step : end - first;
	struct entries all = rows_for(step, k, s->given | (s->halves ? ERRORS : 0), top_k), *whole = xalloc(threads, sizeof *whole);
	float *apart = xalloc(threads * s->halves * sizeof *apart, k);
	uint32_t *every = xalloc(cols, sizeof *every);
	for (size_t j = 0; j < cols; j++)
		every[j] = (uint32_t)j;
	for (size_t t = 0; t < threads && choose; t++)
		whole[t] = rows_for(1, cols, s->given, false);
	for (size_t row0 = first; row0 < end && cols > 0; row0 += step) {
		size_t n = end - row0 < step ? end - row0 : step, done = 0;
		#pragma omp parallel for schedule(dynamic, together)
		for (size_t r = 0; r < n; r++) {
			size_t thread = (size_t)omp_get_thread_num(), from = half ? r : 0;
			struct entries row = entries_from(&all, r * k + from);
			const uint32_t *col = top_k ? row.col : every + from;
			if (choose) {
				s->solve(s->context, thread, row0 + r, every, cols, &whole[thread]);
				select_nearest(&row, &whole[thread], cols, k);
			} else if (top_k) {
				s->nearest(s->context, thread, row0 + r, k, &row);
			} else {
				s->solve(s->context, thread, row0 + r, col, k - from, &row);
			}
			if (s->halves)
				take_errors(s, thread, row0 + r, col, k - from, row.error, apart + thread * s->halves * k);
			#pragma omp critical
			progress(row0 - first + ++done, end - first, "rows");
		}
		if (half)
			mirror(&all, rows);
		write_rows(out, &all, row0, n, k);
	}
	for (size_t t = 0; t < threads && choose; t++)
		rows_free(&whole[t]);
	free(whole);
	free(every);
	free(apart);
	rows_free(&all);
	sm_write_end(out);
}

void run_stage(struct sm_writer *out, struct sm_frame *header, const struct stage *s)
{
	write_stage(out, header, s);
	sm_writer_close(out);
}
