#include "distance/vectors.h"

#include "base/die.h"
#include "kernel/bures.h"
#include "kernel/cost.h"
#include "kernel/near.h"
#include "kernel/product.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Columns are laid out in blocks of coordinates that stay in the cache while rows pass them: a few
 * rows, or many where there are several blocks of coordinates. */
enum { FEW = 8, MANY = 64, BLOCK = 256, DEPTH = 1024 };

/* A product is worth its while with at least LEAST_ROWS, and PRODUCTS of them are kept. A row of
 * which one column in FAR is near takes all. */
enum { LEAST_ROWS = 48, PRODUCTS = 1 << 23, FAR = 8 };

/* The rows that a thread has worked out, from the one that it was asked for on. */
struct ahead {
	size_t first, n;
	bool products;		/* is dist of them? */
	bool *known;		/* (blocks): which columns are */
	bool *whole;		/* (rows_per_task): the row has distances, not products */
	uint32_t *row;		/* (rows_per_task): rows to work out */
	float *dist;		/* (rows_per_task, cols): distances or products */
	float *block;		/* (rows_per_task, BLOCK) */
	float *part;		/* (rows_per_task, DEPTH): coordinates of rows */
	float *lane;		/* (BLOCK, d): a few columns, laid out */
	float *packed;		/* the rows, for products */
	double *heap;		/* (top) */
};

/* The mean of every feature, less `origin` (d; or NULL), so that what is far from 0 keeps its
 * digits; and then, with deviations, the standard deviation of every coordinate. (n, d) or
 * (n, 2 d), at is to be freed. */
static struct vectors moments_of(const struct distributions *s, const float *origin,
	bool deviations)
{
	size_t d = s->d, width = deviations ? 2 * d : d;
	struct vectors v = {s->ids.n, width, xalloc(s->ids.n * sizeof(float), width)};
	double *mean = xalloc(2 * sizeof *mean, d), *variance = mean + d;

	for (size_t i = 0; i < v.n; i++) {
		float *at = v.at + i * width;
		weighted_moments(mean, deviations ? variance : NULL, s->point, rows_of(s, i),
			weights_of(s, i), points_of(s, i), d);
		for (size_t c = 0; c < d; c++)
			at[c] = (float)(mean[c] - (origin ? (double)origin[c] : 0));
		for (size_t c = d; c < width; c++)
			at[c] = (float)sqrt(variance[c - d]);
	}
	free(mean);
	return v;
}

/* The context of such a stage. */
struct vector_stage {
	enum vector_distance distance;
	struct vectors row, col;
	float *own[2];		/* the vectors, if it is to free them */
	bool *zero[2];		/* (rows), (cols): has it no direction? */
	double *square[2];	/* (rows), (cols): |x|^2; with --top */
	float *lane;		/* the columns, in blocks of (d, padded(columns)), ... */
	float *packed;		/* ... or, with products, packed for them (product.h) */
	size_t rows_per_task, end;	/* end: of the rows that are asked for */
	struct ahead *ahead;	/* of each thread */
};

static size_t blocks(const struct vector_stage *v)
{
	return (v->col.n + BLOCK - 1) / BLOCK;
}

static size_t block_at(const struct vector_stage *v, size_t c)
{
	return v->col.n - c < BLOCK ? v->col.n - c : BLOCK;
}

/* -- Distances --------------------------------------------------------------------------------- */

/* |x - y|^2 of n rows and m columns in lanes; of row `first` on dist has ld numbers a row. */
static void add_squares(float *dist, const struct vector_stage *v, struct ahead *a, size_t first,
	size_t ld, const uint32_t *row, size_t n, const float *lane, size_t m)
{
	size_t d = v->row.d;

	for (size_t k = 0, depth; k == 0 || k < d; k += depth) {
		depth = d - k < DEPTH ? d - k : DEPTH;
		for (size_t r = 0; r < n; r++)
			memcpy(a->part + r * depth, v->row.at + row[r] * d + k,
				depth * sizeof *a->part);
		cost_matrix(a->block, a->part, NULL, n, lane + k * padded(m), m, depth, 2);
		for (size_t r = 0; r < n; r++) {
			float *to = dist + (row[r] - first) * ld;
			for (size_t j = 0; j < m; j++)
				to[j] = a->block[r * padded(m) + j] + (k > 0 ? to[j] : 0);
		}
	}
}

/* The distances of row i and columns col[0 .. n), or those from column `first` on, of |x - y|^2. */
static void finish(float *dist, const struct vector_stage *v, size_t i, const uint32_t *col,
	size_t first, size_t n)
{
	bool same = v->row.at == v->col.at;

	for (size_t j = 0; j < n && v->distance != SQUARED; j++)
		dist[j] = v->distance == EUCLIDEAN ? sqrtf(dist[j]) : .5f * dist[j];
	for (size_t j = 0; j < n && v->distance == COSINE; j++) {
		size_t c = col ? col[j] : first + j;
		if (v->zero[0][i] || v->zero[1][c])
			dist[j] = same && i == c ? 0 : 1;
	}
}

