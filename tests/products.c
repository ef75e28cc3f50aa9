/* The kernels of product.h, near.h and k_nearest.h against plain versions. Silent when all is
 * well. */
#include "base/simd.h"
#include "kernel/cost.h"
#include "kernel/k_nearest.h"
#include "kernel/near.h"
#include "kernel/product.h"

#include "check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* -- Products ---------------------------------------------------------------------------------- */

/* y + x w, in the order that the header says, fused where the CPU can. */
static float product(float y, const float *x, const float *w, size_t stride, size_t d)
{
#ifdef __aarch64__
	bool fused = true;
#else
	bool fused = simd_level() > 2;
#endif

	for (size_t k = 0; k < d; k += PRODUCT_DEPTH) {
		float sum = 0;
		for (size_t q = k; q < d && q < k + PRODUCT_DEPTH; q++)
			sum = fused ? fmaf(x[q], w[q * stride], sum) : sum + x[q] * w[q * stride];
		y += sum;
	}
	return y;
}

/* Packs w (d, r), row-major or column-major, in four parts. */
static void pack_in_parts(float *packed, const float *w, bool by_columns, size_t d, size_t r)
{
	size_t k = below(d + 1), j = below(r + 1), across = by_columns ? d : 1;

	memset(packed, 0, product_matrix_size(d, r) * sizeof *packed);
	for (size_t part = 0; part < 4; part++) {
		struct product_part p = {part & 1 ? k : 0, part & 1 ? d - k : k, part & 2 ? j : 0,
			part & 2 ? r - j : j, by_columns ? 1 : r, across};
		product_pack_matrix(packed, w + p.k0 * p.row_stride + p.j0 * across, &p, d, r);
	}
}

/* To the bit, for any number of rows and any columns. */
static void products(void)
{
	enum { N = 600, D = 600, R = 200 };
	static float x[N * D], w[D * R], turned[R * D], y[N * R], expected[N * R], column[D];
	static float again[N * R], work[PRODUCT_WORKSPACE];
	float *rows = malloc(product_rows_size(D) * sizeof *rows);
	float *packed = malloc(product_matrix_size(D, R) * sizeof *packed);

	for (size_t trial = 0; trial < 60; trial++) {
		size_t n = 1 + below(trial < 50 ? 30 : N), d = 1 + below(D), r = 1 + below(R);
		size_t j0 = below(r) / PRODUCT_COLUMNS * PRODUCT_COLUMNS, m = 1 + below(r - j0);
		for (size_t i = 0; i < n * d; i++)
			x[i] = (float)normal();
		for (size_t i = 0; i < d * r; i++)
			w[i] = turned[i % r * d + i / r] = (float)normal();
		for (size_t i = 0; i < n * R; i++)
			y[i] = again[i] = expected[i] = (float)normal();
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				expected[i * R + j] = product(y[i * R + j], x + i * d, w + j0 + j,
					r, d);
		pack_in_parts(packed, trial % 2 ? turned : w, trial % 2, d, r);
		product_add(again, R, x, w + j0, r, n, d, m, work);
		for (size_t i = 0, some; i < n; i += some) {
			some = n - i < PRODUCT_ROWS ? n - i : PRODUCT_ROWS;
			product_pack_rows(rows, x + i * d, some, d);
			product_add_packed(y + i * R, R, rows, packed, some, d, r, j0, m);
		}
		check(memcmp(y, expected, n * R * sizeof *y) == 0
			&& memcmp(again, expected, n * R * sizeof *y) == 0,
			"product: every row is summed alike, and nothing else changes", trial);
		size_t j = below(r);
		product_column(column, packed, j, d, r);
		check(memcmp(column, turned + j * d, d * sizeof *column) == 0,
			"product: a column is as it was", trial);
	}
	free(packed);
	free(rows);
}

/* -- Nearest by products ----------------------------------------------------------------------- */

static int by_number(const void *x, const void *y)
{
	float a = *(const float *)x, b = *(const float *)y;

	return a < b ? -1 : a > b;
}

/* Is every column there whose rounded distance is one of the k least, or has their square root, and
 * are they ascending? */
