/* Vectors of floats, and kernels that are compiled for several x86-64 levels and chosen when the
 * program starts; elsewhere, and with ONE_LEVEL, once. (The sanitizers cannot run that early.) */
#ifndef BASE_SIMD_H
#define BASE_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* A static function in numbers that the compiler puts into vectors by itself. (clang gives one that
 * is not static a name that other files do not find.) */
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

/* Exported kernels, and those in vectors that they name themselves, are written once, as
 * KERNEL(name), in a file that says LEVELS(name) for each function it exports. The Makefile
 * compiles such a file for every level, which KERNEL_LEVEL tells. */
#if !defined(__x86_64__) || !defined(__gnu_linux__) || defined(ONE_LEVEL)
#define KERNEL(name) name
#define LEVELS(name) extern __typeof__(name) name
#elif KERNEL_LEVEL == 4
#define KERNEL(name) name ## _v4
#define LEVELS(name) extern __typeof__(name) name ## _v4
#elif KERNEL_LEVEL == 3
#define KERNEL(name) name ## _v3
#define LEVELS(name) extern __typeof__(name) name ## _v3
#else
#define KERNEL(name) name ## _v2
#define LEVELS(name) \
	extern __typeof__(name) name ## _v2, name ## _v3, name ## _v4; \
	__attribute__((used)) static __typeof__(name) *name ## _of_level(void) \
	{ \
		__builtin_cpu_init(); \
		switch (simd_level()) { \
		case 4: \
			return name ## _v4; \
		case 3: \
			return name ## _v3; \
		} \
		return name ## _v2; \
	} \
	__typeof__(name) name __attribute__((ifunc(#name "_of_level")))
#endif

/* Sums and minima go over LANES numbers at once, at every level in the same order; a level's
 * vectors hold VEC of these, PARTS vectors all. */
#if defined(__AVX512F__)
#define VEC_LANES 16
#elif defined(__AVX2__)
#define VEC_LANES 8
#else
#define VEC_LANES 4
#endif
enum { LANES = 16, VEC = VEC_LANES, PARTS = LANES / VEC };

/* Wherever they lie. */
#define VECTOR(n) __attribute__((vector_size((n) * 4), aligned(4), may_alias))
typedef float vec VECTOR(VEC);
typedef int32_t mask VECTOR(VEC);
typedef float quarter VECTOR(LANES / 4);

/* Rows of matrices are padded to a multiple of LANES. */
static inline size_t padded(size_t n)
{
	return (n + LANES - 1) / LANES * LANES;
}

/* x in each lane. (x - 0 is x, whatever its sign; compilers see it.) */
static inline vec vec_of(float x)
{
	return x - (vec){0};
}

/* x y + z: rounded once from x86-64-v3 on and on arm64, otherwise twice. */
static inline vec vec_fma(vec x, vec y, vec z)
{
#if defined(__AVX512F__)
	return (vec)_mm512_fmadd_ps((__m512)x, (__m512)y, (__m512)z);
#elif defined(__AVX2__) && defined(__FMA__)
	return (vec)_mm256_fmadd_ps((__m256)x, (__m256)y, (__m256)z);
#elif defined(__aarch64__)
	for (size_t l = 0; l < VEC; l++)
		z[l] = __builtin_fmaf(x[l], y[l], z[l]);
	return z;
#else
	return x * y + z;
#endif
}

/* x where the mask is set, y elsewhere. */
#define CHOOSE(where, x, y) (((where) & (x)) | (~(where) & (y)))

/* The lesser; y when one is not a number. */
static inline vec vec_min(vec x, vec y)
{
#if defined(__AVX512F__)
	return (vec)_mm512_min_ps((__m512)x, (__m512)y);
#elif defined(__AVX2__)
	return (vec)_mm256_min_ps((__m256)x, (__m256)y);
#elif defined(__SSE__)
	return (vec)_mm_min_ps((__m128)x, (__m128)y);
#else
	return (vec)CHOOSE(x < y, (mask)x, (mask)y);
#endif
}

/* The greater; y when one is not a number. */
static inline vec vec_max(vec x, vec y)
{
#if defined(__AVX512F__)
	return (vec)_mm512_max_ps((__m512)x, (__m512)y);
#elif defined(__AVX2__)
	return (vec)_mm256_max_ps((__m256)x, (__m256)y);
#elif defined(__SSE__)
	return (vec)_mm_max_ps((__m128)x, (__m128)y);
#else
	return (vec)CHOOSE(x > y, (mask)x, (mask)y);
#endif
}

#ifdef __SSE__
#define QUARTER_MIN(x, y) ((quarter)_mm_min_ps((__m128)(x), (__m128)(y)))
#else
#define QUARTER_MIN(x, y) vec_min(x, y)
#endif

static inline vec vec_abs(vec x)
{
	return (vec)((mask)x & INT32_MAX);
}

/* Of PARTS vectors. */
static inline float lane_sum(const vec *x)
{
	const quarter *q4 = (const quarter *)x;
	quarter q = (q4[0] + q4[1]) + (q4[2] + q4[3]);

	return (q[0] + q[1]) + (q[2] + q[3]);
}

/* Of two vectors, the even, or the odd, numbers of each quarter of one and then of the other. */
#if VEC_LANES == 16
#define EVENS(x, y) __builtin_shufflevector(x, y, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, \
	12, 14, 28, 30)
#define ODDS(x, y) __builtin_shufflevector(x, y, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, \
	13, 15, 29, 31)
#elif VEC_LANES == 8
#define EVENS(x, y) __builtin_shufflevector(x, y, 0, 2, 8, 10, 4, 6, 12, 14)
#define ODDS(x, y) __builtin_shufflevector(x, y, 1, 3, 9, 11, 5, 7, 13, 15)
#else
#define EVENS(x, y) __builtin_shufflevector(x, y, 0, 2, 4, 6)
#define ODDS(x, y) __builtin_shufflevector(x, y, 1, 3, 5, 7)
#endif

/* The same for quarters; of shorter vectors, halves. */
#if VEC_LANES == 16
#define EVEN_QUARTERS(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11, \
	16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_QUARTERS(x, y) __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15, \
	20, 21, 22, 23, 28, 29, 30, 31)
