/* Distances to a matching: the optimal assignment, or nearest, mutual-nearest and greedy pairs. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/matching.h"
#include "match/assignment.h"
#include "match/assignment_topk.h"
#include "match/column_generation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool by_nearest, by_mutual, by_greedy, maximize, certified_only, list_open;
static double max_cost = INFINITY;
static char *complete[3];		/* the sets of the rows and of the columns */

static const struct opt options[] = {
	{"nearest", OPT_FLAG, &by_nearest, NULL, "every row's nearest column; columns may repeat", 0, 0},
	{"mutual", OPT_FLAG, &by_mutual, NULL, "pairs that are each other's nearest", 0, 0},
	{"greedy", OPT_FLAG, &by_greedy, NULL, "the nearest pair, then the nearest of the rest, and so on", 0, 0},
	{"maximize", OPT_FLAG, &maximize, NULL, "the numbers are similarities, and their sum is to be large", 0, 0},
	{"max-cost", OPT_REAL, &max_cost, "C", "leave a row unmatched rather than pay more than C", -1e30, 1e30},
	{"certified", OPT_FLAG, &certified_only, NULL, "only pairs that are sure in spite of the sampling errors", 0, 0},
	{"complete", OPT_PAIR, complete, "A B", "solve pairs of these sets until the assignment is that of all pairs", 0, 0},
	{"open", OPT_FLAG, &list_open, NULL, "list the pairs that were not given and could improve the assignment", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What was found for each row. */
struct found {
	uint32_t *col_of;		/* UNASSIGNED: no column */
	float *cost;			/* of the row in that column */
	double *margin;
	double *row_dual, *col_dual;	/* of an assignment */
	struct open_pairs open;		/* of one that was given some pairs only, ... */
	size_t solved;			/* ... or how many more had to be solved */
};

/* The number of row i at place k: of its dist or its error. */
static float number(const struct distances *d, const float *of, size_t i, size_t k)
{
	return d->turned ? of[k * d->row.n + i] : of[i * d->k + k];
}

static uint32_t column(const struct distances *d, size_t i, size_t k)
{
	return d->at ? d->at[i * d->k + k] : (uint32_t)k;
}

/* The smaller side is assigned to the larger. */
static void optimal(struct found *f, const struct distances *d, const struct sm_frame *header, const char *name)
{
	size_t rows = d->row.n, cols = d->col.n;
	bool flip = rows > cols;
	size_t n = flip ? cols : rows, m = flip ? rows : cols;
	struct candidates *lists = d->at ? lists_of(d, flip) : NULL;
	struct completion *all = d->at && complete[0] ? completion_open(d, header, complete, lists, flip) : NULL;
	double alone = max_cost == INFINITY && !all && d->k < cols ? worst_cost(d) : max_cost;
	struct optimum best;
	bool found = d->at ? optimum_of_lists(&best, lists, n, m, alone, all ? completion_more : NULL, all)
		: optimum_of_matrix(&best, d->dist, n, m, max_cost, true);

	if (!found)
		die("%s: infinite distances leave no assignment: --max-cost lets rows stay unmatched", name);
	for (size_t i = 0; i < rows; i++) {
		uint32_t j = f->col_of[i] = flip ? best.a.row_of[i] : best.a.col_of[i];
		size_t x = flip ? j : i;
		if (j == UNASSIGNED)
			continue;
		f->cost[i] = best.a.paid[x];
		f->margin[i] = best.margin[x];
	}
	f->row_dual = flip ? best.a.v : best.a.u;
	f->col_dual = flip ? best.a.u : best.a.v;
	best.a.u = best.a.v = NULL;
	optimum_free(&best);
	lists_free(lists, d->at ? n : 0);
	if (all)
		f->solved = completion_close(all);
	else if (d->at)
		f->open = open_pairs(d, f->row_dual, f->col_dual, list_open);
}

static void to_nearest(struct found *f, const struct distances *d)
{
	nearest(f->col_of, f->margin, d->dist, d->row.n, d->k);
	for (size_t i = 0; i < d->row.n; i++) {
		if (f->col_of[i] == UNASSIGNED)
			continue;
		f->cost[i] = d->dist[i * d->k + f->col_of[i]];
		f->margin[i] = fmin(f->margin[i], least_unlisted(d, i) - (double)f->cost[i]);
		f->col_of[i] = column(d, i, f->col_of[i]);
	}
}

static void mutual_only(struct found *f, const struct distances *d)
{
	uint32_t *row_of = xalloc(d->col.n, sizeof *row_of);
	float *least = xalloc(d->col.n, sizeof *least);

	for (size_t j = 0; j < d->col.n; j++)
		least[j] = INFINITY;
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t k = 0; k < d->k; k++) {
			uint32_t j = column(d, i, k);
			if (d->dist[i * d->k + k] < least[j]) {
				least[j] = d->dist[i * d->k + k];
				row_of[j] = (uint32_t)i;
			}
		}
	for (size_t i = 0; i < d->row.n; i++)
		if (f->col_of[i] != UNASSIGNED && row_of[f->col_of[i]] != i)
			f->col_of[i] = UNASSIGNED;
	free(least);
	free(row_of);
}

/* The cheapest pairs first. */
static void to_greedy(struct found *f, const struct distances *d)
{
	double *workspace = xalloc(d->row.n * 2 + d->col.n, sizeof *workspace);

	greedy(f->col_of, d->dist, d->at, d->row.n, d->k, d->col.n, workspace);
	free(workspace);
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t k = 0; k < d->k && f->col_of[i] != UNASSIGNED; k++)
			if (column(d, i, k) == f->col_of[i])
				f->cost[i] = d->dist[i * d->k + k];
}

