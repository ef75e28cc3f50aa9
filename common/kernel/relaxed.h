/* Kernels: what points pay to the nearest point of each feature, in whole units. */
#ifndef KERNEL_RELAXED_H
#define KERNEL_RELAXED_H

#include <stddef.h>
#include <stdint.h>

enum { RELAXED_POINTS = 32 };	/* at a time, whose units are one cache line */
enum { RELAXED_LINES = 4 };	/* a product is of that many times as many */
enum { RELAXED_WIDTH = RELAXED_LINES * RELAXED_POINTS };

/* units_ckt = floor((C_kct + s_k) / unit), of n points k and RELAXED_LINES times RELAXED_POINTS
 * points t; 65535 where that is more. C^(2/p) = l_k + l_ct + product_kct (n, RELAXED_WIDTH), or 0
 * where that is less, or no number; p is 1 or 2. Those of one k, of RELAXED_POINTS t, lie side by
 * side, those of one c `line` from those of the next. */
void relaxed_units(uint16_t *units, size_t line, const float *product, const float *level_t,
	const float *level_k, const float *surcharge, size_t n, float unit, int p);

/* least[j][t] = min(least[j][t], min units[place[k]][t]), k from indptr[j] on and before indptr[j +
 * 1], for n features j and RELAXED_POINTS points t. */
void relaxed_least(uint16_t *least, const uint16_t *units, const uint32_t *place,
	const size_t *indptr, size_t n);

/* nearest (count, n) = least (n, RELAXED_POINTS) the other way round, of `count` points t. */
void relaxed_turn(uint16_t *nearest, const uint16_t *least, size_t count, size_t n);

/* sum[j] += sum_k w_k nearest[place[k] - first][j], over those of n points k of one feature whose
 * place is among the `count` from `first` on, rounded down; then less paid[j], unless paid is NULL,
 * but not below 0. */
void relaxed_sums(uint16_t *sum, const uint16_t *nearest, size_t first, size_t count,
	const float *paid, size_t cols, const uint32_t *place, const float *weight, size_t n);

#endif
