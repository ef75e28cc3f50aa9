#include "distance/stage.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/bottom_k.h"
#include "kernel/k_nearest.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };	/* of a thread's workspace: no two share a cache line */
enum { RANDOM_PAIRS = 1024, RANDOM_ROWS = 64 };	/* at most: in the sample of random pairs */

/* -- Entries ----------------------------------------------------------------------------------- */

/* Room for n rows of k. */
static struct entries entries_for(size_t n, size_t k, unsigned extras, bool cols)
{
	struct entries r = {.dist = xalloc(n * sizeof(float), k)};

	if (cols)
		r.col = xalloc(n * sizeof *r.col, k);
	if (extras & ERRORS)
		r.error = xalloc(n * sizeof(float), k);
	if (extras & BOUNDS) {
		r.lower = xalloc(n * sizeof(float), k);
		r.upper = xalloc(n * sizeof(float), k);
	}
	if (extras & ITERATIONS) {
		r.iters = xalloc(n * sizeof *r.iters, k);
		r.residual = xalloc(n * sizeof(float), k);
	}
	if (extras & BEYOND)
		r.beyond = xalloc(n, sizeof *r.beyond);
	return r;
}

/* Bytes of one. */
static double entry_size(unsigned extras, bool cols)
{
	return 4 * (1 + cols + (extras & ERRORS ? 1 : 0) + (extras & BOUNDS ? 2 : 0)
		+ (extras & ITERATIONS ? 2 : 0));
}

/* From entry k on, which is of that row. */
static struct entries entries_from(const struct entries *all, size_t row, size_t k)
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
	if (r.beyond)
		r.beyond += row;
	return r;
}

static void entries_free(struct entries *r)
{
	free(r->col);
	free(r->dist);
	free(r->error);
	free(r->lower);
	free(r->upper);
	free(r->iters);
	free(r->residual);
	free(r->beyond);
}

/* The lower half of a symmetric matrix from the upper. */
static void mirror(struct entries *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			copy_entry(all, i * n + j, all, j * n + i);
}

/* -- The nearest of many ----------------------------------------------------------------------- */