static const float *lay_block(const struct vector_stage *v, size_t c, float *lane)
{
	lay_points(lane, v->col.at + c * v->col.d, NULL, block_at(v, c), v->col.d);
	return lane;
}

/* The block of columns from c on, for n rows. */
static void work_out(const struct vector_stage *v, struct ahead *a, const uint32_t *row, size_t n,
	size_t c)
{
	size_t m = block_at(v, c), ld = v->col.n;
	const float *lane = v->lane ? v->lane + c * v->col.d : lay_block(v, c, a->lane);

	add_squares(a->dist + c, v, a, a->first, ld, row, n, lane, m);
	for (size_t r = 0; r < n; r++)
		finish(a->dist + (row[r] - a->first) * ld + c, v, row[r], NULL, c, m);
}

/* The distances of row i and a few columns. */
static void pick_out(float *dist, const struct vector_stage *v, struct ahead *a, uint32_t i,
	const uint32_t *col, size_t n)
{
	for (size_t j = 0, m; j < n; j += m) {
		m = n - j < BLOCK ? n - j : BLOCK;
		lay_points(a->lane, v->col.at, col + j, m, v->col.d);
		add_squares(dist + j, v, a, i, 0, &i, 1, a->lane, m);
	}
	finish(dist, v, i, col, 0, n);
}

static void take_rows(const struct vector_stage *v, struct ahead *a, size_t i, bool products)
{
	a->products = products;
	a->first = i;
	size_t left = (i < v->end ? v->end : v->row.n) - i;	/* random pairs are of any row */
	a->n = left < v->rows_per_task ? left : v->rows_per_task;
	for (size_t r = 0; r < a->n; r++)
		a->row[r] = (uint32_t)(i + r);
	memset(a->known, 0, blocks(v) * sizeof *a->known);
	memset(a->whole, 0, a->n * sizeof *a->whole);
}

static bool holds(const struct ahead *a, size_t i, bool products)
{
	return a->products == products && i >= a->first && i < a->first + a->n;
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct vector_stage *v = context;
	struct ahead *a = &v->ahead[thread];

	if (k <= v->col.n / FAR) {
		pick_out(out->dist, v, a, (uint32_t)i, col, k);
		return;
	}
	if (!holds(a, i, false))
		take_rows(v, a, i, false);
	const float *dist = a->dist + (i - a->first) * v->col.n;
	for (size_t n = 0; n < k; n++) {
		if (!a->known[col[n] / BLOCK]) {
			work_out(v, a, a->row, a->n, col[n] / BLOCK * BLOCK);
			a->known[col[n] / BLOCK] = true;
		}
		out->dist[n] = dist[col[n]];
	}
}

/* -- The nearest ------------------------------------------------------------------------------- */

static void take_products(const struct vector_stage *v, struct ahead *a, size_t i)
{
	size_t d = v->row.d, cols = v->col.n;

	take_rows(v, a, i, true);
	memset(a->dist, 0, a->n * cols * sizeof *a->dist);
	product_pack_rows(a->packed, v->row.at + i * d, a->n, d);
	for (size_t c = 0; c < cols; c += BLOCK)
		product_add_packed(a->dist + c, cols, a->packed, v->packed, a->n, d, cols, c,
			block_at(v, c));
}

static size_t candidates(uint32_t *col, const struct vector_stage *v, struct ahead *a, size_t r,
	size_t k)
{
	return near_columns(col, a->dist + r * v->col.n, v->square[0][a->first + r], v->square[1],
		v->col.n, k, v->row.d, a->heap);
}

/* Row r and later ones that have too many candidates, all columns of them. */
static void work_out_whole(const struct vector_stage *v, struct ahead *a, size_t r, size_t k,
	uint32_t *col)
{
	size_t n = 0;

	for (size_t q = r; q < a->n; q++)
		if (q == r || candidates(col, v, a, q, k) > v->col.n / FAR) {
			a->whole[q] = true;
			a->row[n++] = (uint32_t)(a->first + q);
		}
	for (size_t c = 0; c < v->col.n; c += BLOCK)
		work_out(v, a, a->row, n, c);
}

/* All columns of a row that has no direction. */
static size_t near_zero(const struct vector_stage *v, size_t i, struct entries *out)
{
	for (size_t j = 0; j < v->col.n; j++) {
		out->col[j] = (uint32_t)j;
		out->dist[j] = 0;
	}
	finish(out->dist, v, i, NULL, 0, v->col.n);
	return v->col.n;
}

