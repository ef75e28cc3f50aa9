/* Vectors of floats, and kernels that are compiled for several x86-64 levels and chosen when the
 * program starts; elsewhere, and with ONE_LEVEL, once. (The sanitizers cannot run that early.) */
#ifndef BASE_SIMD_H
#define BASE_SIMD_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(ONE_LEVEL)
#define MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#endif

/* The x86-64 level for kernels whose shape depends on it: 4, 3 or 2; elsewhere 2. */
static inline int simd_level(void)
{
#if defined(__AVX512F__)
	return 4;
#elif defined(__x86_64__) && !defined(ONE_LEVEL)
	if (__builtin_cpu_supports("avx512f"))
		return 4;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 3 : 2;
#elif defined(__AVX2__) && defined(__FMA__)
	return 3;
#else
	return 2;
#endif
}

enum { LANES = 16 };

/* LANES numbers at once, wherever they lie: sums and minima in an order that vector code can
 * keep. */
#define VECTOR(n) __attribute__((vector_size((n) * 4), aligned(4), may_alias))
typedef float lanes VECTOR(LANES);
typedef float quarter VECTOR(LANES / 4);
typedef int32_t mask VECTOR(LANES);
typedef int32_t quarter_mask VECTOR(LANES / 4);

/* Rows of matrices are padded to a multiple of LANES. */
static inline size_t padded(size_t n)
{
	return (n + LANES - 1) / LANES * LANES;
}

/* x where the mask is set, y elsewhere, of whole numbers. (Macros where a vector would be passed by
 * value.) */
#define CHOOSE(where, x, y) (((where) & (x)) | (~(where) & (y)))
#define SMALLER(type, where, x, y) ((type)CHOOSE((x) < (y), (where)(x), (where)(y)))

static inline float lane_sum(const lanes *x)
{
	const quarter *q4 = (const quarter *)x;
	quarter q = (q4[0] + q4[1]) + (q4[2] + q4[3]);

	return (q[0] + q[1]) + (q[2] + q[3]);
}

/* The sums of four. */
static inline void lane_sums(quarter *sum, const lanes *x)
{
	const quarter *p = (const quarter *)x;
	quarter a = (p[0] + p[1]) + (p[2] + p[3]), b = (p[4] + p[5]) + (p[6] + p[7]);
	quarter c = (p[8] + p[9]) + (p[10] + p[11]), d = (p[12] + p[13]) + (p[14] + p[15]);
	quarter ab = __builtin_shufflevector(a, b, 0, 4, 1, 5)
		+ __builtin_shufflevector(a, b, 2, 6, 3, 7);
	quarter cd = __builtin_shufflevector(c, d, 0, 4, 1, 5)
		+ __builtin_shufflevector(c, d, 2, 6, 3, 7);

	*sum = __builtin_shufflevector(ab, cd, 0, 1, 4, 5)
		+ __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static inline float lane_min(const lanes *x)
{
	const quarter *q4 = (const quarter *)x;
	quarter a = SMALLER(quarter, quarter_mask, q4[0], q4[1]);
	quarter b = SMALLER(quarter, quarter_mask, q4[2], q4[3]);
	quarter q = SMALLER(quarter, quarter_mask, a, b);
	float c = q[0] < q[1] ? q[0] : q[1], d = q[2] < q[3] ? q[2] : q[3];

	return c < d ? c : d;
}

#endif