/* Of n >= k entries the k nearest; they stand in the order of their columns. */
static void select_nearest(struct entries *out, const struct entries *all, size_t n, size_t k)
{
	k_nearest_begin(out->dist, out->col, k);
	for (size_t j = 0; j < n; j++)
		if (k_nearest_nearer(out->dist, out->col, all->dist[j], (uint32_t)j))
			k_nearest_replace(out->dist, out->col, k, all->dist[j], (uint32_t)j);
	k_nearest_sort(out->dist, out->col, k);
	for (size_t i = 0; i < k; i++)
		copy_entry(out, i, all, out->col[i]);
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* A stage while it is written. */
struct run {
	const struct stage *stage;
	size_t first, end, cols;	/* the rows asked for, all columns */
	size_t k, step;			/* columns written of a row, rows solved at a time */
	bool upper;			/* the upper half is solved and mirrored */
	bool select;			/* the nearest are selected from what is solved */
	struct entries block;		/* (step, k) */
	struct entries *solved;		/* (threads) of (cols), to select from */
	uint32_t *every;		/* (cols): 0, 1, 2, ... */
	float *half_dist;		/* (threads, half stages, k) */
	size_t workspace;		/* bytes of a thread */
	char *workspaces;
	size_t searched, pairs;		/* pairs of the rows so far, and those that were solved */
	bool failed;			/* a pair has no distance: ... */
	size_t failed_row, failed_col;	/* ... the first of them */
};

void stage_rows(const struct stage *s, size_t *first, size_t *end)
{
	const struct row_block *rows = &s->asked.rows;

	*first = rows->n ? s->row.n * (rows->i - 1) / rows->n : 0;
	*end = rows->n ? s->row.n * rows->i / rows->n : s->row.n;
}

static struct run run_open(const struct stage *s)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t top = s->asked.top, cols = s->col.n;
	struct run r = {.stage = s, .cols = cols, .k = top && top < cols ? top : cols,
		.upper = s->symmetric && !top && !s->asked.rows.n, .select = top && !s->nearest};

	stage_rows(s, &r.first, &r.end);
	r.step = r.upper ? s->row.n : 4 * block_rows(r.k);
	r.step = r.step < r.end - r.first ? r.step : r.end - r.first;
	unsigned extras = s->extras | (s->half_stages ? ERRORS : 0);
	memory_need((double)r.step * (double)r.k * entry_size(extras, top),
		"--top K or --rows I/N", "%zu x %zu distances", r.step, r.k);
	r.block = entries_for(r.step, r.k, extras, top);
	r.solved = xalloc(threads, sizeof *r.solved);
	for (size_t t = 0; t < threads && r.select; t++)
		r.solved[t] = entries_for(1, cols, s->extras, s->near);
	r.every = xalloc(cols, sizeof *r.every);
	for (size_t j = 0; j < cols; j++)
		r.every[j] = (uint32_t)j;
	r.half_dist = xalloc(threads * s->half_stages * sizeof(float), r.k);
	r.workspace = s->workspace;
	for (size_t h = 0; h < s->half_stages; h++)
		if (s->half_stage[h].workspace > r.workspace)
			r.workspace = s->half_stage[h].workspace;
	r.workspace = (r.workspace + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	r.workspaces = xalloc(threads, r.workspace);
	return r;
}

static void run_close(struct run *r)
{
	size_t threads = (size_t)omp_get_max_threads();
	for (size_t t = 0; t < threads && r->select; t++)
		entries_free(&r->solved[t]);
	free(r->solved);
	free(r->every);
	free(r->half_dist);
	free(r->workspaces);
	entries_free(&r->block);
}

/* False, and the pair is noted, where one of these pairs of row i has a NaN. */
static bool check_row(struct run *r, size_t i, const uint32_t *col, const float *x, size_t k)
{
	unsigned nans = 0;

	for (size_t n = 0; n < k; n++)
		nans += isnan(x[n]);
	if (nans == 0)
		return true;
	while (!isnan(*x))
		x++, col++;
	#pragma omp critical
	if (!r->failed || i < r->failed_row || (i == r->failed_row && *col < r->failed_col)) {
		r->failed = true;
		r->failed_row = i;
		r->failed_col = *col;
	}
	return false;
}

static void solve(const struct run *r, const struct stage *s, size_t thread, size_t i,
	const uint32_t *col, size_t k, struct entries *out)
{
	char *workspace = r->workspaces + thread * r->workspace;

	if (s->solve) {
		s->solve(s->context, thread, i, col, k, out);
		return;
	}
	for (size_t n = 0; n < k; n++) {
		size_t j = col[n];
		bool swap = s->symmetric && j < i;
		out->dist[n] = (float)s->pair(s->context, workspace, swap ? j : i, swap ? i : j);
	}
}

/* error[n] of row i and column col[n]. */
static void solve_errors(const struct run *r, size_t thread, size_t i, const uint32_t *col,
	size_t k, float *error)
{
	const struct stage *s = r->stage;
	float *dist = r->half_dist + thread * s->half_stages * r->k;

	for (size_t h = 0; h < s->half_stages; h++)
		solve(r, &s->half_stage[h], thread, i, col, k,
			&(struct entries){.dist = dist + h * k});
	for (size_t n = 0; n < k; n++) {
		double sum = 0;	/* of (D_r1 - D_r2)^2, over the half_stages / 2 halvings r */
		for (size_t h = 0; h < s->half_stages; h += 2)
			sum += pow((double)dist[h * k + n] - (double)dist[(h + 1) * k + n], 2);
		error[n] = s->row_undivided[i] || s->col_undivided[col[n]] ? INFINITY
			: (float)sqrt(sum / (double)(2 * s->half_stages));
	}
}

/* The k nearest of row i; false where a pair has no distance. */
static bool select_row(struct run *r, size_t thread, size_t i, size_t k, struct entries *row)
{
	const struct stage *s = r->stage;
	struct entries *solved = &r->solved[thread];
	size_t n = r->cols;

	if (s->near)
		n = s->near(s->context, thread, i, k, solved);
	else
		solve(r, s, thread, i, r->every, n, solved);
	if (!check_row(r, i, s->near ? solved->col : r->every, solved->dist, n))
		return false;
	select_nearest(row, solved, n, k);
	return true;
}

/* Of the rows that were searched, for progress. */
static void tell_share(struct run *r, size_t solved)
{
	#pragma omp critical(share)
	{
		r->searched += r->cols;
		r->pairs += solved;
		progress_detail("%.3g%% of their pairs solved",
			100 * (double)r->pairs / (double)r->searched);
	}
}

/* Row i, as row `at` of the block. */
static void solve_row(struct run *r, size_t thread, size_t i, size_t at)
{
	const struct stage *s = r->stage;
	size_t from = r->upper ? at : 0, k = r->k - from;
	struct entries row = entries_from(&r->block, at, at * r->k + from);
	const uint32_t *col = s->asked.top ? row.col : r->every + from;

	if (r->select) {
		if (!select_row(r, thread, i, k, &row))
			return;
	} else if (s->asked.top) {
		tell_share(r, s->nearest(s->context, thread, i, k, &row));
	} else {
		solve(r, s, thread, i, col, k, &row);
		check_row(r, i, col, row.dist, k);
	}
	if (s->half_stages) {
		solve_errors(r, thread, i, col, k, row.error);
		check_row(r, i, col, row.error, k);
	}
}

static void want_distances(const struct run *r)
{
	const struct stage *s = r->stage;

	if (r->failed)
		die("feature %u of layer %s and feature %u of layer %s: no distance was found",
			s->row.feature[r->failed_row], s->row.layer[r->failed_row],
			s->col.feature[r->failed_col], s->col.layer[r->failed_col]);
}

/* n rows from row0 on. */
static void solve_block(struct run *r, size_t row0, size_t n)
{
	const struct stage *s = r->stage;
	int rows_per_task = s->rows_per_task ? (int)s->rows_per_task : 1;

	#pragma omp parallel for schedule(dynamic, rows_per_task)
	for (size_t at = 0; at < n; at++) {
		solve_row(r, (size_t)omp_get_thread_num(), row0 + at, at);
		progress_add(1);
	}
	want_distances(r);
	if (r->upper)
		mirror(&r->block, s->row.n);
}

/* -- Random pairs ------------------------------------------------------------------------------ */

/* One of the k-th of `parts` equal parts of 0 .. n-1; what `salt` says. */
static size_t draw(size_t n, size_t parts, size_t k, size_t salt)
{
	size_t first = n * k / parts, end = n * (k + 1) / parts;

	return first + (size_t)(token_uniform(0, salt, (uint32_t)k) * (double)(end - first));
}

static int ascending(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Distances of random pairs, none of a feature with itself, ascending; returns how many. They
 * depend on all rows and columns only, not on the block that is asked for. Those that the first
 * block holds are not solved again. */
static size_t random_pairs(struct run *r, float *dist)
{
	const struct stage *s = r->stage;
	bool same = s->symmetric || same_ids(&s->row, &s->col);
	size_t cols = same && r->cols > 0 ? r->cols - 1 : r->cols;
	size_t rows = s->row.n < RANDOM_ROWS ? s->row.n : RANDOM_ROWS;
	size_t k = rows == 0 || cols == 0 ? 0 : RANDOM_PAIRS / rows;
	bool held = r->step == s->row.n && !s->asked.top;

	k = k < cols ? k : cols;
	if (k == 0)				/* no loop of OpenMP has a step of 0 */
		return 0;
	#pragma omp parallel for schedule(dynamic, 1)
	for (size_t at = 0; at < rows * k; at += k) {
		size_t i = draw(s->row.n, rows, at / k, 0);
		uint32_t col[RANDOM_PAIRS];
		for (size_t n = 0; n < k; n++) {
			size_t j = draw(cols, k, n, at / k + 1);
			col[n] = (uint32_t)(j + (same && j >= i));
			if (held)
				dist[at + n] = r->block.dist[i * r->cols + col[n]];
		}
		if (!held)
			solve(r, s, (size_t)omp_get_thread_num(), i, col, k,
				&(struct entries){.dist = dist + at});
		check_row(r, i, col, dist + at, k);
	}
	want_distances(r);
	qsort(dist, rows * k, sizeof *dist, ascending);
	return rows * k;
}

/* -- The stream -------------------------------------------------------------------------------- */

static void write_rows(struct sm_writer *out, const struct entries *all, size_t row0, size_t rows,
	size_t k)
{
	size_t step = block_rows(k);

	for (size_t i = 0; i < rows; i += step) {
		struct entries block = entries_from(all, i, i * k);
		write_block(out, row0 + i, rows - i < step ? rows - i : step, k, &block);
	}
}

void stage_write(struct sm_writer *out, struct sm_frame *header, const struct stage *s)
{
	struct run r = run_open(s);
	float random[RANDOM_PAIRS];
	size_t n;

	if (s->asked.top)
		sm_set_integer(header, "top", (int64_t)r.k);
	if (s->asked.budget > 0)
		sm_set_real(header, "budget", s->asked.budget);
	if (s->asked.rows.n)
		sm_set_integer(header, "first_row", (int64_t)r.first);
	progress_begin(r.end - r.first, "rows");
	for (size_t row0 = r.first; row0 < r.end && r.cols > 0; row0 += n) {
		n = r.end - row0 < r.step ? r.end - row0 : r.step;
		solve_block(&r, row0, n);
		if (row0 == r.first)
			write_distances_header(out, header, &s->row, &s->col, random,
				random_pairs(&r, random));
		write_rows(out, &r.block, row0, n, r.k);
	}
	if (r.first == r.end || r.cols == 0)
		write_distances_header(out, header, &s->row, &s->col, random,
			random_pairs(&r, random));
	progress_end();
	sm_write_end(out);
	run_close(&r);
}

void stage_join_headers(struct sm_frame *to, const struct sm_frame *header, size_t n)
{
	for (size_t k = 0; k < n; k++)
		sm_join_header(to, &header[k]);
	sm_drop(to, "model", "layer", "features", "tokens", "left_out", "sae", "d");
}

/* -- Stages between distributions -------------------------------------------------------------- */

struct comparison comparison_open(char *const *operand, const char *metric)
{
	struct comparison c = {.out = sm_writer_open(program, VERSION, opt_history())};

	c.inputs = read_distributions(operand, c.input);
	for (size_t k = 0; k < c.inputs; k++)
		stage_join_headers(&c.header, c.input[k].header, c.input[k].streams);
	sm_set_string(&c.header, "metric", metric);
	return c;
}

static struct stage open_between(const struct distributions input[2], size_t inputs,
	const struct stage_options *asked, stage_open *open)
{
	const struct distributions *row = &input[0], *col = &input[inputs - 1];
	struct stage s = {.row = row->ids, .col = col->ids, .symmetric = inputs == 1,
		.asked = *asked};

	open(&s, row, col);
	return s;
}

void stage_totals_add(struct stage_totals *to, const struct stage_totals *more)
{
	to->unconverged += more->unconverged;
	to->capped += more->capped;
	to->residual = fmaxf(to->residual, more->residual);
	to->upper += more->upper;
	to->apart += more->apart;
}

struct stage_totals comparison_write(struct comparison *c, const struct stage_options *asked,
	stage_open *open)
{
	size_t halves = 2 * asked->halvings;
	struct stage *half_stage = xalloc(halves, sizeof *half_stage);
	struct distributions (*half)[2] = xalloc(halves, sizeof *half);
	bool *undivided[2] = {xcalloc(c->input[0].ids.n, sizeof(bool)),
		xcalloc(c->input[1].ids.n, sizeof(bool))};

	for (size_t h = 0; h < halves; h++) {
		for (size_t k = 0; k < c->inputs; k++)
			half[h][k] = distributions_half(&c->input[k], h / 2, h % 2, undivided[k]);
		half_stage[h] = open_between(half[h], c->inputs, &(struct stage_options){0}, open);
	}
	struct stage whole = open_between(c->input, c->inputs, asked, open);
	whole.half_stages = halves;
	whole.half_stage = half_stage;
	whole.row_undivided = undivided[0];
	whole.col_undivided = undivided[c->inputs - 1];
	if (halves)
		sm_set_integer(&c->header, "halvings", (int64_t)asked->halvings);
	stage_write(c->out, &c->header, &whole);
	sm_writer_close(c->out);
	whole.close(&whole);
	for (size_t h = 0; h < halves; h++) {
		half_stage[h].close(&half_stage[h]);
		for (size_t k = 0; k < c->inputs; k++)
			distributions_half_free(&half[h][k]);
	}
	free(half_stage);
	free(half);
	free(undivided[0]);
	free(undivided[1]);
	return whole.totals;
}

void comparison_close(struct comparison *c)
{
	sm_frame_free(&c->header);
	distributions_free(&c->input[0]);
	distributions_free(&c->input[1]);
}
