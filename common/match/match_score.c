#include "match/match_score.h"

#include "base/die.h"
#include "base/progress.h"
#include "kernel/bootstrap.h"
#include "match/assignment.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* -- The table --------------------------------------------------------------------------------- */

struct match_scores match_scores_open(bool areas)
{
	static const char *const plain[] = {"value", "low", "high", "best", "random", NULL};
	static const char *const all[] = {"value", "low", "high", "best", "random", "area", NULL};

	return (struct match_scores){.table = {.column = areas ? all : plain}};
}

void match_scores_free(struct match_scores *to)
{
	scores_free(&to->table);
	free(to->pairs);
}

void match_scores_add(struct match_scores *to, const char *name, const struct match_score *s)
{
	to->pairs = xrealloc(to->pairs, to->table.n + 1, sizeof *to->pairs);
	to->pairs[to->table.n] = s->pairs;
	scores_add(&to->table, name,
		(const double[]){s->value, s->low, s->high, s->best, s->random, s->area});
}

void match_scores_write(struct sm_writer *out, const struct match_scores *scores)
{
	struct sm_frame frame = {0};

	scores_set(&frame, &scores->table);
	sm_set_tensor(&frame, "pairs", SM_U4, scores->pairs, scores->table.n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

void match_score_interval(struct match_score *s, const double *part, const double *whole, size_t n,
	const struct resampling *how)
{
	size_t threads = (size_t)omp_get_max_threads();
	double *drawn = xalloc(how->draws, sizeof *drawn);

	s->value = ratio_of_sums(part, whole, n);
	bootstrap_interval(&s->low, &s->high, part, whole, n, drawn, how->draws, how->seed,
		threads);
	free(drawn);
}

/* -- By distances ------------------------------------------------------------------------------ */

enum { LISTED = 32, MORE = 4, ROWS_AT_A_TIME = 16 };

/* The rows of the pairs that count. Their distances to all columns are in memory for a few rows at
 * a time. */
struct pair_rows {
	const struct measure *by;
	const struct placed_pairs *placed;
	size_t n, m, cols;		/* cols of the m columns count */
	uint32_t *pair;			/* (n) */
	float *paid, *least;		/* (n): the pair's distance, and the least of the row */
	struct candidates *of;		/* (n): the cheapest columns; NULL: of no assignment */
	double sum[2];			/* of all scores of all rows, and of the certified */
	size_t together, step;		/* rows that are solved in turn, rows at a time */
	float *dist;			/* (step, m) */
	double *workspace;		/* of each thread, for a list */
};

static double score_of(const struct measure *by, float dist)
{
	return by->distance ? (double)dist : 1 - (double)dist;
}

static bool counts(const struct measure *by, int side, uint32_t place)
{
	return !by->label || by->label[side][place] > 0;
}

static bool certified(const struct pair_rows *t, size_t k)
{
	return t->placed->certified && t->placed->certified[t->pair[k]];
}

/* The distances of row k. */
static void solve_row(const struct pair_rows *t, size_t k, float *dist)
{
	const struct placed_pairs *p = t->placed;
	struct entries row = {.dist = dist};

	t->by->solve(t->by->context, (size_t)omp_get_thread_num(), p->row[t->pair[k]], p->all,
		t->m, &row);
}

static void make_lists(struct candidates *of, size_t n, size_t count)
{
	for (size_t k = 0; k < n; k++)
		of[k].at = xrealloc(of[k].at, count, sizeof *of[k].at);
}

static void list_row(const struct pair_rows *t, struct candidates *of, size_t k, const float *dist,
	const double *prices, size_t count)
{
	size_t thread = (size_t)omp_get_thread_num();

	cheapest_of_row(of, count, dist, prices, t->m, k % t->m,
		t->workspace + thread * cheapest_workspace(t->m));
}

/* What is kept of the rows from `first` on. */
static void take_rows(struct pair_rows *t, size_t first, size_t rows, const double *prices)
{
	size_t m = t->m, listed = LISTED < m ? LISTED : m;
	int together = (int)t->together;

	#pragma omp parallel for schedule(dynamic, together)
	for (size_t k = first; k < first + rows; k++) {
		float *dist = t->dist + (k - first) * m;
		solve_row(t, k, dist);
		t->paid[k] = dist[t->placed->at[t->pair[k]]];
		t->least[k] = dist[0];
		for (size_t j = 1; j < m; j++)
			t->least[k] = dist[j] < t->least[k] ? dist[j] : t->least[k];
		if (t->of)
			list_row(t, &t->of[k], k, dist, prices, listed);
		progress_add(1);
	}
	for (size_t k = first; k < first + rows; k++) {		/* in one order for all threads */
		const float *dist = t->dist + (k - first) * m;
		bool both = certified(t, k);
		for (size_t j = 0; j < m; j++) {
			double score = score_of(t->by, dist[j]);
			t->sum[0] += score;
			t->sum[1] += both ? score : 0;
		}
	}
}

static struct pair_rows rows_of(const struct measure *by, const struct placed_pairs *p)
{
	struct pair_rows t = {.by = by, .placed = p, .m = p->m,
		.together = by->rows_per_task ? by->rows_per_task : 1};
	size_t threads = (size_t)omp_get_max_threads();

	t.pair = xalloc(p->n, sizeof *t.pair);
	for (size_t i = 0; i < p->n; i++)
		if (counts(by, 0, p->row[i]) && counts(by, 1, p->col[i]))
			t.pair[t.n++] = (uint32_t)i;
	for (size_t j = 0; j < p->m; j++)
		t.cols += counts(by, 1, p->all[j]);
	t.paid = xalloc(t.n, sizeof *t.paid);
	t.least = xalloc(t.n, sizeof *t.least);
	if (!p->repeat || (by->assigned && t.n <= t.m)) {
		t.of = xcalloc(t.n, sizeof *t.of);
		make_lists(t.of, t.n, LISTED < t.m ? LISTED : t.m);
	}
	t.step = threads * (t.together > ROWS_AT_A_TIME ? t.together : ROWS_AT_A_TIME);
	t.dist = xalloc(t.step * sizeof *t.dist, t.m);
	t.workspace = xalloc(threads * sizeof *t.workspace, cheapest_workspace(t.m));
	double *prices = xcalloc(t.m, sizeof *prices);
	progress_begin(t.n, by->name);
	for (size_t k = 0; k < t.n; k += t.step)
		take_rows(&t, k, t.n - k < t.step ? t.n - k : t.step, prices);
	progress_end();
	free(prices);
	return t;
}

static void rows_free(struct pair_rows *t)
{
	free(t->pair);
	free(t->paid);
	free(t->least);
	if (t->of)
		lists_free(t->of, t->n);
	free(t->dist);
	free(t->workspace);
}

/* An assignment of some of the rows, which are solved again when a search asks for more of them. */
struct best {
	const struct pair_rows *rows;
	size_t n;
	uint32_t *row;			/* (n): which */
	struct candidates *of;		/* (n + 1) */
	bool *fresh;			/* (n): listed again since more was asked for */
};

/* Lists row k at these prices, so that its `beyond` rises: as many times MORE columns as of those
 * listed are still nearer than all others. (Prices that fell made others of the list dearer.) */
static void list_again(const struct best *b, size_t k, const double *v)
{
	const struct pair_rows *t = b->rows;
	struct candidates *of = &b->of[k];
	double before = of->beyond;
	size_t count = 0;

	for (size_t e = 0; e < of->n; e++)
		count += (double)of->at[e].cost - v[of->at[e].col] < before;
	solve_row(t, b->row[k], t->dist);
	for (count *= MORE; of->beyond <= before; count *= 2) {
		count = count > LISTED ? count : LISTED;
		count = count < t->m ? count : t->m;
		make_lists(of, 1, count);
		list_row(t, of, k, t->dist, v, count);
	}
}

/* Rows that are solved together are listed together: others of them are soon asked for, too. */
static bool list_more(void *context, size_t i, const double *v)
{
	struct best *b = context;
	size_t together = b->rows->together, first = i / together * together;

	if (b->fresh[i]) {
		b->fresh[i] = false;
		return true;
	}
	for (size_t k = first; k < b->n && k < first + together; k++)
		if (k == i || b->of[k].beyond < INFINITY) {
			list_again(b, k, v);
			b->fresh[k] = k != i;
		}
	return true;
}

/* The scores of the nearest columns of these n rows. */
static void nearest_scores(double *score, const struct pair_rows *t, const uint32_t *row, size_t n)
{
	for (size_t k = 0; k < n; k++)
		score[k] = score_of(t->by, t->least[row[k]]);
}

/* The scores of these n rows by their best assignment. */
static void assigned_scores(double *score, const struct pair_rows *t, uint32_t *row, size_t n)
{
	struct best b = {t, n, row, xcalloc(n + 1, sizeof *b.of), xcalloc(n, sizeof *b.fresh)};
	struct assignment best = {0};

	for (size_t k = 0; k < n; k++) {
		const struct candidates *from = &t->of[row[k]];
		b.of[k].at = xalloc(from->n, sizeof *from->at);
		memcpy(b.of[k].at, from->at, from->n * sizeof *from->at);
		b.of[k].n = from->n;
		b.of[k].beyond = from->beyond;
	}
	if (!assignment_of_lists(&best, b.of, n, t->m, INFINITY, list_more, &b))
		die("infinite distances leave no best assignment");
	for (size_t k = 0; k < n; k++)
		score[k] = score_of(t->by, best.paid[k]);
	assignment_free(&best);
	lists_free(b.of, n + 1);
	free(b.fresh);
}

/* The mean over the pairs that count of the mean score of all that are no dearer; covered as
 * match_score.h says, or NULL. */
static double coverage(float *covered, const struct pair_rows *t, const float *each, bool some)
{
	const struct placed_pairs *p = t->placed;
	double *score = xalloc(p->n, sizeof *score), *one = xalloc(p->n, sizeof *one);
	double sum = 0, n = 0, area = 0;

	for (size_t e = 0; e < p->n; e++) {
		uint32_t i = p->order[e];
		one[e] = counts(t->by, 0, p->row[i]) && counts(t->by, 1, p->col[i])
			&& (!some || p->certified[i]);
		score[e] = one[e] > 0 ? (double)each[i] : 0;
	}
	placed_pairs_level(score, p);
	placed_pairs_level(one, p);
	for (size_t e = 0; e < p->n; e++) {
		sum += score[e];
		n += one[e];
		area += one[e] > 0 ? one[e] * sum / n : 0;
		if (covered)
			covered[e] = n > 0 ? (float)(sum / n) : NAN;
	}
	free(score);
	free(one);
	return area / n;
}

/* The mean of n scores with its interval, as a score of its own. */
static void add_mean(struct match_scores *to, const char *name, const struct match_score *like,
	const double *score, const double *one, size_t n, const struct resampling *how)
{
	struct match_score s = *like;

	match_score_interval(&s, score, one, n, how);
	s.best = s.value;
	s.area = NAN;
	match_scores_add(to, name, &s);
}

/* value = mean over pairs, best = mean over the best columns, random = mean over rows and all
 * columns: of all rows, or of the certified. covered: of all. */
static void add_rows(struct match_scores *to, const struct pair_rows *t, const float *each,
	float *covered, bool some, const struct resampling *how)
{
	uint32_t *row = xalloc(t->n, sizeof *row);
	double *part = xalloc(t->n, sizeof *part), *one = xalloc(t->n, sizeof *one);
	double *nearest = xalloc(t->n, sizeof *nearest), *assigned = xalloc(t->n, sizeof *one);
	size_t n = 0;

	for (size_t k = 0; k < t->n; k++)
		if (!some || certified(t, k)) {
			part[n] = score_of(t->by, t->paid[k]);
			one[n] = 1;
			row[n++] = (uint32_t)k;
		}
	if (n > 0) {
		char *name = xasprintf("%s%s", t->by->name, some ? "/certified" : "");
		nearest_scores(nearest, t, row, n);
		if (t->of)
			assigned_scores(assigned, t, row, n);
		struct match_score s = {.pairs = (uint32_t)n,
			.best = ratio_of_sums(t->placed->repeat ? nearest : assigned, one, n),
			.random = t->sum[some] / (double)n / (double)t->cols,
			.area = coverage(some ? NULL : covered, t, each, some)};
		match_score_interval(&s, part, one, n, how);
		match_scores_add(to, name, &s);
		if (!some && t->by->nearest)
			add_mean(to, t->by->nearest, &s, nearest, one, n, how);
		if (!some && t->by->assigned && t->of)
			add_mean(to, t->by->assigned, &s, assigned, one, n, how);
		free(name);
	}
	free(row);
	free(part);
	free(one);
	free(nearest);
	free(assigned);
}

void match_scores_measure(struct match_scores *to, float *each, float *covered,
	const struct measure *by, const struct placed_pairs *p, const struct resampling *how)
{
	struct pair_rows t = rows_of(by, p);

	for (size_t i = 0; i < p->n; i++)
		each[i] = -1;
	for (size_t k = 0; k < t.n; k++)
		each[t.pair[k]] = (float)score_of(by, t.paid[k]);
	for (size_t i = 0; i < p->n; i++)
		covered[i] = NAN;
	add_rows(to, &t, each, covered, false, how);
	if (p->certified)
		add_rows(to, &t, each, NULL, true, how);
	rows_free(&t);
}