static size_t near_row(void *context, size_t thread, size_t i, size_t k, struct entries *out)
{
	const struct vector_stage *v = context;
	struct ahead *a = &v->ahead[thread];
	size_t cols = v->col.n;

	if (v->distance == COSINE && v->zero[0][i])
		return near_zero(v, i, out);
	if (!holds(a, i, true))
		take_products(v, a, i);
	size_t r = i - a->first;
	if (!a->whole[r]) {
		size_t n = candidates(out->col, v, a, r, k);
		if (n <= cols / FAR) {
			pick_out(out->dist, v, a, (uint32_t)i, out->col, n);
			return n;
		}
		work_out_whole(v, a, r, k, out->col);
	}
	for (size_t j = 0; j < cols; j++)
		out->col[j] = (uint32_t)j;
	memcpy(out->dist, a->dist + r * cols, cols * sizeof *out->dist);
	return cols;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

/* The columns as products or distances take them. */
static void lay_columns(struct vector_stage *v, bool products)
{
	size_t d = v->col.d, n = v->col.n;

	if (products)
		v->packed = xcalloc(product_matrix_size(d, n), sizeof *v->packed);
	else
		v->lane = xalloc(padded(n) * sizeof *v->lane, d);
	#pragma omp parallel for
	for (size_t c = 0; c < n; c += BLOCK)
		if (products)
			product_pack_matrix(v->packed, v->col.at + c * d, &(struct product_part){
				0, d, c, block_at(v, c), 1, d}, d, n);
		else
			lay_block(v, c, v->lane + c * d);
}

/* Lengths; a zero that has no direction takes part as a unit vector at right angles to all, which
 * is 1 away. */
static void measure(struct vector_stage *v, int side, const struct vectors *x)
{
	v->zero[side] = xcalloc(x->n, sizeof *v->zero[side]);
	v->square[side] = xalloc(x->n, sizeof *v->square[side]);
	#pragma omp parallel for
	for (size_t i = 0; i < x->n; i++) {
		double square = square_length(x->at + i * x->d, x->d);
		v->zero[side][i] = square == 0;
		v->square[side][i] = square == 0 && v->distance == COSINE ? 1 : square;
	}
}

static void close_vectors(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct vector_stage *v = stage->context;

	for (size_t t = 0; t < threads; t++) {
		free(v->ahead[t].known);
		free(v->ahead[t].whole);
		free(v->ahead[t].row);
		free(v->ahead[t].dist);
		free(v->ahead[t].block);
		free(v->ahead[t].part);
		free(v->ahead[t].lane);
		free(v->ahead[t].packed);
		free(v->ahead[t].heap);
	}
	for (int k = 0; k < 2; k++) {
		free(v->own[k]);
		free(v->zero[k]);
		free(v->square[k]);
	}
	free(v->ahead);
	free(v->lane);
	free(v->packed);
	free(v);
}

static struct ahead ahead_open(const struct vector_stage *v, size_t top)
{
	size_t rows = v->rows_per_task;
	struct ahead a = {.known = xalloc(blocks(v), sizeof *a.known)};

	a.whole = xalloc(rows, sizeof *a.whole);
	a.row = xalloc(rows, sizeof *a.row);
	a.dist = xalloc(rows * sizeof *a.dist, v->col.n);
	a.block = xalloc(rows * sizeof *a.block, BLOCK);
	a.part = xalloc(rows * sizeof *a.part, v->row.d < DEPTH ? v->row.d : DEPTH);
	a.lane = xalloc(BLOCK * sizeof *a.lane, v->col.d);
	a.packed = xalloc(v->packed ? product_rows_size(v->row.d) : 0, sizeof *a.packed);
	a.heap = xalloc(top, sizeof *a.heap);
	return a;
}

/* How many rows a thread takes at a time with --top: as many as are worth a product, while all
 * threads have some. */
static size_t rows_of_products(const struct vector_stage *v, size_t rows, size_t threads)
{
	size_t share = (rows + threads - 1) / threads, kept = PRODUCTS / v->col.n;
	size_t most = kept < PRODUCT_ROWS ? kept : PRODUCT_ROWS;

	most = share < most ? share : most;
	return most > LEAST_ROWS ? most : LEAST_ROWS;
}

void vectors_open(struct stage *stage, const struct vectors *row, const struct vectors *col,
	enum vector_distance distance)
{
	size_t threads = (size_t)omp_get_max_threads(), top = stage->asked.top, first;
	struct vector_stage *v = xalloc(1, sizeof *v);

	*v = (struct vector_stage){.distance = distance, .row = *row, .col = *col, .end = row->n,
		.rows_per_task = row->d > DEPTH ? MANY : FEW,
		.ahead = xalloc(threads, sizeof *v->ahead)};
	if (top && top <= col->n / FAR && row->d <= NEAR_MOST) {
		stage_rows(stage, &first, &v->end);
		v->rows_per_task = rows_of_products(v, v->end - first, threads);
		stage->near = near_row;
	}
	measure(v, 0, row);
	measure(v, 1, col);
	lay_columns(v, stage->near != NULL);
	for (size_t t = 0; t < threads; t++)
		v->ahead[t] = ahead_open(v, top);
	stage->context = v;
	stage->solve = distances_of_row;
	stage->rows_per_task = v->rows_per_task;
	stage->close = close_vectors;
}

void moments_open(struct stage *stage, const struct distributions *row,
	const struct distributions *col, bool deviations)
{
	const float *origin = row->tokens > 0 ? row->point : NULL;
	struct vectors a = moments_of(row, origin, deviations);
	struct vectors b = stage->symmetric ? a : moments_of(col, origin, deviations);

	vectors_open(stage, &a, &b, EUCLIDEAN);
	struct vector_stage *v = stage->context;
	v->own[0] = a.at;
	v->own[1] = stage->symmetric ? NULL : b.at;
}