static void leave_dear(struct found *f, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		if (f->col_of[i] != UNASSIGNED && (double)f->cost[i] > max_cost)
			f->col_of[i] = UNASSIGNED;
}

static struct found find(const struct distances *d, const struct sm_frame *header, const char *name)
{
	size_t rows = d->row.n;
	struct found f = {xalloc(rows, sizeof *f.col_of), xalloc(rows, sizeof *f.cost), xalloc(rows, sizeof *f.margin),
		NULL, NULL, {0}, 0};

	if (by_nearest || by_mutual || by_greedy)
		to_nearest(&f, d);
	else
		optimal(&f, d, header, name);
	if (by_mutual)
		mutual_only(&f, d);
	if (by_greedy)
		to_greedy(&f, d);
	leave_dear(&f, rows);
	return f;
}

static void found_free(struct found *f)
{
	free(f->col_of);
	free(f->cost);
	free(f->margin);
	free(f->row_dual);
	free(f->col_dual);
	open_pairs_free(&f->open);
}

/* Where every distance is known within e, a column that is nearer than all others by more than 2 e is the nearest; e is
 * taken as two standard errors. *error: the larger of those of the distances to this column and to the nearest other. That is
 * among the two nearest of the row, so that two are as good as all. */
static bool certified(const struct distances *d, size_t i, uint32_t col, float *error)
{
	float own = INFINITY, own_error = INFINITY;
	float other = INFINITY, other_error = d->k == 1 && d->col.n > 1 ? INFINITY : 0;

	for (size_t k = 0; k < d->k; k++) {
		if (column(d, i, k) == col) {
			own = number(d, d->dist, i, k);
			own_error = number(d, d->error, i, k);
		} else if (number(d, d->dist, i, k) < other) {
			other = number(d, d->dist, i, k);
			other_error = number(d, d->error, i, k);
		}
	}
	*error = fmaxf(own_error, other_error);
	return (double)other - (double)own > 4 * (double)*error;
}

static struct ids some_ids(const struct ids *of, const uint32_t *which, size_t n)
{
	uint32_t *feature = xalloc(n, sizeof *feature);
	struct ids ids = {n, xalloc(n, sizeof *ids.layer), feature, NULL};

	for (size_t i = 0; i < n; i++) {
		ids.layer[i] = of->layer[which[i]];
		feature[i] = of->feature[which[i]];
	}
	return ids;
}

/* Those in no pair. */
static struct ids free_ids(const struct ids *of, const uint32_t *paired, size_t n)
{
	bool *taken = xcalloc(of->n, sizeof *taken);
	uint32_t *which = xalloc(of->n, sizeof *which);
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		taken[paired[i]] = true;
	for (size_t i = 0; i < of->n; i++)
		if (!taken[i])
			which[left++] = (uint32_t)i;
	struct ids ids = some_ids(of, which, left);
	free(which);
	free(taken);
	return ids;
}

/* The pairs, row by row: how many, and their sum in the header. */
struct pairs {
	size_t n, certified;
	uint32_t *row, *col;
	float *cost, *margin, *error;
	uint8_t *verdict;
	double total;
};

static struct pairs pairs_of(const struct found *f, const struct distances *d)
{
	size_t rows = d->row.n;
	struct pairs p = {.row = xalloc(rows, 4), .col = xalloc(rows, 4), .cost = xalloc(rows, 4), .margin = xalloc(rows, 4),
		.error = xalloc(rows, 4), .verdict = xalloc(rows, 1)};