static bool has_nearest(const uint32_t *col, size_t found, const float *dist, size_t n, size_t k)
{
	static float sorted[1000];
	size_t at = 0;

	memcpy(sorted, dist, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_number);
	for (size_t j = 0; j < n; j++) {
		while (at < found && col[at] < j)
			at++;
		if (sqrtf(dist[j]) <= sqrtf(sorted[k - 1]) && (at == found || col[at] != j))
			return false;
	}
	for (size_t e = 1; e < found; e++)
		if (col[e] <= col[e - 1])
			return false;
	return true;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Are all columns found whose distance is within the limit of the row, the kth least of all, or
 * within their own, which are at random just there, just below, or 0? And is the bound no less? Of
 * columns that are not too long. */
static void near_limits(const float *product, double x2, const double *y2, const float *dist,
	size_t n, size_t k, size_t d, size_t trial, bool few)
{
	static float p[1000], of[1000], sorted[1000], half[1000], less[1000], own[1000];
	static double square[1000], heap[1000];
	static uint32_t col[1000];
	size_t m = 0;

	for (size_t j = 0; j < n; j++)
		if (y2[j] < 1e36) {
			p[m] = product[j];
			square[m] = y2[j];
			sorted[m] = of[m] = dist[j];
			m++;
		}
	k = k < m ? k : m;
	qsort(sorted, m, sizeof *sorted, by_size);
	for (int row = 0; row < 2 && k > 0; row++) {
		float limit = row ? sorted[k - 1] : 0;
		bool right = true;
		for (size_t j = 0; j < m; j++) {
			size_t sort = few ? 0 : below(3);
			own[j] = sort == 0 ? 0 : sort == 1 ? of[j] : nextafterf(of[j], 0);
			struct near_limit l = near_limit(square[j], own[j], d);
			half[j] = l.half;
			less[j] = l.less;
		}
		size_t at = 0, found = near_either(col, p, near_limit(x2, limit, d), half, less, m);
		for (size_t j = 0; j < m; j++) {
			while (at < found && col[at] < j)
				at++;
			if (of[j] <= limit || of[j] <= own[j])
				right = right && at < found && col[at] == j;
		}
		check(right, "near: within either limit", trial);
		check(!few || found < m / 4, "near: few beyond the limits", trial);
	}
	check(k == 0 || near_bound(p, x2, square, m, k, d, heap) >= sorted[k - 1],
		"near: the bound of the kth", trial);
}

/* Products and distances that are as far off as they may be, in the worst directions. */
static void worst_products(size_t trial)
{
	enum { N = 1000, D = 2304, K = 10 };
	static float product[N], dist[N];
	static double y2[N], heap[K];
	static uint32_t col[N];
	double u = 0x1p-24, a = PRODUCT_ROUNDINGS(D), b = D + 3, x2 = exp(4 * normal());

	for (size_t j = 0; j < N; j++) {
		bool less = uniform() < .5;		/* is the distance too small? */
		y2[j] = x2 * (1 + .01 * uniform());
		double s = x2 + y2[j], off = .99 * a * u / (1 - a * u) * s / 2;
		double d = s * (trial % 2 ? .5 + 3e-4 * uniform() : 1e-4 + 6e-5 * uniform());
		double exact = (s - d) / 2;
		product[j] = (float)(less ? exact - off : exact + off);
		dist[j] = (float)(d * (1 + (less ? -.99 : .99) * b * u / (1 - b * u)));
	}
	size_t found = near_columns(col, product, x2, y2, N, K, D, heap);
	check(has_nearest(col, found, dist, N, K) && found < N,
		"near: all that rounding allows, at its worst", trial);
	near_limits(product, x2, y2, dist, N, K, D, trial, false);
}

static void nearest_by_products(void)
{
	enum { N = 500, D = 600, K = 7 };
	static const double scale[] = {1, 1, 1e12, 1e-12, 1e-21, 1e19};
	static float x[D], y[N * D], lane[D * 512], dist[512], product[N];
	static float work[PRODUCT_WORKSPACE];
	static double y2[N], heap[K];
	static uint32_t col[N];

	for (size_t trial = 0; trial < 60; trial++) {
		size_t d = 1 + below(trial % 2 ? D : 5), k = 1 + below(K), found;
		bool plain = trial % 3 == 0;
		for (size_t c = 0; c < d; c++)
			x[c] = (float)normal();
		for (size_t j = 0; j < N; j++) {	/* new, a copy, a last bit off, 0 */
			double by = plain ? 1 : scale[below(6)];
			size_t from = below(j + 1), sort = plain ? 0 : below(4);
			for (size_t c = 0; c < d; c++)
				y[j * d + c] = sort == 3 ? 0 : sort > 0 ? y[from * d + c]
					: (float)(by * normal());
			if (sort == 2)
				y[j * d + below(d)] *= 1 + 0x1p-23f;
			y2[j] = square_length(y + j * d, d);
		}
		if (trial % 4 == 1)			/* the nearest are at 0 */
			memcpy(x, y + below(N) * d, d * sizeof *x);
		lay_points(lane, y, NULL, N, d);
		cost_matrix(dist, x, NULL, 1, lane, N, d, 2);
		memset(product, 0, sizeof product);
		product_add(product, N, x, lane, padded(N), 1, d, N, work);
		found = near_columns(col, product, square_length(x, d), y2, N, k, d, heap);
		check(has_nearest(col, found, dist, N, k), "near: the nearest", trial);
		check(!plain || d < 3 || found < N / 4, "near: few others", trial);
		for (size_t j = 0; j < N; j++) {
			double exact = 0;
			for (size_t c = 0; c < d; c++)
				exact += pow((double)x[c] - (double)y[j * d + c], 2);
			dist[j] = square_distance(x, y + j * d, d);
			check(fabs((double)dist[j] - exact) <= 1e-4 * exact + 1e-40
				|| exact > 1e37, "square_distance", trial);
			check(dist[j] == square_distance(y + j * d, x, d), "either way", trial);
		}
		near_limits(product, square_length(x, d), y2, dist, N, k, d, trial,
			plain && d > 3);
		worst_products(trial);
	}
}

/* Of many numbers, some of them equal, the k least of lowest index, in any order of coming. */
static void k_least(void)
{
	enum { N = 200 };
	float all[N], dist[N];
	uint32_t order[N], index[N];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t n = 1 + below(N), k = 1 + below(20), at = 0;
		bool right = true;
		for (size_t i = 0; i < n; i++) {
			size_t j = below(i + 1);
			all[i] = (float)below(trial % 2 ? 10 : 1000);
			order[i] = order[j];
			order[j] = (uint32_t)i;
		}
		k_nearest_begin(dist, index, k);
		for (size_t i = 0; i < n; i++)
			if (k_nearest_nearer(dist, index, all[order[i]], order[i]))
				k_nearest_replace(dist, index, k, all[order[i]], order[i]);
		k_nearest_sort(dist, index, k);
		for (float x = 0; x < 1000; x++)
			for (size_t i = 0; i < n && at < k; i++)
				if (all[i] == x) {
					right = right && index[at] == i && dist[at] == x;
					at++;
				}
		for (; at < k; at++)
			right = right && index[at] == UINT32_MAX && dist[at] == INFINITY;
		check(right, "the k nearest", trial);
	}
}

int main(void)
{
	k_least();
	nearest_by_products();
	products();
	return failures > 0;
}
