#include "distance/near_tokens.h"

#include "base/die.h"
#include "base/progress.h"
#include "kernel/bottom_k.h"
#include "kernel/k_nearest.h"
#include "kernel/near.h"
#include "kernel/product.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Columns are packed a stripe at a time, of as many as have STRIPE coordinates, and rows pass it:
 * at most PRODUCT_ROWS of them in a task, LEAST_ROWS while all threads have some; TILE columns. */
enum { STRIPE = 1 << 21, TILE = 256, LEAST_ROWS = 48 };

struct rows {
	size_t first, n;
};

/* A thread's. */
struct room {
	float *product;			/* (PRODUCT_ROWS, TILE) */
	float *packed;			/* rows of a task, ... */
	float *row;			/* ... and these themselves, if they are of a list */
	double *heap;			/* (k) */
	float less[TILE];		/* limits of the tile's columns, perhaps some time ago */
	uint32_t col[TILE];
};

/* Rows are side 0, columns side 1; what is said of a token is at its place among the points. Where
 * only the rows look for columns, the columns keep none and have no limit. */
struct search {
	const struct vectors *side;	/* [2] */
	const uint32_t *order[2];	/* (places): the token of each; NULL: its own number */
	const uint32_t *list;		/* places of the rows of tasks; NULL: the tasks' own */
	struct near_tokens *of;		/* [2]: heaps, while it lasts */
	double *square[2];		/* |x|^2 */
	float *half[2], *less[2];	/* struct near_limit */
	size_t d, width;		/* width: of a stripe, a multiple of TILE */
	float *packed;			/* the stripe */
	omp_lock_t *lock;		/* (width / TILE): of the columns' heaps and limits */
	struct room *room;		/* (threads) */
};

static uint32_t token_at(const struct search *s, int side, size_t place)
{
	return s->order[side] ? s->order[side][place] : (uint32_t)place;
}

/* half, which others read meanwhile, no limit changes. */
static void limit_at(struct search *s, int side, size_t place, float limit)
{
	s->less[side][place] = near_limit(s->square[side][place], limit, s->d).less;
}

static void offer(struct search *s, int side, size_t place, float square, uint32_t other)
{
	struct near_tokens *of = &s->of[side];
	float *dist = of->square + token_at(s, side, place) * of->k;
	uint32_t *index = of->index + token_at(s, side, place) * of->k;

	if (!k_nearest_nearer(dist, index, square, other))
		return;
	k_nearest_replace(dist, index, of->k, square, other);
	limit_at(s, side, place, *dist);
}

/* A row and a tile of columns. Until the row has k columns their bounds are its limit. */
static void search_row(struct search *s, struct room *r, size_t row, const float *product,
	size_t col0, size_t n, omp_lock_t *lock)
{
	struct near_limit x = {s->half[0][row], s->less[0][row]};
	const float *at = s->side[0].at + row * s->d;

	if (x.less == -INFINITY)
		x.less = near_limit(s->square[0][row], near_bound(product, s->square[0][row],
			s->square[1] + col0, n, s->of[0].k, s->d, r->heap), s->d).less;
	size_t found = near_either(r->col, product, x, s->half[1] + col0, r->less, n);
	for (size_t e = 0; e < found; e++) {
		size_t col = col0 + r->col[e];
		float square = square_distance(at, s->side[1].at + col * s->d, s->d);
		offer(s, 0, row, square, token_at(s, 1, col));
		if (s->of[1].k == 0)
			continue;
		omp_set_lock(lock);
		offer(s, 1, col, square, token_at(s, 0, row));
		r->less[r->col[e]] = s->less[1][col];
		omp_unset_lock(lock);
	}
}

