#include "kernel/relaxed.h"

#include "base/simd.h"

#include <float.h>

LEVELS(relaxed_units);
LEVELS(relaxed_least);
LEVELS(relaxed_turn);
LEVELS(relaxed_sums);

enum { STRIP = 1024 };			/* features that are summed at a time */
enum { TILE = 32 };			/* features that are turned at a time */
enum { UNITS = 2 * VEC };		/* units of a vector ... */
enum { VECTORS = RELAXED_POINTS / UNITS };	/* ... and vectors of a line */

typedef uint16_t units_vec __attribute__((vector_size(VEC * 4), aligned(2), may_alias));

static inline units_vec units_min(units_vec x, units_vec y)
{
#if defined(__AVX512BW__)
	return (units_vec)_mm512_min_epu16((__m512i)x, (__m512i)y);
#elif defined(__AVX2__)
	return (units_vec)_mm256_min_epu16((__m256i)x, (__m256i)y);
#elif defined(__SSE2__)
	return x - (units_vec)_mm_subs_epu16((__m128i)x, (__m128i)y);
#else
	return CHOOSE((units_vec)(x < y), x, y);
#endif
}

/* Floats end at FLT_MAX, where the cost is larger yet. */
void KERNEL(relaxed_units)(uint16_t *restrict units, size_t line, const float *restrict product,
	const float *restrict level_t, const float *restrict level_k,
	const float *restrict surcharge, size_t n, float unit, int p)
{
	float inverse = 1 / unit;

	for (size_t k = 0; k < n; k++)
		for (size_t c = 0; c < RELAXED_LINES; c++) {
			uint16_t *restrict to = units + c * line + k * RELAXED_POINTS;
			const float *restrict levels = level_t + c * RELAXED_POINTS;
			const float *restrict from = product + k * RELAXED_WIDTH
				+ c * RELAXED_POINTS;
			for (size_t t = 0; t < RELAXED_POINTS; t++) {
				float s = from[t] + (levels[t] + level_k[k]);
				s = s > 0 ? (s < FLT_MAX ? s : FLT_MAX) : 0;
				float x = ((p == 1 ? __builtin_sqrtf(s) : s) + surcharge[k])
					* inverse;
				to[t] = (uint16_t)(int32_t)(x < 65535.0f ? x : 65535.0f);
			}
		}
}

void KERNEL(relaxed_least)(uint16_t *least, const uint16_t *units, const uint32_t *place,
	const size_t *indptr, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		units_vec *y = (units_vec *)(least + j * RELAXED_POINTS), z[VECTORS];
		for (size_t q = 0; q < VECTORS; q++)
			z[q] = y[q];
		for (size_t k = indptr[j]; k < indptr[j + 1]; k++) {
			const units_vec *x = (const units_vec *)(units + place[k] * RELAXED_POINTS);
			for (size_t q = 0; q < VECTORS; q++)
				z[q] = units_min(x[q], z[q]);
		}
		for (size_t q = 0; q < VECTORS; q++)
			y[q] = z[q];
	}
}

void KERNEL(relaxed_turn)(uint16_t *nearest, const uint16_t *least, size_t count, size_t n)
{
	for (size_t first = 0; first < n; first += TILE)
		for (size_t t = 0; t < count; t++)
			for (size_t j = first; j < n && j < first + TILE; j++)
				nearest[t * n + j] = least[j * RELAXED_POINTS + t];
}

void KERNEL(relaxed_sums)(uint16_t *restrict sum, const uint16_t *nearest, size_t first,
	size_t count, const float *paid, size_t cols, const uint32_t *place, const float *weight,
	size_t n)
{
	float keep = 1 - 2e-7f * (float)(n + 8);	/* rounding errors of the sum */

	for (size_t j0 = 0; j0 < cols; j0 += STRIP) {
		size_t strip = cols - j0 < STRIP ? cols - j0 : STRIP;
		float total[STRIP] = {0};
		for (size_t k = 0; k < n; k++) {
			if (place[k] < first || place[k] - first >= count)
				continue;
			const uint16_t *restrict x = nearest + (place[k] - first) * cols + j0;
			float w = weight[k];
			for (size_t j = 0; j < strip; j++)
				total[j] += w * (float)x[j];
		}
		for (size_t j = 0; j < strip; j++) {
			float x = (float)sum[j0 + j] + total[j] * keep - (paid ? paid[j0 + j] : 0);
			sum[j0 + j] = (uint16_t)(int32_t)(x > 0 ? x : 0);
		}
	}
}
