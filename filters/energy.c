/* Energy distances between features. */
#include "base/die.h"
#include "kernel/cost.h"
#include "kernel/energy.h"
#include "distance/compare.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static const struct opt options[] = {OPT_TOP, OPT_ROWS, OPT_ERROR, OPT_THREADS, OPT_PROGRESS, OPT_END};

/* A thread's: the points of a feature, the mean distances of tokens from them, and a list of tokens. */
struct room {
	float *point, *weight, *work;
	double *mean;
	uint32_t *token;
	size_t lists, *seen;		/* lists so far; (tokens): the last that a token stands in */
};

struct work {
	const struct set *row, *col;
	bool self;
	double *row_within, *col_within;	/* E|X - X'| of each feature */
	struct room *room;
};

/* The mean distances of tokens of `to` from feature i. */
static void spread(struct room *r, const struct set *s, size_t i, const struct set *to, const uint32_t *token, size_t tokens)
{
	size_t n = points_of(s, i);

	lay_points(r->point, s->point, s->row + s->indptr[i], n, s->d);
	for (size_t k = 0; k < padded(n); k++)
		r->weight[k] = k < n ? s->weight[s->indptr[i] + k] : 0;
	mean_distances(r->mean, to->point, token, tokens, r->point, r->weight, n, s->d, r->work);
}

/* E|X - Y| of the feature spread last and feature j of s. */
static double between(const struct room *r, const struct set *s, size_t j)
{
	return expectation(r->mean, s->row + s->indptr[j], s->weight + s->indptr[j], points_of(s, j));
}

static double *within(const struct set *s, struct room *room)
{
	double *result = xalloc(s->ids.n, sizeof *result);

	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < s->ids.n; i++) {
		struct room *r = &room[omp_get_thread_num()];
		spread(r, s, i, s, s->row + s->indptr[i], points_of(s, i));
		result[i] = between(r, s, i);
	}
	return result;
}

/* Lists the tokens that those of k columns use which are not below `least`; returns how many. */
static size_t list_tokens(struct room *r, const struct set *s, const uint32_t *col, size_t k, size_t least)
{
	size_t tokens = 0;

	r->lists++;
	for (size_t n = 0; n < k; n++)
		for (size_t at = s->indptr[col[n]]; col[n] >= least && at < s->indptr[col[n] + 1]; at++)
			if (r->seen[s->row[at]] != r->lists) {
				r->seen[s->row[at]] = r->lists;
				r->token[tokens++] = s->row[at];
			}
	return tokens;
}

static float distance(double between_them, double within_one, double within_other)
{
	return (float)sqrt(fmax(2 * between_them - within_one - within_other, 0));
}

/* A pair of one set is seen from its lower feature, so that it has the same bits in both rows. */
static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct work *w = context;
	const struct set *row = w->row;
	struct room *r = &w->room[thread];
	size_t least = w->self ? i : 0;

	spread(r, row, i, w->col, r->token, list_tokens(r, w->col, col, k, least));
	for (size_t n = 0; n < k; n++)
		if (col[n] >= least)
			out->dist[n] = distance(between(r, w->col, col[n]), w->row_within[i], w->col_within[col[n]]);
	for (size_t n = 0; n < k; n++)
		if (col[n] < least) {
			spread(r, row, col[n], row, row->row + row->indptr[i], points_of(row, i));
			out->dist[n] = distance(between(r, row, i), w->row_within[col[n]], w->row_within[i]);
		}
}

static void open_stage(struct stage *stage, const struct set *row, const struct set *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t most = padded(row->most > col->most ? row->most : col->most), d = row->d > col->d ? row->d : col->d;
	size_t tokens = row->tokens > col->tokens ? row->tokens : col->tokens;
	struct work *w = xalloc(1, sizeof *w);

	*w = (struct work){.row = row, .col = col, .self = stage->self, .room = xalloc(threads, sizeof *w->room)};
	for (size_t t = 0; t < threads; t++)
		w->room[t] = (struct room){xalloc(most * sizeof(float), d), xalloc(most, sizeof(float)),
			xalloc(mean_distances_workspace(most), sizeof(float)), xalloc(tokens, sizeof(double)),
			xalloc(tokens, sizeof(uint32_t)), 0, xcalloc(tokens, sizeof(size_t))};
	w->row_within = within(row, w->room);
	w->col_within = stage->self ? w->row_within : within(col, w->room);
	stage->context = w;
	stage->solve = distances_of_row;
}

static void close_stage(void *context)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct work *w = context;

	for (size_t t = 0; t < threads; t++) {
		free(w->room[t].point);
		free(w->room[t].weight);
		free(w->room[t].work);
		free(w->room[t].mean);
		free(w->room[t].token);
		free(w->room[t].seen);
	}
	free(w->room);
	free(w->row_within);
	if (!w->self)
		free(w->col_within);
	free(w);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "energy [OPTION]... [A [B]]",
		"Energy distances between features of two sets, or of one with itself.", 2);
	struct comparison c = read_comparison(operand, "energy");

	run_comparison(&c, open_stage, close_stage);
	comparison_free(&c);
	free(operand);
	return 0;
}
