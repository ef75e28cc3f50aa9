#include "kernel/sliced.h"

#include "kernel/bottom_k.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

LEVELS(draw_directions);
LEVELS(project_points);
LEVELS(make_quantiles);
LEVELS(quantile_cost_workspace);
LEVELS(quantile_cost);

void KERNEL(draw_directions)(double *direction, size_t count, size_t d, uint64_t seed)
{
	memset(direction, 0, padded(count) * d * sizeof *direction);
	for (size_t l = 0; l < count; l++) {
		double *at = direction + l / LANES * LANES * d + l % LANES, square = 0;
		for (size_t c = 0; c < d; c++) {
			double u = token_uniform(seed, (uint64_t)l << 32, (uint32_t)(2 * c));
			double v = token_uniform(seed, (uint64_t)l << 32, (uint32_t)(2 * c + 1));
			at[c * LANES] = sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);	/* normal */
			square += at[c * LANES] * at[c * LANES];
		}
		for (size_t c = 0; c < d; c++)
			at[c * LANES] /= sqrt(square);			/* uniform on the sphere */
	}
}

void KERNEL(project_points)(double *at, const float *x, size_t n, size_t d, const double *direction)
{
	for (size_t i = 0; i < n; i++) {
		double sum[LANES] = {0};		/* <x_i, v_l> */
		for (size_t c = 0; c < d; c++)
			for (size_t l = 0; l < LANES; l++)
				sum[l] += (double)x[i * d + c] * direction[c * LANES + l];
		memcpy(at + i * LANES, sum, sizeof sum);
	}
}

/* From left to right; of equals the lighter first, so that the order of the points does not
 * matter. */
static int by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
		: (x->weight > y->weight) - (x->weight < y->weight);
}

void KERNEL(make_quantiles)(struct quantiles *q, const double *at, const uint32_t *row,
	const float *weight, size_t n, struct placed *work)
{
	q->n = n;
	for (size_t l = 0; l < LANES; l++) {
		double sum = 0, below = 0;
		for (size_t k = 0; k < n; k++)
			work[k] = (struct placed){at[row[k] * LANES + l], (double)weight[k]};
		qsort(work, n, sizeof *work, by_place);
		for (size_t k = 0; k < n; k++)
			sum += work[k].weight;
		q->first[l] = work[0].at;			/* X(0) */
		for (size_t k = 0; k + 1 < n; k++) {		/* X jumps at w_0 + ... + w_k */
			below += work[k].weight;
			q->key[k * LANES + l] = (float)(below / sum);
			q->jump[k * LANES + l] = (float)(work[k + 1].at - work[k].at);
		}
	}
}

/* Jumps of both sides, in a power of two. */
static size_t room_for(size_t n, size_t m)
{
	size_t room = 1;

	while (room < n + m - 2)
		room *= 2;
	return room;
}

size_t KERNEL(quantile_cost_workspace)(size_t n, size_t m)
{
	return (2 * room_for(n, m) + 3) * LANES;
}

struct jumps {
	vec key, jump;
};

/* Puts the lesser keys first. */
static inline __attribute__((always_inline)) void exchange(struct jumps *low, struct jumps *high)
{
	mask swap = high->key < low->key;
	mask keys = swap & ((mask)low->key ^ (mask)high->key),
		jumps = swap & ((mask)low->jump ^ (mask)high->jump);

	low->key = (vec)((mask)low->key ^ keys);
	high->key = (vec)((mask)high->key ^ keys);
	low->jump = (vec)((mask)low->jump ^ jumps);
	high->jump = (vec)((mask)high->jump ^ jumps);
}

/* Of part q of the lanes, which merge in step: x's keys ascending, 1 as often as there is room, and
 * y's keys descending are a bitonic sequence, which a network of compare and exchange sorts
 * (Batcher 1968), here two layers of it at a time. */
static double cost_of_part(const struct quantiles *x, const struct quantiles *y, int p, size_t q,
	struct jumps *all)
{
	size_t room = room_for(x->n, y->n), half = room / 2;
	const vec *x_key = (const vec *)x->key + q, *x_jump = (const vec *)x->jump + q;
	const vec *y_key = (const vec *)y->key + q, *y_jump = (const vec *)y->jump + q;
	struct jumps end = {.key = {0}};

	end.key += 1;
	for (size_t k = 0; k + 1 < x->n; k++)
		all[k] = (struct jumps){x_key[k * PARTS], x_jump[k * PARTS]};
	for (size_t k = x->n - 1; k + y->n <= room; k++)
		all[k] = end;
	for (size_t k = 0; k + 1 < y->n; k++)
		all[room - 1 - k] = (struct jumps){y_key[k * PARTS], -y_jump[k * PARTS]};
	all[room] = end;
	for (; half > 1; half /= 4)
		for (size_t begin = 0; begin < room; begin += 2 * half)
			for (size_t k = begin; k < begin + half / 2; k++) {
				struct jumps a = all[k], b = all[k + half / 2], c = all[k + half],
					e = all[k + half / 2 * 3];
				exchange(&a, &c);
				exchange(&b, &e);
				exchange(&a, &b);
				exchange(&c, &e);
				all[k] = a;
				all[k + half / 2] = b;
				all[k + half] = c;
				all[k + half / 2 * 3] = e;
			}
	for (size_t k = 0; half == 1 && k < room; k += 2)
		exchange(&all[k], &all[k + 1]);

	vec apart, sum = {0}, last = {0};
	double total = 0;
	for (size_t l = 0; l < VEC; l++)
		apart[l] = (float)(x->first[q * VEC + l] - y->first[q * VEC + l]);
	for (size_t k = 0; k <= room; k++) {
		vec distance = vec_abs(apart);
		if (p == 2)
			distance *= distance;
		/* integral of |X - Y|^p up to this jump */
		sum = vec_fma(all[k].key - last, distance, sum);
		last = all[k].key;
		apart += all[k].jump;				/* X(q) - Y(q) */
	}
	for (size_t l = 0; l < VEC; l++)
		total += (double)sum[l];
	return total;
}

double KERNEL(quantile_cost)(const struct quantiles *x, const struct quantiles *y, int p,
	float *work)
{
	struct jumps *aligned = (struct jumps *)(((uintptr_t)work + 63) / 64 * 64);
	double total = 0;

	for (size_t q = 0; q < PARTS; q++)
		total += cost_of_part(x, y, p, q, aligned);
	return total;
}
