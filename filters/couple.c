/* Couples the tokens of two texts: which tokens of the one say what each token of the other does.
 * The formulas are in near_tokens.h, token_pairs.h and sparse_plan.h. */
#include "base/die.h"
#include "base/memory.h"
#include "base/opt.h"
#include "distance/near_report.h"
#include "distance/near_tokens.h"
#include "distance/token_pairs.h"
#include "distance/token_plan.h"
#include "file/row_map.h"
#include "stream/coupling.h"
#include "stream/points.h"

#include <math.h>
#include <stdlib.h>

enum { BY_NEAREST, BY_SINKHORN, BY_CELLS, BY_ROWS, BY_IDENTITY };
enum { FEW = 1, SOME = 16 };		/* neighbours of nearest, of sinkhorn */

static int by;
static size_t neighbours, cells, probes = 16, seed;
static double epsilon = 0.05;
static struct token_plan plan = {.tol = 1e-3, .max_iters = 50};
static const char *rows_file;

static const struct opt options[] = {
	{"by", OPT_CHOICE, &by, "nearest|sinkhorn|cells|rows|identity",
		"how tokens find each other", 0, 0},
	{"neighbours", OPT_SIZE, &neighbours, "K",
		"couple each token with its K nearest; 0: 1, and with sinkhorn 16", 0, 1024},
	{"epsilon", OPT_REAL, &epsilon, "E",
		"sinkhorn: regularisation, as a fraction of the mean cost", 1e-6, 1e6},
	{"tol", OPT_REAL, &plan.tol, "T",
		"sinkhorn: stop when the rows' sums are off by at most T, L1", 0, 2},
	{"max-iters", OPT_SIZE, &plan.max_iters, "N", "sinkhorn: stop after N iterations", 1, 1e9},
	{"cells", OPT_SIZE, &cells, "C",
		"cells, or for a search that looks at some pairs only: how many", 0, 1 << 14},
	{"probes", OPT_SIZE, &probes, "P", "search with --cells: look in the P nearest cells", 1,
		1 << 14},
	{"rows", OPT_TEXT, &rows_file, "FILE",
		"rows: array of the number in B of each token of A's text; -1: none", 0, 0},
	{"seed", OPT_SIZE, &seed, "S", "seed of the cells and of the tokens that notes are of", 0,
		9e18},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void check_command_line(void)
{
	if ((by == BY_ROWS) != (rows_file != NULL))
		misuse("--by rows and --rows FILE belong together");
	if (by == BY_CELLS && cells == 0)
		misuse("--by cells needs --cells C");
	if (cells > 0 && by > BY_CELLS)
		misuse("--cells belongs to --by nearest, sinkhorn and cells");
	if (neighbours == 0)
		neighbours = by == BY_SINKHORN ? SOME : FEW;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Of nearest tokens: found, as pairs both ways, and as a matrix; and of probes. */
static void check_memory(const struct vectors side[2])
{
	size_t n = side[0].n, m = side[1].n;
	double near = (double)(n * least(neighbours, m) + m * least(neighbours, n));
	double probed = (double)(n + m) * (double)least(probes, cells);

	memory_need(32 * near + 12 * probed, cells > 0 ? "fewer --neighbours or --probes"
		: "fewer --neighbours", "%zu nearest of %zu and %zu tokens", neighbours, n, m);
}

/* -- Ways to couple ------------------------------------------------------------------------- */

static struct sparse couple_nearest(struct vectors side[2])
{
	struct near_tokens of[2];

	check_memory(side);
	if (cells > 0) {
		struct near_sample sample = near_sample_draw(side, seed);
		struct token_cells c = token_cells_draw(side, cells, probes, seed);
		near_tokens_in_cells(of, side, neighbours, &c);
		near_sample_tell(&sample, of);
		token_cells_free(&c);
	} else {
		near_tokens(of, side, neighbours);
	}
	double mean = near_tokens_tell(of, side, seed);
	struct token_pairs p = pairs_of_nearest(of);
	near_tokens_free(of);
	if (by == BY_SINKHORN) {
		plan.epsilon = epsilon * mean;
		weigh_by_plan(&plan, &p.weight, p.dist, side[0].n, side[1].n);
		if (plan.residual > plan.tol)
			note("after %zu iterations the plan's rows are off by %.2g (--tol %g): "
				"more --neighbours leave it more room", plan.iters, plan.residual,
				plan.tol);
	}
	free(p.dist);
	return p.weight;
}

static struct sparse couple_cells(const struct vectors side[2])
{
	struct token_cells c = token_cells_draw(side, cells, 1, seed);
	struct sparse g = pairs_of_cells(&c, side[0].n, side[1].n);

	token_cells_free(&c);
	return g;
}

static struct sparse couple_identity(const struct points *a, const struct points *b)
{
	uint32_t *column = xalloc(a->n, sizeof *column);

	if (a->n != b->n)
		die("%s: %zu tokens, where %s has %zu: --by identity is for the same text",
			b->name, b->n, a->name, a->n);
	for (size_t i = 0; i < a->n; i++) {
		column[i] = (uint32_t)i;
		if (a->token[i] != b->token[i] || (a->vocab && b->vocab
				&& a->vocab[i] != b->vocab[i]))
			die("%s: token %u is not that of %s: --by identity is for the same text",
				b->name, b->token[i], a->name);
	}
	struct sparse g = pairs_of_columns(column, a->n);
	free(column);
	return g;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The file names a token of B's text for each of A's; *dropped counts those of A that have none,
 * or one that is not in B. */
static struct sparse couple_rows(const struct points *a, const struct points *b, size_t *dropped)
{
	size_t tokens = sm_get_size(&b->header, "tokens");
	size_t last = tokens > 0 ? tokens - 1 : b->n > 0 ? b->token[b->n - 1] : ROW_NONE;
	struct row_map map = row_map_read(rows_file, last + 1, b->name);
	uint32_t *column = xalloc(a->n, sizeof *column);

	row_map_want(&map, a->name, &a->header);
	for (size_t i = 0; i < a->n; i++) {
		uint32_t *found = NULL;
		if (a->token[i] >= map.n)
			die("%s: %zu rows, where %s has token %u", rows_file, map.n, a->name,
				a->token[i]);
		uint32_t to = map.row[a->token[i]];
		if (b->n > 0 && to != ROW_NONE)
			found = bsearch(&to, b->token, b->n, sizeof to, by_number);
		column[i] = found ? (uint32_t)(found - b->token) : ROW_NONE;
		*dropped += column[i] == ROW_NONE;
	}
	row_map_free(&map);
	struct sparse g = pairs_of_columns(column, a->n);
	free(column);
	return g;
}

/* -- The whole ------------------------------------------------------------------------------ */

static struct sparse couple(const struct points *a, const struct points *b, size_t *dropped)
{
	struct vectors side[] = {{a->n, a->d, a->at}, {b->n, b->d, b->at}};

	if (by == BY_IDENTITY)
		return couple_identity(a, b);
	if (by == BY_ROWS)
		return couple_rows(a, b, dropped);
	return by == BY_CELLS ? couple_cells(side) : couple_nearest(side);
}

/* What is said of one side alone is said as row_... or col_..., where anybody needs it. */
static struct sm_frame header_of(const struct points *a, const struct points *b, size_t dropped)
{
	static const char *const said[2][2] = {{"row_model", "row_layer"},
		{"col_model", "col_layer"}};
	struct sm_frame header = {0};

	sm_join_header(&header, &a->header);
	if (b != a)
		sm_join_header(&header, &b->header);
	sm_drop(&header, "model", "layer", "features", "tokens", "arch", "sae", "d");
	for (int k = 0; k < 2; k++) {
		const struct sm_frame *of = k ? &b->header : &a->header;
		const char *model = sm_get_string(of, "model", NULL);
		const char *layer = sm_get_string(of, "layer", NULL);
		if (model)
			sm_set_string(&header, said[k][0], model);
		if (layer)
			sm_set_string(&header, said[k][1], layer);
	}
	sm_set_string(&header, "by", (const char *[]){"nearest", "sinkhorn", "cells", "rows",
		"identity"}[by]);
	if (by < BY_CELLS)
		sm_set_integer(&header, "neighbours", (int64_t)neighbours);
	if (by == BY_SINKHORN)
		sm_set_real(&header, "epsilon", epsilon);
	if (cells > 0)
		sm_set_integer(&header, "cells", (int64_t)cells);
	if (by < BY_CELLS && cells > 0)
		sm_set_integer(&header, "probes", (int64_t)probes);
	if (by == BY_ROWS)
		sm_set_integer(&header, "dropped", (int64_t)dropped);
	if (by > BY_CELLS)
		sm_drop(&header, "space");
	return header;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "couple [OPTION]... [A [B]]",
		"Couples the tokens of two streams of activations, or of one with itself.", 2);
	check_command_line();

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct points input[2];
	size_t inputs = read_points(operand, input, by <= BY_CELLS);
	size_t dropped = 0;
	const struct points *a = &input[0], *b = &input[inputs - 1];
	struct coupling c = {.rows = a->n, .cols = b->n, .row_token = a->token,
		.col_token = b->token, .row_vocab = a->vocab, .col_vocab = b->vocab,
		.g = couple(a, b, &dropped)};
	struct sm_frame header = header_of(a, b, dropped);

	if (dropped > 0)
		note("%zu of %zu tokens of %s have none in %s", dropped, a->n, a->name, b->name);
	write_coupling(out, &header, &c);
	sm_writer_close(out);
	coupling_free(&c);
	points_free(&input[0]);
	points_free(&input[1]);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
