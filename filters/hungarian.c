/* Distances to a matching: the optimal assignment, or nearest, mutual-nearest and greedy pairs. */
#include "assign.h"
#include "die.h"
#include "distances.h"
#include "opt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool by_nearest, by_mutual, by_greedy;
static double max_cost = INFINITY;

static const struct opt options[] = {
	{"nearest", OPT_FLAG, &by_nearest, NULL, "every row's nearest column; columns may repeat", 0, 0},
	{"mutual", OPT_FLAG, &by_mutual, NULL, "pairs that are each other's nearest", 0, 0},
	{"greedy", OPT_FLAG, &by_greedy, NULL, "the nearest pair, then the nearest of the rest, and so on", 0, 0},
	{"max-cost", OPT_REAL, &max_cost, "C", "leave a row unmatched rather than pay more than C", -1e30, 1e30},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

struct matching {
	uint32_t *col_of;		/* (rows), UNASSIGNED: unmatched */
	double *margin;			/* (rows) */
	double *row_dual, *col_dual;	/* of an assignment */
};

static float *transposed(const float *x, size_t n, size_t m)
{
	float *y = need(n * sizeof *y, m);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			y[j * n + i] = x[i * m + j];
	return y;
}

static void find_margins(double *margin, const struct assignment *a)
{
	size_t n = a->n, done = 0;
	struct move *moves = need(n * (MOVES + 1), sizeof *moves);
	double *arrival = need(n, sizeof *arrival);

	#pragma omp parallel for num_threads(threads)
	for (size_t i = 0; i <= n; i++)
		margin_moves(moves + i * MOVES, a, i);
	margin_arrivals(arrival, moves, a);
	#pragma omp parallel num_threads(threads)
	{
		double *workspace = need(margin_workspace(n, a->m), sizeof *workspace);
		#pragma omp for schedule(dynamic)
		for (size_t i = 0; i < n; i++) {
			margin[i] = assign_margin(a, i, moves, arrival, workspace);
			#pragma omp critical
			progress(++done, n, "margins");
		}
		free(workspace);
	}
	free(arrival);
	free(moves);
}

/* The smaller side is assigned to the larger. */
static void optimal(struct matching *match, const struct distances *d, const char *name)
{
	size_t rows = d->row.n, cols = d->col.n;
	bool flip = rows > cols;
	size_t n = flip ? cols : rows, m = flip ? rows : cols;
	float *turned = flip ? transposed(d->dist, rows, cols) : NULL;
	double *margin = need(n, sizeof *margin), *workspace = need(assign_workspace(n, m), sizeof *workspace);

	match->row_dual = need(rows, sizeof(double));
	match->col_dual = need(cols, sizeof(double));
	struct assignment a = {
		.n = n, .m = m, .cost = flip ? turned : d->dist, .ceiling = max_cost,
		.col_of = need(n, sizeof(uint32_t)), .row_of = need(m, sizeof(uint32_t)),
		.u = flip ? match->col_dual : match->row_dual, .v = flip ? match->row_dual : match->col_dual,
	};
	if (!assign(&a, workspace))
		die("%s: infinite distances leave no assignment: --max-cost lets rows stay unmatched", name);
	find_margins(margin, &a);
	memcpy(match->col_of, flip ? a.row_of : a.col_of, rows * sizeof *match->col_of);
	for (size_t i = 0; i < n; i++)
		match->margin[flip ? a.col_of[i] : i] = margin[i];
	free(a.row_of);
	free(a.col_of);
	free(workspace);
	free(margin);
	free(turned);
}

static void mutual_only(struct matching *match, const struct distances *d)
{
	size_t rows = d->row.n, cols = d->col.n;
	uint32_t *row_of = need_zero(cols, sizeof *row_of);

	for (size_t i = 1; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			if (d->dist[i * cols + j] < d->dist[row_of[j] * cols + j])
				row_of[j] = (uint32_t)i;
	for (size_t i = 0; i < rows; i++)
		if (match->col_of[i] != UNASSIGNED && row_of[match->col_of[i]] != i)
			match->col_of[i] = UNASSIGNED;
	free(row_of);
}

static void find_matching(struct matching *match, const struct distances *d, const char *name)
{
	size_t rows = d->row.n, cols = d->col.n;

	match->col_of = need(rows, sizeof *match->col_of);
	match->margin = need(rows, sizeof *match->margin);
	if (by_nearest || by_mutual || by_greedy)
		nearest(match->col_of, match->margin, d->dist, rows, cols);
	else
		optimal(match, d, name);
	if (by_mutual)
		mutual_only(match, d);
	if (by_greedy) {
		double *workspace = need(rows * 2 + cols, sizeof *workspace);
		greedy(match->col_of, d->dist, rows, cols, workspace);
		free(workspace);
	}
	for (size_t i = 0; i < rows; i++)
		if (match->col_of[i] != UNASSIGNED
				&& (double)d->dist[i * cols + match->col_of[i]] > max_cost)
			match->col_of[i] = UNASSIGNED;
}

static void write_matches(struct writer *out, const struct matching *match, const struct distances *d)
{
	size_t rows = d->row.n, n = 0;
	uint32_t *row = need(rows, 4), *col = need(rows, 4), *row_feature = need(rows, 4);
	uint32_t *col_feature = need(rows, 4);
	const char **row_layer = need(rows, sizeof *row_layer), **col_layer = need(rows, sizeof *col_layer);
	float *cost = need(rows, sizeof *cost), *margin = need(rows, sizeof *margin);
	struct frame frame = {0};

	for (size_t i = 0; i < rows; i++) {
		uint32_t j = match->col_of[i];
		if (j == UNASSIGNED)
			continue;
		row[n] = (uint32_t)i;
		col[n] = j;
		row_layer[n] = d->row.layer[i];
		row_feature[n] = d->row.feature[i];
		col_layer[n] = d->col.layer[j];
		col_feature[n] = d->col.feature[j];
		cost[n] = d->dist[i * d->col.n + j];
		margin[n++] = (float)match->margin[i];
	}
	set_strings(&frame, "row_layer", n, row_layer);
	set_tensor(&frame, "row_feature", U4, row_feature, 1, n);
	set_strings(&frame, "col_layer", n, col_layer);
	set_tensor(&frame, "col_feature", U4, col_feature, 1, n);
	set_tensor(&frame, "cost", F4, cost, 1, n);
	set_tensor(&frame, "margin", F4, margin, 1, n);
	set_tensor(&frame, "row", U4, row, 1, n);
	set_tensor(&frame, "col", U4, col, 1, n);
	write_frame(out, &frame);
	frame_free(&frame);
	free(margin);
	free(cost);
	free(col_layer);
	free(row_layer);
	free(col_feature);
	free(row_feature);
	free(col);
	free(row);
}

static void write_duals(struct writer *out, const struct matching *match, const struct distances *d)
{
	struct frame frame = {0};

	set_tensor(&frame, "row_dual", F8, match->row_dual, 1, d->row.n);
	set_tensor(&frame, "col_dual", F8, match->col_dual, 1, d->col.n);
	write_frame(out, &frame);
	frame_free(&frame);
}

static void one_stream(struct reader *in, struct writer *out, struct frame *header)
{
	struct distances d;
	struct matching match = {0};

	read_distances(in, header, &d);
	if (d.row.n > 0 && same_ids(&d.row, &d.col))
		note("%s: rows and columns are the same features: each is its own match", reader_name(in));
	find_matching(&match, &d, reader_name(in));
	double total = 0;
	size_t matched = 0;
	for (size_t i = 0; i < d.row.n; i++)
		if (match.col_of[i] != UNASSIGNED) {
			total += (double)d.dist[i * d.col.n + match.col_of[i]];
			matched++;
		}
	set_string(header, "kind", "matching");
	set_string(header, "method", by_nearest ? "nearest" : by_mutual ? "mutual" : by_greedy ? "greedy"
		: "assignment");
	if (max_cost < INFINITY)
		set_real(header, "max_cost", max_cost);
	set_integer(header, "matched", (int64_t)matched);
	set_real(header, "total", total);
	write_header(out, header);
	write_matches(out, &match, &d);
	if (match.row_dual)
		write_duals(out, &match, &d);
	write_end(out);
	free(match.col_of);
	free(match.margin);
	free(match.row_dual);
	free(match.col_dual);
	distances_free(&d);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "hungarian [OPTION]... [FILE]",
		"Matches the rows of a distance matrix with its columns, one to one, at least total distance.", 1);
	if (by_nearest + by_mutual + by_greedy > 1)
		misuse("at most one of --nearest, --mutual and --greedy");
	struct reader *in = reader_open(operand[0]);
	struct writer *out = writer_open();
	struct frame header = {0};

	while (read_header(in, &header))
		one_stream(in, out, &header);
	writer_close(out);
	reader_close(in);
	frame_free(&header);
	free(operand);
	return 0;
}
