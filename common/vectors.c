#include "vectors.h"

#include "bures.h"
#include "cost.h"
#include "die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns are laid out in blocks that stay in the cache while a few rows pass them. */
enum { TOGETHER = 8, BLOCK = 256 };

/* The rows that a thread has worked out, from the one that it was asked for on. */
struct ahead {
	size_t first, n;
	bool *known;		/* (blocks): which columns are */
	float *dist;		/* (TOGETHER, cols) */
	float *block;		/* (TOGETHER, BLOCK) */
};

/* The mean of every feature, less the first point of `about`, for what is far from 0 to keep its
 * digits; and then, with deviations, the standard deviation of every coordinate: (n, d) or (n, 2
 * d), at is to be freed. */
static struct vectors moments_of(const struct set *s, const struct set *about, bool deviations)
{
	size_t d = s->d, width = deviations ? 2 * d : d;
	struct vectors v = {s->ids.n, width, need(s->ids.n * sizeof(float), width)};
	double *mean = need(2 * sizeof *mean, d), *variance = mean + d;

	for (size_t i = 0; i < v.n; i++) {
		float *at = v.at + i * width;
		weighted_moments(mean, deviations ? variance : NULL, s->point, s->row + s->indptr[i],
			s->weight + s->indptr[i], points_of(s, i), d);
		for (size_t c = 0; c < d; c++)
			at[c] = (float)(mean[c] - (about->tokens > 0 ? (double)about->point[c] : 0));
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
	size_t cols;
	float *col;		/* blocks of (d, padded(columns)) */
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
	a->n = v->row.n - i < TOGETHER ? v->row.n - i : TOGETHER;
	memset(a->known, 0, blocks(v) * sizeof *a->known);
}

/* The block of columns from c on. */
static void work_out(const struct vector_stage *v, struct ahead *a, size_t c)
{
	size_t d = v->row.d, n = block_at(v, c);

	cost_matrix(a->block, v->row.at + a->first * d, NULL, a->n, v->col + c * d, n, d, v->p);
	for (size_t r = 0; r < a->n; r++)
		for (size_t k = 0; k < n; k++)
			a->dist[r * v->cols + c + k] = a->block[r * padded(n) + k] * v->scale;
	a->known[c / BLOCK] = true;
}

static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
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

void vectors_open(struct stage *stage, const struct vectors *row, const struct vectors *col, int p, float scale)
{
	struct vector_stage *v = need(1, sizeof *v);

	*v = (struct vector_stage){*row, NULL, col->n, need(padded(col->n) * sizeof(float), col->d),
		need_zero(threads, sizeof *v->ahead), p, scale};
	for (size_t c = 0; c < col->n; c += BLOCK)
		lay_points(v->col + c * col->d, col->at + c * col->d, NULL, block_at(v, c), col->d);
	for (size_t t = 0; t < threads; t++) {
		v->ahead[t].known = need(blocks(v), sizeof *v->ahead[t].known);
		v->ahead[t].dist = need(TOGETHER * sizeof(float), col->n);
		v->ahead[t].block = need(TOGETHER * sizeof(float), BLOCK);
	}
	stage->context = v;
	stage->solve = distances_of_row;
	stage->together = TOGETHER;
}

void moments_open(struct stage *stage, const struct set *row, const struct set *col, bool deviations)
{
	struct vectors a = moments_of(row, row, deviations), b = moments_of(col, row, deviations);

	vectors_open(stage, &a, &b, 1, 1);
	((struct vector_stage *)stage->context)->own = a.at;
	free(b.at);
}

void vectors_close(void *context)
{
	struct vector_stage *v = context;

	for (size_t t = 0; t < threads; t++) {
		free(v->ahead[t].known);
		free(v->ahead[t].dist);
		free(v->ahead[t].block);
	}
	free(v->ahead);
	free(v->own);
	free(v->col);
	free(v);
}
