#include "vectors.h"

#include "bures.h"
#include "cost.h"
#include "die.h"

#include <math.h>
#include <stdlib.h>

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
	size_t cols;
	float *col;		/* (d, padded(cols)) */
	float **dist;		/* of each thread, (padded(cols)) */
	int p;
	float scale;
};

static void distances_of_row(void *context, size_t thread, size_t i, size_t from, struct entries *out)
{
	const struct vector_stage *v = context;
	const float *dist = v->dist[thread];

	cost_matrix(v->dist[thread], v->row->at + i * v->row->d, NULL, 1, v->col, v->cols, v->row->d, v->p);
	for (size_t j = from; j < v->cols; j++)
		out->dist[j] = dist[j] * v->scale;
}

struct vector_stage *vector_stage(struct stage *stage, const struct vectors *row, const struct vectors *col, int p, float scale)
{
	struct vector_stage *v = need(1, sizeof *v);
	size_t ld = padded(col->n);

	*v = (struct vector_stage){row, col->n, need(ld * sizeof(float), col->d), need(threads, sizeof(float *)), p, scale};
	lay_points(v->col, col->at, NULL, col->n, col->d);
	for (size_t t = 0; t < threads; t++)
		v->dist[t] = need(ld, sizeof(float));
	stage->context = v;
	stage->solve = distances_of_row;
	return v;
}

void vector_stage_free(struct vector_stage *v)
{
	for (size_t t = 0; t < threads; t++)
		free(v->dist[t]);
	free(v->dist);
	free(v->col);
	free(v);
}