	for (size_t i = 0; i < rows; i++) {
		uint32_t j = f->col_of[i];
		if (j == UNASSIGNED)
			continue;
		p.verdict[p.n] = d->error && certified(d, i, j, &p.error[p.n]);
		p.certified += p.verdict[p.n];
		if (certified_only && !p.verdict[p.n])
			continue;
		p.row[p.n] = (uint32_t)i;
		p.col[p.n] = j;
		p.cost[p.n] = maximize ? -f->cost[i] : f->cost[i];
		p.margin[p.n] = (float)f->margin[i];
		p.total += (double)p.cost[p.n++];
	}
	return p;
}

static void pairs_free(struct pairs *p)
{
	free(p->row);
	free(p->col);
	free(p->cost);
	free(p->margin);
	free(p->error);
	free(p->verdict);
}

static void write_pairs(struct sm_writer *out, const struct pairs *p, const struct found *f, const struct distances *d)
{
	struct matching m = {
		.row = some_ids(&d->row, p->row, p->n), .col = some_ids(&d->col, p->col, p->n),
		.cost = p->cost, .margin = p->margin,
		.error = d->error ? p->error : NULL, .certified = d->error ? p->verdict : NULL,
		.free_row = free_ids(&d->row, p->row, p->n), .free_col = free_ids(&d->col, p->col, p->n),
	};

	if (f->row_dual) {
		sm_set_tensor(&m.rest, "row_dual", SM_F8, f->row_dual, d->row.n);
		sm_set_tensor(&m.rest, "col_dual", SM_F8, f->col_dual, d->col.n);
	}
	if (f->open.row) {
		sm_set_tensor(&m.rest, "open_row", SM_U4, f->open.row, f->open.n);
		sm_set_tensor(&m.rest, "open_col", SM_U4, f->open.col, f->open.n);
		sm_set_tensor(&m.rest, "open_least", SM_F4, f->open.least, f->open.n);
		sm_set_tensor(&m.rest, "open_below", SM_F4, f->open.below, f->open.n);
	}
	write_matching(out, &m, p->row, p->col);
	ids_free(&m.row);
	ids_free(&m.col);
	ids_free(&m.free_row);
	ids_free(&m.free_col);
	matching_free(&m);
}

static void one_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	bool optimum = !by_nearest && !by_mutual && !by_greedy;
	struct distances d;

	read_distances(in, header, &d, NEAREST | (maximize ? SIMILARITIES : 0) | (optimum ? WIDE : 0));
	if (d.row.n > 0 && same_ids(&d.row, &d.col))
		note("%s: rows and columns are the same features: each is its own match", sm_reader_name(in));
	if (certified_only && !d.error && d.row.n > 0)
		sm_bad(in, "--certified needs distances with their errors: --error of the distance stage");
	struct found f = find(&d, header, sm_reader_name(in));
	struct pairs p = pairs_of(&f, &d);
	sm_set_string(header, "kind", "matching");
	sm_set_string(header, "method", by_nearest ? "nearest" : by_mutual ? "mutual" : by_greedy ? "greedy"
		: "assignment");
	if (max_cost < INFINITY)
		sm_set_real(header, "max_cost", maximize ? -max_cost : max_cost);
	sm_set_integer(header, "matched", (int64_t)p.n);
	sm_set_real(header, "total", p.total);
	if (d.error)
		sm_set_integer(header, "certified", (int64_t)p.certified);
	if (optimum && d.at) {
		sm_set_integer(header, "open", (int64_t)f.open.n);
		sm_set_integer(header, "pairs", (int64_t)(d.row.n * d.k + f.solved));
	}
	if (optimum && d.at && complete[0])
		note("%s: %zu pairs solved besides the %zu given, of %zu: the assignment is optimal for all", sm_reader_name(in),
			f.solved, d.row.n * d.k, d.row.n * d.col.n);
	if (f.open.n > 0)
		note("%s: optimal among the pairs given; %zu others could improve it (--complete A B, or more of --top)",
			sm_reader_name(in), f.open.n);
	sm_write_header(out, header);
	write_pairs(out, &p, &f, &d);
	sm_write_end(out);
	pairs_free(&p);
	found_free(&f);
	distances_free(&d);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "hungarian [OPTION]... [FILE]",
		"Matches the rows of a distance matrix with its columns, one to one, at least total distance.", 1);
	if (by_nearest + by_mutual + by_greedy > 1)
		misuse("at most one of --nearest, --mutual and --greedy");
	if ((complete[0] || list_open) && (by_nearest || by_mutual || by_greedy))
		misuse("--complete and --open are about assignments");
	if (maximize && max_cost < INFINITY)
		max_cost = -max_cost;
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_stream(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
