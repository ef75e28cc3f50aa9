#include "match/match_score.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "kernel/bootstrap.h"
#include "kernel/nearest.h"
#include "match/assignment.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* -- The table --------------------------------------------------------------------------------- */

struct match_scores match_scores_open(void)
{
	static const char *const column[] = {"value", "low", "high", "best", "random", NULL};

	return (struct match_scores){.table = {.column = column}};
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
		(const double[]){s->value, s->low, s->high, s->best, s->random});
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

/* The distances from the rows of the pairs that count to all columns. */
struct pair_table {
	size_t n, m, cols;		/* cols of the m columns count */
	uint32_t *pair, *at;		/* (n) */
	float *dist;			/* (n, m) */
};

static double score_of(const struct measure *by, float dist)
{
	return by->distance ? (double)dist : 1 - (double)dist;
}

static bool counts(const struct measure *by, int side, uint32_t place)
{
	return !by->label || by->label[side][place] > 0;
}

static struct pair_table table_of(const struct measure *by, const struct placed_pairs *p)
{
	struct pair_table t = {.m = p->m};

	t.pair = xalloc(p->n, sizeof *t.pair);
	t.at = xalloc(p->n, sizeof *t.at);
	for (size_t i = 0; i < p->n; i++)
		if (counts(by, 0, p->row[i]) && counts(by, 1, p->col[i])) {
			t.at[t.n] = p->at[i];
			t.pair[t.n++] = (uint32_t)i;
		}
	for (size_t j = 0; j < p->m; j++)
		t.cols += counts(by, 1, p->all[j]);
	memory_need((double)t.n * (double)t.m * sizeof *t.dist, NULL, "scores of %zu x %zu pairs",
		t.n, t.m);
	t.dist = xalloc(t.n * sizeof *t.dist, t.m);
	progress_begin(t.n, by->name);
	#pragma omp parallel for schedule(dynamic, 8)
	for (size_t k = 0; k < t.n; k++) {
		struct entries row = {.dist = t.dist + k * t.m};
		size_t thread = (size_t)omp_get_thread_num();
		by->solve(by->context, thread, p->row[t.pair[k]], p->all, t.m, &row);
		progress_add(1);
	}
	progress_end();
	return t;
}

static void keep_certified(struct pair_table *t, const uint8_t *certified)
{
	size_t n = 0;

	for (size_t k = 0; k < t->n; k++)
		if (certified[t->pair[k]]) {
			t->pair[n] = t->pair[k];
			t->at[n] = t->at[k];
			memmove(t->dist + n++ * t->m, t->dist + k * t->m, t->m * sizeof *t->dist);
		}
	t->n = n;
}

static void table_free(struct pair_table *t)
{
	free(t->pair);
	free(t->at);
	free(t->dist);
}

/* The best columns for the rows of the table: by another assignment, or, where columns may repeat,
 * each row's nearest. */
static void best_columns(uint32_t *col, const struct pair_table *t, bool repeat)
{
	if (repeat) {
		float *paid = xalloc(t->n, sizeof *paid);
		double *margin = xalloc(t->n, sizeof *margin);
		nearest_columns(col, paid, margin, t->dist, NULL, t->n, t->m);
		free(margin);
		free(paid);
		return;
	}
	struct assignment best;
	if (!assignment_of_matrix(&best, t->dist, t->n, t->m, INFINITY, false))
		die("infinite distances leave no best assignment");
	memcpy(col, best.col_of, t->n * sizeof *col);
	assignment_free(&best);
}

/* value = mean over pairs, best = mean over the best columns, random = mean over rows and all
 * columns. */
static struct match_score score_table(const struct pair_table *t, const struct measure *by,
	bool repeat, const struct resampling *how)
{
	struct match_score s = {.pairs = (uint32_t)t->n};
	double *part = xalloc(t->n, sizeof *part), *one = xalloc(t->n, sizeof *one);
	double best = 0, sum = 0;
	uint32_t *col = xalloc(t->n, sizeof *col);

	best_columns(col, t, repeat);
	for (size_t k = 0; k < t->n; k++) {
		const float *dist = t->dist + k * t->m;
		part[k] = score_of(by, dist[t->at[k]]);
		one[k] = 1;
		best += score_of(by, dist[col[k]]);
		for (size_t j = 0; j < t->m; j++)
			sum += score_of(by, dist[j]);
	}
	s.best = best / (double)t->n;
	s.random = sum / (double)t->n / (double)t->cols;
	match_score_interval(&s, part, one, t->n, how);
	free(col);
	free(part);
	free(one);
	return s;
}

static void add_table(struct match_scores *to, const char *suffix, const struct pair_table *t,
	const struct measure *by, bool repeat, const struct resampling *how)
{
	if (t->n == 0)
		return;
	struct match_score s = score_table(t, by, repeat, how);
	char *name = xasprintf("%s%s", by->name, suffix);

	match_scores_add(to, name, &s);
	free(name);
}

void match_scores_measure(struct match_scores *to, float *each, const struct measure *by,
	const struct placed_pairs *p, const struct resampling *how)
{
	struct pair_table t = table_of(by, p);

	for (size_t i = 0; i < p->n; i++)
		each[i] = -1;
	for (size_t k = 0; k < t.n; k++)
		each[t.pair[k]] = (float)score_of(by, t.dist[k * t.m + t.at[k]]);
	add_table(to, "", &t, by, p->repeat, how);
	if (p->certified) {
		keep_certified(&t, p->certified);
		add_table(to, "/certified", &t, by, p->repeat, how);
	}
	table_free(&t);
}
