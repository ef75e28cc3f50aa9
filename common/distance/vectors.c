#include "distance/vectors.h"

#include "base/die.h"
#include "kernel/bures.h"
#include "kernel/cost.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Columns are laid out in blocks of coordinates that stay in the cache while rows pass them: a few
 * rows, or many where there are several blocks of coordinates. */
enum { FEW = 8, MANY = 64, BLOCK = 256, DEPTH = 1024 };

/* The rows that a thread has worked out, from the one that it was asked for on. */
struct ahead {
	size_t first, n;
	bool *known;		/* (blocks): which columns are */
	float *dist;		/* (rows_per_task, cols) */
	float *block;		/* (rows_per_task, BLOCK) */
	float *part;		/* (rows_per_task, DEPTH): coordinates of the rows */
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
	struct vectors row;
	float *own;		/* the rows, if it is to free them */
	size_t cols, rows_per_task;
	float *col;		/* blocks of (d, padded(columns)), of blocks of DEPTH coordinates */
	struct ahead *ahead;	/* of each thread */
	int p;
	float scale;
};

static size_t blocks(const struct vector_stage *v)
{
	return (v->cols + BLOCK - 1) / BLOCK;
}

static size_t block_at(const struct vector_stage *v, size_t c)
{
	return v->cols - c < BLOCK ? v->cols - c : BLOCK;
}

static void take_rows(const struct vector_stage *v, struct ahead *a, size_t i)
{
	a->first = i;
	a->n = v->row.n - i < v->rows_per_task ? v->row.n - i : v->rows_per_task;
	memset(a->known, 0, blocks(v) * sizeof *a->known);
}

/* Coordinates k .. k+depth-1 of n vectors. */
static const float *coordinates(float *part, const float *at, size_t n, size_t d, size_t k,
	size_t depth)
{
	if (depth == d)
		return at;
	for (size_t r = 0; r < n; r++)
		memcpy(part + r * depth, at + r * d + k, depth * sizeof *part);
	return part;
}

/* The block of columns from c on. */
static void work_out(const struct vector_stage *v, struct ahead *a, size_t c)
{
	size_t d = v->row.d, n = block_at(v, c);
	float *dist = a->dist + c;

	for (size_t k = 0, depth; k == 0 || k < d; k += depth) {
		depth = d - k < DEPTH ? d - k : DEPTH;
		const float *row = coordinates(a->part, v->row.at + a->first * d, a->n, d, k,
			depth);
		cost_matrix(a->block, row, NULL, a->n, v->col + c * d + k * padded(n), n, depth, 2);
		for (size_t r = 0; r < a->n; r++)
			for (size_t j = 0; j < n; j++)
				dist[r * v->cols + j] = a->block[r * padded(n) + j]
					+ (k > 0 ? dist[r * v->cols + j] : 0);
	}
	for (size_t r = 0; r < a->n; r++)
		for (size_t j = 0; j < n; j++) {
			float x = dist[r * v->cols + j];
			dist[r * v->cols + j] = (v->p == 1 ? sqrtf(x) : x) * v->scale;
		}
	a->known[c / BLOCK] = true;
}

/* Lays out the block of columns from c on. part: (BLOCK, DEPTH). */
static void lay_block(const struct vector_stage *v, const struct vectors *col, size_t c,
	float *part)
{
	size_t d = col->d, n = block_at(v, c);

	for (size_t k = 0, depth; k < d; k += depth) {
		depth = d - k < DEPTH ? d - k : DEPTH;
		const float *x = coordinates(part, col->at + c * d, n, d, k, depth);
		lay_points(v->col + c * d + k * padded(n), x, NULL, n, depth);
	}
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct vector_stage *v = context;
	struct ahead *a = &v->ahead[thread];

	if (i < a->first || i >= a->first + a->n)
		take_rows(v, a, i);
	const float *dist = a->dist + (i - a->first) * v->cols;
	for (size_t n = 0; n < k; n++) {
		if (!a->known[col[n] / BLOCK])
			work_out(v, a, col[n] / BLOCK * BLOCK);
		out->dist[n] = dist[col[n]];
	}
}

static void close_vectors(struct stage *stage)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct vector_stage *v = stage->context;

	for (size_t t = 0; t < threads; t++) {
		free(v->ahead[t].known);
		free(v->ahead[t].dist);
		free(v->ahead[t].block);
		free(v->ahead[t].part);
	}
	free(v->ahead);
	free(v->own);
	free(v->col);
	free(v);
}

void vectors_open(struct stage *stage, const struct vectors *row, const struct vectors *col, int p,
	float scale)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct vector_stage *v = xalloc(1, sizeof *v);
	float *part = xalloc(BLOCK * sizeof *part, DEPTH);

	*v = (struct vector_stage){*row, NULL, col->n, row->d > DEPTH ? MANY : FEW,
		xalloc(padded(col->n) * sizeof(float), col->d), xcalloc(threads, sizeof *v->ahead),
		p, scale};
	for (size_t c = 0; c < col->n; c += BLOCK)
		lay_block(v, col, c, part);
	free(part);
	for (size_t t = 0; t < threads; t++) {
		struct ahead *a = &v->ahead[t];
		a->known = xalloc(blocks(v), sizeof *a->known);
		a->dist = xalloc(v->rows_per_task * sizeof(float), col->n);
		a->block = xalloc(v->rows_per_task * sizeof(float), BLOCK);
		a->part = xalloc(v->rows_per_task * sizeof(float), DEPTH);
	}
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
	struct vectors b = moments_of(col, origin, deviations);

	vectors_open(stage, &a, &b, 1, 1);
	((struct vector_stage *)stage->context)->own = a.at;
	free(b.at);
}