/* The rows of a task and the stripe of n columns from col0 on. */
static void search_rows(struct search *s, struct rows rows, size_t col0, size_t n)
{
	struct room *r = &s->room[omp_get_thread_num()];
	const uint32_t *list = s->list ? s->list + rows.first : NULL;
	const float *x = list ? r->row : s->side[0].at + rows.first * s->d;

	for (size_t i = 0; list && i < rows.n; i++)
		memcpy(r->row + i * s->d, s->side[0].at + list[i] * s->d, s->d * sizeof *x);
	product_pack_rows(r->packed, x, rows.n, s->d);
	for (size_t c = 0; c < n; c += TILE) {
		size_t m = n - c < TILE ? n - c : TILE;
		omp_lock_t *lock = &s->lock[c / TILE];
		memset(r->product, 0, rows.n * TILE * sizeof *r->product);
		product_add_packed(r->product, TILE, r->packed, s->packed, rows.n, s->d, n, c, m);
		omp_set_lock(lock);
		memcpy(r->less, s->less[1] + col0 + c, m * sizeof *r->less);
		omp_unset_lock(lock);
		for (size_t i = 0; i < rows.n; i++)
			search_row(s, r, list ? list[i] : rows.first + i, r->product + i * TILE,
				col0 + c, m, lock);
	}
}

