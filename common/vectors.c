#include "vectors.h"

#include "bures.h"
#include "cost.h"
#include "die.h"

#include <math.h>
#include <stdlib.h>

/* Columns are laid out in blocks that stay in the cache while a few rows pass them. */
enum { TOGETHER = 8, BLOCK = 256 };

/* The rows that a thread has worked out, from the one that it was asked for on. */
struct ahead {
	size_t first, n, from;
	float *dist;		/* (TOGETHER, cols), from column `from` */
	float *block;		/* (TOGETHER, BLOCK) */
};

struct vectors moments_of(const struct set *s, const struct set *about, bool deviations)
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

struct vector_stage {
	const struct vectors *row;
	size_t cols, threads;
	float *col;		/* blocks of (d, padded(columns)) */
	struct ahead *ahead;	/* of each thread */
	int p;
	float scale;
};

static size_t block_at(const struct vector_stage *v, size_t c)
{
	return v->cols - c < BLOCK ? v->cols - c : BLOCK;
}

static void work_out(const struct vector_stage *v, struct ahead *a, size_t i, size_t from)
{
	size_t d = v->row->d;

	a->first = i;
	a->n = v->row->n - i < TOGETHER ? v->row->n - i : TOGETHER;
	a->from = from;
	for (size_t c = from / BLOCK * BLOCK; c < v->cols; c += BLOCK) {
		size_t n = block_at(v, c);
		cost_matrix(a->block, v->row->at + i * d, NULL, a->n, v->col + c * d, n, d, v->p);
		for (size_t r = 0; r < a->n; r++)
			for (size_t k = 0; k < n; k++)
				a->dist[r * v->cols + c + k] = a->block[r * padded(n) + k] * v->scale;
	}
}

static void distances_of_row(void *context, size_t thread, size_t i, size_t from, struct entries *out)
{
	const struct vector_stage *v = context;
	struct ahead *a = &v->ahead[thread];

	if (i < a->first || i >= a->first + a->n || from < a->from)
		work_out(v, a, i, from);
	const float *dist = a->dist + (i - a->first) * v->cols;
	for (size_t j = from; j < v->cols; j++)
		out->dist[j] = dist[j];
}

struct vector_stage *vector_stage(struct stage *stage, const struct vectors *row, const struct vectors *col, int p,
	float scale)
{
	struct vector_stage *v = need(1, sizeof *v);

	*v = (struct vector_stage){row, col->n, threads, need(padded(col->n) * sizeof(float), col->d),
		need_zero(threads, sizeof *v->ahead), p, scale};
	for (size_t c = 0; c < col->n; c += BLOCK)
		lay_points(v->col + c * col->d, col->at + c * col->d, NULL, block_at(v, c), col->d);
	for (size_t t = 0; t < threads; t++) {
		v->ahead[t].dist = need(TOGETHER * sizeof(float), col->n);
		v->ahead[t].block = need(TOGETHER * sizeof(float), BLOCK);
	}
	stage->context = v;
	stage->solve = distances_of_row;
	stage->together = TOGETHER;
	return v;
}

void vector_stage_free(struct vector_stage *v)
{
	for (size_t t = 0; t < v->threads; t++) {
		free(v->ahead[t].dist);
		free(v->ahead[t].block);
	}
	free(v->ahead);
	free(v->col);
	free(v);
}
