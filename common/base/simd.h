/* Vectors of floats, and kernels that are compiled for several x86-64 levels and chosen when the
 * program starts; elsewhere, and with ONE_LEVEL, once. (The sanitizers cannot run that early.) */
#ifndef BASE_SIMD_H
#define BASE_SIMD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* A static function in numbers that the compiler puts into vectors by itself. */
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
enum {
	LANES = 16,
#if defined(__AVX512F__)
	VEC = 16,
#elif defined(__AVX2__)
	VEC = 8,
#else
	VEC = 4,
#endif
	PARTS = LANES / VEC
};

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

/* The sums of four times PARTS. */
static inline quarter lane_sums(const vec *x)
{
	const quarter *p = (const quarter *)x;
	quarter a = (p[0] + p[1]) + (p[2] + p[3]), b = (p[4] + p[5]) + (p[6] + p[7]);
	quarter c = (p[8] + p[9]) + (p[10] + p[11]), d = (p[12] + p[13]) + (p[14] + p[15]);
	quarter ab = __builtin_shufflevector(a, b, 0, 4, 1, 5)
		+ __builtin_shufflevector(a, b, 2, 6, 3, 7);
	quarter cd = __builtin_shufflevector(c, d, 0, 4, 1, 5)
		+ __builtin_shufflevector(c, d, 2, 6, 3, 7);

	return __builtin_shufflevector(ab, cd, 0, 1, 4, 5)
		+ __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* Of PARTS vectors. */
static inline float lane_min(const vec *x)
{
	const quarter *p = (const quarter *)x;
	quarter a = QUARTER_MIN(p[0], p[1]), b = QUARTER_MIN(p[2], p[3]), q = QUARTER_MIN(a, b);
	float c = q[0] < q[1] ? q[0] : q[1], d = q[2] < q[3] ? q[2] : q[3];

	return c < d ? c : d;
}

/* min_i x_i - y_i, of width vectors, a multiple of PARTS. */
static inline float least_difference(const vec *x, const vec *y, size_t width)
{
	vec least[PARTS];

	for (size_t q = 0; q < PARTS; q++)
		least[q] = x[q] - y[q];
	for (size_t i = PARTS; i < width; i += PARTS)
		for (size_t q = 0; q < PARTS; q++)
			least[q] = vec_min(x[i + q] - y[i + q], least[q]);
	return lane_min(least);
}

#endif
