#include "kernel/project.h"

#include "kernel/product.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { TILE = 256 };

/* LAPACK, as OpenBLAS brings it along. */
void dsyevd_(const char *job, const char *half, const int *n, double *a, const int *lda, double *w,
	double *work, const int *lwork, int *iwork, const int *liwork, int *info);
void dpotrf_(const char *half, const int *n, double *a, const int *lda, int *info);

/* Tiles of the result go to threads whole, so that every number is summed in the same order. */
void project_add_moments(double *sum, double *outer, const float *x, const float *y, size_t n,
	size_t d, size_t e, size_t threads, double *work)
{
	double *u = work, *v = work + n * d;
	size_t across = (e + TILE - 1) / TILE, tiles = (d + TILE - 1) / TILE * across;

	for (size_t i = 0; i < n * d; i++)
		u[i] = (double)x[i];
	for (size_t i = 0; i < n * e; i++)
		v[i] = (double)y[i];
	for (size_t i = 0; sum && i < n; i++)
		for (size_t k = 0; k < d; k++)
			sum[k] += u[i * d + k];
	if (!outer)
		return;
	#pragma omp parallel for num_threads(threads) schedule(dynamic)
	for (size_t t = 0; t < tiles; t++) {
		size_t i = t / across * TILE, j = t % across * TILE;
		if (x == y && j > i)
			continue;
		int rows = (int)(d - i < TILE ? d - i : TILE);
		int cols = (int)(e - j < TILE ? e - j : TILE);
		cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, cols, (int)n, 1, u + i,
			(int)d, v + j, (int)e, 1, outer + i * e + j, (int)e);
	}
}

size_t project_axes_workspace(size_t d)
{
	/* eigenvalues, dsyevd's work and its integers */
	return 1 + 7 * d + 2 * d * d + (3 + 5 * d);
}

size_t project_axes(float *map, float *mean, const double *sum, double *outer, size_t n, size_t d,
	size_t dims, int whiten, double *work)
{
	double *variance = work, *rest = work + d;
	int order = (int)d, lwork = (int)(1 + 6 * d + 2 * d * d), liwork = (int)(3 + 5 * d), info;

	for (size_t i = 0; i < d; i++)
		mean[i] = (float)(sum[i] / (double)n);
	/* C = X'X / n - m m', the covariance; LAPACK's upper triangle is, row-major, the lower */
	for (size_t i = 0; i < d; i++)
		for (size_t j = 0; j <= i; j++)
			outer[i * d + j] = (outer[i * d + j] - sum[i] * sum[j] / (double)n)
				/ (double)n;
	/* C = V diag(v) V'; v ascends, and eigenvector k becomes row k of outer */
	dsyevd_("V", "U", &order, outer, &order, variance, rest, &lwork, (int *)(rest + lwork),
		&liwork, &info);
	if (info != 0)
		return 0;
	double most = variance[d - 1], square = 0;
	for (size_t i = 0; i < d; i++)
		square += (double)mean[i] * (double)mean[i];
	if (!(most > 1e-14 * square))
		return 0;
	size_t r = 0, limit = dims && dims < d ? dims : d;
	while (r < limit && (!whiten || variance[d - 1 - r] > 1e-6 * most))
		r++;
	/* map = V diag(1 / sqrt(v)) of the r largest, or V */
	for (size_t k = 0; k < r; k++) {
		double *axis = outer + (d - 1 - k) * d;
		double scale = whiten ? 1 / sqrt(variance[d - 1 - k]) : 1;
		for (size_t i = 0; i < d; i++)
			map[i * r + k] = (float)(axis[i] * scale);
	}
	return r;
}

int project_ridge(float *map, float *bias, double *xx, double *xy, const double *sum_x,
	const double *sum_y, size_t n, size_t d, size_t e, double ridge)
{
	int order = (int)d, right = (int)e, info;

	/* of the states less their means: X'X + ridge I and X'Y */
	for (size_t i = 0; i < d; i++) {
		for (size_t j = 0; j <= i; j++)
			xx[i * d + j] -= sum_x[i] * sum_x[j] / (double)n;
		for (size_t j = 0; j < e; j++)
			xy[i * e + j] -= sum_x[i] * sum_y[j] / (double)n;
		xx[i * d + i] += ridge;
	}
	/* X'X + ridge I = L L'; LAPACK's upper factor is, row-major, the lower one */
	dpotrf_("U", &order, xx, &order, &info);
	if (info != 0)
		return 0;
	/* L L' map = X'Y */
	cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, order, right,
		1, xx, order, xy, right);
	cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, order, right, 1,
		xx, order, xy, right);
	for (size_t i = 0; i < d * e; i++)
		map[i] = (float)xy[i];
	/* bias = mean(y) - mean(x) map */
	for (size_t j = 0; j < e; j++) {
		double b = sum_y[j];
		for (size_t i = 0; i < d; i++)
			b -= sum_x[i] * xy[i * e + j];
		bias[j] = (float)(b / (double)n);
	}
	return 1;
}

void project_affine(float *y, float *x, const float *map, const float *mean, const float *bias,
	size_t n, size_t d, size_t r, float *work)
{
	if (mean)				/* x -= mean */
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < d; k++)
				x[i * d + k] -= mean[k];
	for (size_t i = 0; i < n; i++)		/* y = bias */
		if (bias)
			memcpy(y + i * r, bias, r * sizeof *y);
		else
			memset(y + i * r, 0, r * sizeof *y);
	product_pack_rows(work, x, n, d);
	product_add_packed(y, r, work, map, n, d, r, 0, r);	/* y += x map */
}

void project_unit_rows(float *x, size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		for (size_t k = 0; k < d; k++)
			sum += (double)x[i * d + k] * (double)x[i * d + k];
		float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
		for (size_t k = 0; k < d; k++)
			x[i * d + k] *= scale;
	}
}
