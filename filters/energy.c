/* Energy distances between features. */
#include "cost.h"
#include "die.h"
#include "energy.h"
#include "set.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static const struct opt options[] = {OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END};

/* A thread's: the points of a feature, and the mean distances of tokens from them. */
struct room {
	float *point, *weight, *work;
	double *mean;
};

struct work {
	const struct set *row, *col;
	bool self;
	double *row_within, *col_within;	/* E|X - X'| of each feature */
	uint32_t *token;			/* of the columns from j on: the first tokens[j] of these */
	size_t *tokens;
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
	double *result = need(s->ids.n, sizeof *result);

	#pragma omp parallel for num_threads(threads) schedule(dynamic)
	for (size_t i = 0; i < s->ids.n; i++) {
		struct room *r = &room[omp_get_thread_num()];
		spread(r, s, i, s, s->row + s->indptr[i], points_of(s, i));
		result[i] = between(r, s, i);
	}
	return result;
}

static void order_tokens(struct work *w)
{
	const struct set *s = w->col;
	bool *seen = need_zero(s->tokens, sizeof *seen);
	size_t n = 0;

	w->token = need(s->tokens, sizeof *w->token);
	w->tokens = need(s->ids.n + 1, sizeof *w->tokens);
	for (size_t j = s->ids.n; j-- > 0; w->tokens[j] = n)
		for (size_t k = s->indptr[j]; k < s->indptr[j + 1]; k++)
			if (!seen[s->row[k]]) {
				seen[s->row[k]] = true;
				w->token[n++] = s->row[k];
			}
	free(seen);
}

static float distance(double between_them, double within_one, double within_other)
{
	return (float)sqrt(fmax(2 * between_them - within_one - within_other, 0));
}

/* A pair of one set is seen from its lower feature, so that it has the same bits in both rows. */
static void distances_of_row(void *context, size_t thread, size_t i, size_t from, struct entries *out)
{
	const struct work *w = context;
	const struct set *row = w->row, *col = w->col;
	struct room *r = &w->room[thread];

	for (; w->self && from < i; from++) {
		spread(r, row, from, row, row->row + row->indptr[i], points_of(row, i));
		out->dist[from] = distance(between(r, row, i), w->row_within[from], w->row_within[i]);
	}
	spread(r, row, i, col, w->token, w->tokens[from]);
	for (size_t j = from; j < col->ids.n; j++)
		out->dist[j] = distance(between(r, col, j), w->row_within[i], w->col_within[j]);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "energy [OPTION]... [A [B]]",
		"Energy distances between features of two sets, or of one with itself.", 2);
	struct writer *out = writer_open();
	struct set set[2];
	struct frame header;
	size_t sets = read_sets(operand, set);
	const struct set *row = &set[0], *col = &set[sets - 1];
	struct stage stage = sets_stage(set, sets);
	struct work w = {.row = row, .col = col, .self = stage.self, .room = need(threads, sizeof *w.room)};
	size_t most = padded(row->most > col->most ? row->most : col->most), d = row->d > col->d ? row->d : col->d;
	size_t tokens = row->tokens > col->tokens ? row->tokens : col->tokens;

	for (size_t t = 0; t < threads; t++)
		w.room[t] = (struct room){need(most * sizeof(float), d), need(most, sizeof(float)),
			need(mean_distances_workspace(most), sizeof(float)), need(tokens, sizeof(double))};
	w.row_within = within(row, w.room);
	w.col_within = stage.self ? w.row_within : within(col, w.room);
	order_tokens(&w);
	stage.context = &w;
	stage.solve = distances_of_row;

	sets_header(set, sets, &header);
	set_string(&header, "metric", "energy");
	run_stage(out, &header, &stage);
	for (size_t t = 0; t < threads; t++) {
		free(w.room[t].point);
		free(w.room[t].weight);
		free(w.room[t].work);
		free(w.room[t].mean);
	}
	free(w.room);
	free(w.row_within);
	if (!stage.self)
		free(w.col_within);
	free(w.token);
	free(w.tokens);
	frame_free(&header);
	set_free(&set[0]);
	set_free(&set[1]);
	free(operand);
	return 0;
}
