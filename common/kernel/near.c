#include "kernel/near.h"

#include "base/simd.h"
#include "kernel/product.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

LEVELS(near_columns);
LEVELS(near_limit);
LEVELS(near_either);
LEVELS(near_bound);
LEVELS(square_length);
LEVELS(square_distance);

enum { STRIP = 16 };

#define OVERFLOWS 1e37		/* s from which on a float may not hold what is summed */

/* high (more s - 2 P) + least >= fl(D) >= low (less s - 2 P) - least. */
struct rounding {
	double low, high, less, more, least;
};

static double g(size_t n)
{
	double nu = (double)n * 0x1p-24;

	return nu / (1 - nu);
}

/* |x|^2 and |y|^2 are of d terms each, in doubles. An underflow loses less than 2^-149 of a product
 * or of a square. */
static struct rounding rounding_of(size_t d)
{
	double c = g(PRODUCT_ROUNDINGS(d)) + (double)(d + 8) * DBL_EPSILON;

	return (struct rounding){1 - g(d + 3), 1 + g(d + 3), 1 - c, 1 + c,
		(double)(d + 16) * 0x1p-148};
}

/* x takes the place of the largest. */
static inline void replace(double *heap, size_t k, double x)
{
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < k; at = child) {
		child += child + 1 < k && heap[child + 1] > heap[child];
		if (heap[child] <= x)
			break;
		heap[at] = heap[child];
	}
	heap[at] = x;
}

/* The kth least upper bound. */
static inline double kth_bound(const float *product, double x2, const double *y2, size_t n,
	size_t k, const struct rounding *r, double *heap)
{
	for (size_t i = 0; i < k; i++)
		heap[i] = INFINITY;
	for (size_t j = 0, end; j < n; j = end) {
		double bound[STRIP];
		bool any = false;
		end = n - j < STRIP ? n : j + STRIP;
		for (size_t q = 0; q < STRIP; q++) {
			double s = q < end - j ? x2 + y2[j + q] : INFINITY;
			double p = q < end - j ? (double)product[j + q] : 0;
			bound[q] = s < OVERFLOWS ? r->high * (r->more * s - 2 * p) + r->least
				: INFINITY;
			any |= bound[q] < heap[0];
		}
		for (size_t q = 0; any && q < STRIP; q++)
			if (bound[q] < heap[0])
				replace(heap, k, bound[q]);
	}
	return heap[0];
}

size_t KERNEL(near_columns)(uint32_t *col, const float *product, double x2, const double *y2,
	size_t n, size_t k, size_t d, double *heap)
{
	struct rounding r = rounding_of(d);
	double limit = kth_bound(product, x2, y2, n, k, &r, heap);
	size_t found = 0;

	/* where the difference is less, square roots may round to the same number */
	limit = limit < OVERFLOWS ? limit * (1 + 0x1p-20) + 2 * r.least : INFINITY;
	for (size_t j = 0, end; j < n; j = end) {
		bool any = false;
		end = n - j < STRIP ? n : j + STRIP;
		for (size_t q = j; q < end; q++) {	/* !(>): a NaN is no proof */
			double s = x2 + y2[q];
			any |= !(s < OVERFLOWS)
				|| !(r.low * (r.less * s - 2 * (double)product[q]) > limit);
		}
		for (size_t q = j; any && q < end; q++) {
			double s = x2 + y2[q];
			if (!(s < OVERFLOWS)
				|| !(r.low * (r.less * s - 2 * (double)product[q]) > limit))
				col[found++] = (uint32_t)q;
		}
	}
	return found;
}

/* The floats that near_limit() rounds, and their sums, are within 16 u s / 2 of what they stand
 * for, where the limit is no more than twice s; where it is more, short is so far below P that no
 * rounding matters. */
struct near_limit KERNEL(near_limit)(double x2, float limit, size_t d)
{
	struct rounding r = rounding_of(d);
	double half = (r.less - 16 * 0x1p-24) * x2 / 2;

	return (struct near_limit){(float)half,
		(float)(half - ((double)limit + 2 * r.least) / (2 * r.low))};
}

size_t KERNEL(near_either)(uint32_t *col, const float *product, struct near_limit x,
	const float *half, const float *less, size_t n)
{
	size_t found = 0;

	for (size_t j = 0, end; j < n; j = end) {
		int any = 0;
		end = n - j < 2 * STRIP ? n : j + 2 * STRIP;
		for (size_t q = j; q < end; q++) {
			float a = x.less + half[q], b = x.half + less[q];
			any |= !(product[q] < (a < b ? a : b));
		}
		for (size_t q = j; any && q < end; q++) {
			float a = x.less + half[q], b = x.half + less[q];
			if (!(product[q] < (a < b ? a : b)))
				col[found++] = (uint32_t)q;
		}
	}
	return found;
}

float KERNEL(near_bound)(const float *product, double x2, const double *y2, size_t n, size_t k,
	size_t d, double *heap)
{
	struct rounding r = rounding_of(d);
	double bound = kth_bound(product, x2, y2, n, k, &r, heap);

	return bound < OVERFLOWS ? (float)(bound * (1 + 0x1p-20)) : INFINITY;
}

float KERNEL(square_distance)(const float *x, const float *y, size_t d)
{
	vec sum[PARTS] = {0};
	float rest[LANES] = {0};
	size_t k = 0;

	for (; k + LANES <= d; k += LANES)
		for (size_t q = 0; q < PARTS; q++) {
			vec by = ((const vec *)(x + k))[q] - ((const vec *)(y + k))[q];
			sum[q] = vec_fma(by, by, sum[q]);
		}
	for (size_t q = 0; k + q < d; q++)
		rest[q] = x[k + q] - y[k + q];
	for (size_t q = 0; q < PARTS; q++) {
		vec by = ((const vec *)rest)[q];
		sum[q] = vec_fma(by, by, sum[q]);
	}
	return lane_sum(sum);
}

double KERNEL(square_length)(const float *x, size_t d)
{
	double sum[STRIP] = {0}, all = 0;
	size_t k = 0;

	for (; k + STRIP <= d; k += STRIP)
		for (size_t q = 0; q < STRIP; q++)
			sum[q] += (double)x[k + q] * (double)x[k + q];
	for (; k < d; k++)
		all += (double)x[k] * (double)x[k];
	for (size_t q = 0; q < STRIP; q++)
		all += sum[q];
	return all;
}
