/* Energy distances: D^2 = 2 E|X - Y| - E|X - X'| - E|Y - Y'|, X and X' drawn from one feature's
 * distribution, Y and Y' from the other's. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/stage.h"
#include "kernel/cost.h"
#include "kernel/energy.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

static struct stage_options asked;

static const struct opt options[] = {
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_ERROR(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What one thread works in: a feature's points, the mean distance of each token from them, and a
 * list of tokens. */
struct scratch {
	float *point, *weight, *workspace;
	double *mean;			/* (tokens): E|x - Y| of token x */
	uint32_t *token;
	size_t lists, *seen;	/* lists so far; (tokens): the last that a token stands in */
};

struct energy {
	const struct distributions *row, *col;
	bool symmetric;
	double *row_within, *col_within;	/* E|X - X'| of each feature */
	struct scratch *scratch;		/* (threads) */
};

/* The mean distances of tokens of `to` from feature i of s. */
static void take_means(struct scratch *r, const struct distributions *s, size_t i,
	const struct distributions *to, const uint32_t *token, size_t tokens)
{
	size_t n = points_of(s, i);

	lay_points(r->point, s->point, rows_of(s, i), n, s->d);
	for (size_t k = 0; k < padded(n); k++)
		r->weight[k] = k < n ? weights_of(s, i)[k] : 0;
	mean_distances(r->mean, to->point, token, tokens, r->point, r->weight, n, s->d,
		r->workspace);
}

/* E|X - Y|, X of the feature whose means were taken last, Y of feature j of s. */
static double between(const struct scratch *r, const struct distributions *s, size_t j)
{
	return energy_expectation(r->mean, rows_of(s, j), weights_of(s, j), points_of(s, j));
}

static double *within(const struct distributions *s, struct scratch *scratch)
{
	double *result = xalloc(s->ids.n, sizeof *result);

	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < s->ids.n; i++) {
		struct scratch *r = &scratch[omp_get_thread_num()];
		take_means(r, s, i, s, rows_of(s, i), points_of(s, i));
		result[i] = between(r, s, i);
	}
	return result;
}

/* Lists the tokens that those of k columns use which are not below `least`; returns how many. */
static size_t list_tokens(struct scratch *r, const struct distributions *s, const uint32_t *col,
	size_t k, size_t least)
{
	size_t tokens = 0;

	r->lists++;
	for (size_t n = 0; n < k; n++) {
		const uint32_t *token = rows_of(s, col[n]);
		for (size_t at = 0; col[n] >= least && at < points_of(s, col[n]); at++)
			if (r->seen[token[at]] != r->lists) {
				r->seen[token[at]] = r->lists;
				r->token[tokens++] = token[at];
			}
	}
	return tokens;
}

/* Rounding may leave less than 0. */
static float distance(double between_them, double within_one, double within_other)
{
	return (float)sqrt(fmax(2 * between_them - within_one - within_other, 0));
}

/* A pair of one input is seen from its lower feature, so that it has the same bits in both rows. */
static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct energy *w = context;
	const struct distributions *row = w->row;
	struct scratch *r = &w->scratch[thread];
	size_t least = w->symmetric ? i : 0;

	take_means(r, row, i, w->col, r->token, list_tokens(r, w->col, col, k, least));
	for (size_t n = 0; n < k; n++)
		if (col[n] >= least)
			out->dist[n] = distance(between(r, w->col, col[n]), w->row_within[i],
				w->col_within[col[n]]);
	for (size_t n = 0; n < k; n++)
		if (col[n] < least) {
			take_means(r, row, col[n], row, rows_of(row, i), points_of(row, i));
			out->dist[n] = distance(between(r, row, i), w->row_within[col[n]],
				w->row_within[i]);
		}
}

static void close_stage(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct energy *w = stage->context;

	for (size_t t = 0; t < threads; t++) {
		struct scratch *r = &w->scratch[t];
		free(r->point);
		free(r->weight);
		free(r->workspace);
		free(r->mean);
		free(r->token);
		free(r->seen);
	}
	free(w->scratch);
	free(w->row_within);
	if (!w->symmetric)
		free(w->col_within);
	free(w);
}

static void open_stage(struct stage *stage, const struct distributions *row,
	const struct distributions *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	size_t n = padded(row->max_points > col->max_points ? row->max_points : col->max_points);
	size_t d = row->d > col->d ? row->d : col->d;
	size_t tokens = row->tokens > col->tokens ? row->tokens : col->tokens;
	struct energy *w = xalloc(1, sizeof *w);

	*w = (struct energy){.row = row, .col = col, .symmetric = stage->symmetric,
		.scratch = xalloc(threads, sizeof *w->scratch)};
	for (size_t t = 0; t < threads; t++)
		w->scratch[t] = (struct scratch){.point = xalloc(n * sizeof(float), d),
			.weight = xalloc(n, sizeof(float)),
			.workspace = xalloc(mean_distances_workspace(n), sizeof(float)),
			.mean = xalloc(tokens, sizeof(double)),
			.token = xalloc(tokens, sizeof(uint32_t)),
			.seen = xcalloc(tokens, sizeof(size_t))};
	w->row_within = within(row, w->scratch);
	w->col_within = stage->symmetric ? w->row_within : within(col, w->scratch);
	stage->context = w;
	stage->solve = distances_of_row;
	stage->close = close_stage;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "energy [OPTION]... [A [B]]",
		"Energy distances between features of two sets, or of one with itself.", 2);
	struct comparison c = comparison_open(operand, "energy");

	comparison_write(&c, &asked, open_stage);
	comparison_close(&c);
	free(operand);
	return 0;
}