/* All tasks, whose rows differ, and the columns first .. end-1. */
static void search_columns(struct search *s, const struct rows *task, size_t tasks, size_t first,
	size_t end)
{
	const float *at = s->side[1].at;

	for (size_t c0 = first, n; c0 < end; c0 += n) {
		n = end - c0 < s->width ? end - c0 : s->width;
		memset(s->packed, 0, product_matrix_size(s->d, n) * sizeof *s->packed);
		#pragma omp parallel for
		for (size_t c = 0; c < n; c += TILE)
			product_pack_matrix(s->packed, at + (c0 + c) * s->d, &(struct product_part){
				0, s->d, c, n - c < TILE ? n - c : TILE, 1, s->d}, s->d, n);
		#pragma omp parallel for schedule(dynamic)
		for (size_t t = 0; t < tasks; t++) {
			search_rows(s, task[t], c0, n);
			progress_add(task[t].n * n);
		}
	}
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static void open_side(struct search *s, int side, size_t k)
{
	const struct vectors *x = &s->side[side];
	struct near_tokens *of = &s->of[side];

	*of = (struct near_tokens){x->n, k, xalloc(x->n * k, sizeof *of->index),
		xalloc(x->n * k, sizeof *of->square)};
	k_nearest_begin(of->square, of->index, x->n * k);
	s->square[side] = xalloc(x->n, sizeof *s->square[side]);
	s->half[side] = xalloc(x->n, sizeof *s->half[side]);
	s->less[side] = xalloc(x->n, sizeof *s->less[side]);
	#pragma omp parallel for
	for (size_t i = 0; i < x->n; i++) {
		s->square[side][i] = square_length(x->at + i * x->d, x->d);
		s->half[side][i] = near_limit(s->square[side][i], INFINITY, x->d).half;
		limit_at(s, side, i, k > 0 ? INFINITY : -INFINITY);
	}
}

/* The k nearest of each row, and where `both` of each column. */
static struct search search_open(struct near_tokens of[2], const struct vectors side[2], size_t k,
	bool both)
{
	size_t threads = (size_t)omp_get_max_threads(), d = side[0].d > 0 ? side[0].d : side[1].d;
	size_t width = STRIPE / (d ? d : 1) / TILE * TILE, n = side[0].n, m = side[1].n;
	size_t most = (m + TILE - 1) / TILE * TILE;
	struct search s = {.side = side, .of = of, .d = d};

	s.width = width < TILE ? TILE : width;
	s.width = s.width < most ? s.width : most;
	s.packed = xalloc(product_matrix_size(d, s.width), sizeof *s.packed);
	s.lock = xalloc(s.width / TILE, sizeof *s.lock);
	for (size_t t = 0; t < s.width / TILE; t++)
		omp_init_lock(&s.lock[t]);
	open_side(&s, 0, k < m ? k : m);
	open_side(&s, 1, !both ? 0 : k < n ? k : n);
	s.room = xalloc(threads, sizeof *s.room);
	for (size_t t = 0; t < threads; t++) {
		s.room[t].product = xalloc(PRODUCT_ROWS * TILE, sizeof(float));
		s.room[t].packed = xalloc(product_rows_size(d), sizeof(float));
		s.room[t].row = xalloc(both ? 0 : PRODUCT_ROWS * d, sizeof(float));
		s.room[t].heap = xalloc(of[0].k, sizeof(double));
	}
	return s;
}

static void search_close(struct search *s)
{
	size_t threads = (size_t)omp_get_max_threads();

	for (int side = 0; side < 2; side++) {
		struct near_tokens *of = &s->of[side];
		#pragma omp parallel for
		for (size_t i = 0; i < of->n; i++)
			k_nearest_sort(of->square + i * of->k, of->index + i * of->k, of->k);
		free(s->square[side]);
		free(s->half[side]);
		free(s->less[side]);
	}
	for (size_t t = 0; t < threads; t++) {
		free(s->room[t].product);
		free(s->room[t].packed);
		free(s->room[t].row);
		free(s->room[t].heap);
	}
	for (size_t t = 0; t < s->width / TILE; t++)
		omp_destroy_lock(&s->lock[t]);
	free(s->room);
	free(s->lock);
	free(s->packed);
}

/* Adds tasks for the rows first .. end-1; returns how many there are then. */
static size_t add_tasks(struct rows *task, size_t tasks, size_t first, size_t end, size_t most)
{
	for (size_t n; first < end; first += n) {
		n = end - first < most ? end - first : most;
		task[tasks++] = (struct rows){first, n};
	}
	return tasks;
}

static size_t rows_of_task(size_t rows)
{
	size_t threads = (size_t)omp_get_max_threads(), share = (rows + threads - 1) / threads;

	share = share < PRODUCT_ROWS ? share : PRODUCT_ROWS;
	return share > LEAST_ROWS ? share : LEAST_ROWS;
}

void near_tokens(struct near_tokens of[2], const struct vectors side[2], size_t k)
{
	size_t n = side[0].n, most = rows_of_task(n);
	struct search s = search_open(of, side, k, true);
	struct rows *task = xalloc(n / most + 1, sizeof *task);

	progress_begin(n * side[1].n, "pairs of tokens");
	search_columns(&s, task, add_tasks(task, 0, 0, n, most), 0, n > 0 ? side[1].n : 0);
	progress_end();
	free(task);
	search_close(&s);
}

void near_tokens_free(struct near_tokens of[2])
{
	for (int side = 0; side < 2; side++) {
		free(of[side].index);
		free(of[side].square);
	}
}

/* -- Cells ------------------------------------------------------------------------------------- */

/* The tokens of both sides that rank lowest by numbers of their own, one side after the other. */
struct token_cells token_cells_draw(const struct vectors side[2], size_t n, size_t probes,
	size_t seed)
{
	size_t d = side[0].d > 0 ? side[0].d : side[1].d, all = side[0].n + side[1].n, kept = 0;
	struct token_cells c = {.n = n < all ? n : all};
	struct kept *heap = xalloc(c.n, sizeof *heap), out;
	struct near_tokens of[2];
	double tau = INFINITY;

	for (size_t i = 0; i < all && c.n > 0; i++)
		kept = keep_smallest(heap, kept, c.n, (struct kept){
			token_uniform(seed, 0, (uint32_t)i), (uint32_t)i, 0, 0}, &tau, &out);
	c.centre = (struct vectors){c.n, d, xalloc(c.n * sizeof(float), d)};
	for (size_t i = 0; i < c.n; i++) {
		size_t at = heap[i].token, second = at >= side[0].n;
		memcpy(c.centre.at + i * d, side[second].at
			+ (at - (second ? side[0].n : 0)) * d, d * sizeof(float));
	}
	free(heap);
	for (int k = 0; k < 2; k++) {
		near_tokens(of, (struct vectors[]){side[k], c.centre}, probes);
		c.of[k] = of[0].index;
		c.probes = of[0].k;
		of[0].index = NULL;
		near_tokens_free(of);
	}
	return c;
}

void token_cells_free(struct token_cells *c)
{
	free(c->of[0]);
	free(c->of[1]);
	free(c->centre.at);
}

/* The tokens by their cells, ascending: those of cell c are at first[c] .. first[c + 1] - 1. */
static uint32_t *by_cell(size_t *first, const uint32_t *cell, size_t step, size_t tokens,
	size_t probes, size_t cells)
{
	uint32_t *order = xalloc(tokens * probes, sizeof *order);

	memset(first, 0, (cells + 2) * sizeof *first);
	for (size_t i = 0; i < tokens; i++)
		for (size_t e = 0; e < probes; e++)
			first[cell[i * step + e] + 2]++;
	for (size_t c = 2; c <= cells; c++)
		first[c] += first[c - 1];
	for (size_t i = 0; i < tokens; i++)
		for (size_t e = 0; e < probes; e++)
			order[first[cell[i * step + e] + 1]++] = (uint32_t)i;
	return order;
}

/* The point at each place becomes that of the token order[place], round each cycle in turn. */
static void reorder(struct vectors *x, const uint32_t *order)
{
	size_t size = x->d * sizeof *x->at;
	float *held = xalloc(x->d, sizeof *held);
	bool *done = xcalloc(x->n, sizeof *done);

	for (size_t begin = 0; begin < x->n; begin++) {
		if (done[begin])
			continue;
		memcpy(held, x->at + begin * x->d, size);
		for (size_t at = begin; !done[at]; at = order[at]) {
			done[at] = true;
			memcpy(x->at + at * x->d, order[at] == begin ? held
				: x->at + order[at] * x->d, size);
		}
	}
	free(held);
	free(done);
}

/* A side whose points are in the order of their cells. */
struct ordered {
	struct vectors points;
	uint32_t *order;		/* (places): tokens */
	size_t *first;			/* (cells + 1): places where cells begin */
};

/* Of the rows those that look into a cell, and the columns in it, cell by cell. */
static struct near_tokens search_cells(const struct ordered *row, const struct ordered *col,
	const uint32_t *cell, const struct token_cells *cells, size_t k)
{
	size_t n = row->points.n, *first = xalloc(cells->n + 2, sizeof *first), total = 0;
	uint32_t *place = xalloc(n, sizeof *place);
	uint32_t *list = by_cell(first, cell, cells->probes, n, cells->probes, cells->n);
	struct vectors side[2] = {row->points, col->points};
	struct near_tokens of[2];
	struct search s = search_open(of, side, k, false);
	size_t most = rows_of_task(n);
	struct rows *task = xalloc(n / most + 1, sizeof *task);

	for (size_t i = 0; i < n; i++)
		place[row->order[i]] = (uint32_t)i;
	for (size_t e = 0; e < n * cells->probes; e++)
		list[e] = place[list[e]];
	for (size_t c = 0; c < cells->n; c++)
		total += (first[c + 1] - first[c]) * (col->first[c + 1] - col->first[c]);
	s.order[0] = row->order;
	s.order[1] = col->order;
	s.list = list;
	progress_begin(total, "pairs of tokens");
	for (size_t c = 0; c < cells->n; c++)
		search_columns(&s, task, add_tasks(task, 0, first[c], first[c + 1], most),
			col->first[c], col->first[c + 1]);
	progress_end();
	search_close(&s);
	free(of[1].index);
	free(of[1].square);
	free(task);
	free(list);
	free(place);
	free(first);
	return of[0];
}

void near_tokens_in_cells(struct near_tokens of[2], struct vectors side[2], size_t k,
	const struct token_cells *cells)
{
	bool same = side[0].at == side[1].at;
	struct ordered x[2];

	for (int i = 0; i < 2; i++) {
		x[i] = (struct ordered){side[i], NULL, xalloc(cells->n + 2, sizeof *x[i].first)};
		x[i].order = by_cell(x[i].first, cells->of[i], cells->probes, side[i].n, 1,
			cells->n);
		if (i == 0 || !same)
			reorder(&side[i], x[i].order);
	}
	for (int i = 0; i < 2; i++)
		of[i] = search_cells(&x[i], &x[1 - i], cells->of[i], cells, k);
	for (int i = 0; i < 2; i++) {
		free(x[i].order);
		free(x[i].first);
	}
}
