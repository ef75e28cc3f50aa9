/* What sinkhorn.c and unbalanced.c share: powers of two, and sums over rows and columns of K. */
#ifndef KERNEL_SCALING_H
#define KERNEL_SCALING_H

#include "base/simd.h"

#include <string.h>

enum { ROWS = VEC };	/* columns of a problem, rows of K, that are taken at a time */
enum { GROUP = VEC / 2 };	/* of these, whose sums stay in registers */

/* 2^x for -100 <= x <= 126, and what these have beyond them; relative error 3e-6, which is to a
 * cost what 3e-6 epsilon is: the minimax polynomial on [-1/2, 1/2]. */
static inline vec power_of_two(vec x)
{
	vec c = vec_max(vec_min(x, vec_of(126)), vec_of(-100));
	vec shifted = c + 12582912.0f;			/* its low bits are the nearest integer */
	vec r = c - (shifted - 12582912.0f);
	vec y = vec_fma(r, vec_of(9.570100483e-3f), vec_of(5.591786021e-2f));

	y = vec_fma(y, r, vec_of(2.402474486e-1f));
	y = vec_fma(y, r, vec_of(6.931218148e-1f));
	y = vec_fma(y, r, vec_of(9.999992614e-1f));
	return (vec)((mask)y + ((mask)shifted << 23));
}

/* sum_i K_ij u_i of ROWS columns j, from k on. */
static inline vec sum_columns(const vec *restrict k, const vec *restrict u, size_t width)
{
	vec sum[ROWS * PARTS];

	for (size_t r0 = 0; r0 < ROWS; r0 += GROUP) {
		vec part[GROUP][PARTS] = {0};
		for (size_t i = 0; i < width; i += PARTS)
			for (size_t r = 0; r < GROUP; r++)
				for (size_t q = 0; q < PARTS; q++)
					part[r][q] = vec_fma(k[(r0 + r) * width + i + q], u[i + q],
						part[r][q]);
		memcpy(sum + r0 * PARTS, part, sizeof part);
	}
	return lane_sums(sum);
}

/* t_i += sum_j x_ji v_j over ROWS columns j; the `next` ones are fetched. */
static inline void add_columns(vec *restrict t, const vec *const *x, const vec *const *next,
	const float *restrict v, size_t width)
{
	for (size_t r0 = 0; r0 < ROWS; r0 += GROUP) {
		vec of[GROUP];
		const vec *at[GROUP], *ahead[GROUP];
		for (size_t r = 0; r < GROUP; r++) {
			of[r] = vec_of(v[r0 + r]);
			at[r] = x[r0 + r];
			ahead[r] = next[r0 + r];
		}
		for (size_t i = 0; i < width; i++) {
			vec sum = t[i];
			for (size_t r = 0; r < GROUP; r++) {
				__builtin_prefetch(ahead[r] + i);
				sum = vec_fma(at[r][i], of[r], sum);
			}
			t[i] = sum;
		}
	}
}

/* t_i += sum_j K_ij v_j over ROWS columns j, from k on. */
static inline void add_kernel(vec *restrict t, const vec *k, const float *restrict v, size_t width)
{
	const vec *at[ROWS], *next[ROWS];

	for (size_t r = 0; r < ROWS; r++) {
		at[r] = k + r * width;
		next[r] = at[r] + ROWS * width;
	}
	add_columns(t, at, next, v, width);
}

#endif