#elif VEC_LANES == 8
#define EVEN_QUARTERS(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD_QUARTERS(x, y) __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
#endif

static inline vec fold(vec x, vec y, bool least)
{
	if (least)
		return vec_min(x, y);
	return x + y;
}

/* The quarters of VEC / 4 times PARTS vectors, which are 4 PARTS apart, folded into one each:
 * (q0 + q1) + (q2 + q3). */
static inline vec fold_quarters(const vec *x, bool least)
{
#if VEC_LANES == 16
	vec a = fold(EVEN_QUARTERS(x[0], x[4]), ODD_QUARTERS(x[0], x[4]), least);
	vec b = fold(EVEN_QUARTERS(x[8], x[12]), ODD_QUARTERS(x[8], x[12]), least);
	return fold(EVEN_QUARTERS(a, b), ODD_QUARTERS(a, b), least);
#elif VEC_LANES == 8
	vec a = fold(EVEN_QUARTERS(x[0], x[8]), ODD_QUARTERS(x[0], x[8]), least);
	vec b = fold(EVEN_QUARTERS(x[1], x[9]), ODD_QUARTERS(x[1], x[9]), least);
	return fold(a, b, least);
#else
	return fold(fold(x[0], x[1], least), fold(x[2], x[3], least), least);
#endif
}

static inline vec fold_lanes(const vec *x, bool least)
{
	vec a = fold_quarters(x, least), b = fold_quarters(x + PARTS, least);
	vec c = fold_quarters(x + 2 * PARTS, least), d = fold_quarters(x + 3 * PARTS, least);
	vec ab = fold(EVENS(a, b), ODDS(a, b), least), cd = fold(EVENS(c, d), ODDS(c, d), least);

	return fold(EVENS(ab, cd), ODDS(ab, cd), least);
}

/* lane_sum() of VEC times PARTS vectors. */
static inline vec lane_sums(const vec *x)
{
	return fold_lanes(x, false);
}

/* The same for lane_min(). */
static inline vec lane_mins(const vec *x)
{
	return fold_lanes(x, true);
}

/* Of PARTS vectors. */
static inline float lane_min(const vec *x)
{
	const quarter *p = (const quarter *)x;
	quarter a = QUARTER_MIN(p[0], p[1]), b = QUARTER_MIN(p[2], p[3]), q = QUARTER_MIN(a, b);
	float c = q[0] < q[1] ? q[0] : q[1], d = q[2] < q[3] ? q[2] : q[3];

	return c < d ? c : d;
}

/* min_i x_i - y_i in each lane, of width vectors, a multiple of PARTS. */
static inline void least_differences(vec least[PARTS], const vec *x, const vec *y, size_t width)
{
	for (size_t q = 0; q < PARTS; q++)
		least[q] = x[q] - y[q];
	for (size_t i = PARTS; i < width; i += PARTS)
		for (size_t q = 0; q < PARTS; q++)
			least[q] = vec_min(x[i + q] - y[i + q], least[q]);
}

/* The same of all lanes. */
static inline float least_difference(const vec *x, const vec *y, size_t width)
{
	vec least[PARTS];

	least_differences(least, x, y, width);
	return lane_min(least);
}

#endif
