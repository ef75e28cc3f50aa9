#include "kernel/bures.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { PANEL = 64 };	/* columns that LAPACK works on at once */

/* LAPACK, as OpenBLAS brings it along. */
void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
	const int *lwork, int *info);
void dgebrd_(const int *m, const int *n, double *a, const int *lda, double *d, double *e,
	double *tauq, double *taup, double *work, const int *lwork, int *info);
void dlasq1_(const int *n, double *d, double *e, double *work, int *info);

static double sum_of(const float *weight, size_t n)
{
	double sum = 0;

	for (size_t k = 0; k < n; k++)
		sum += (double)weight[k];
	return sum;
}

void weighted_moments(double *mean, double *variance, const float *point, const uint32_t *row,
	const float *weight, size_t n, size_t d)
{
	double sum = sum_of(weight, n);

	memset(mean, 0, d * sizeof *mean);			/* m = sum_k w_k x_k */
	for (size_t k = 0; k < n; k++)
		for (size_t c = 0; c < d; c++)
			mean[c] += (double)weight[k] / sum * (double)point[row[k] * d + c];
	if (!variance)
		return;
	memset(variance, 0, d * sizeof *variance);		/* sum_k w_k (x_k - m)^2 */
	for (size_t k = 0; k < n; k++)
		for (size_t c = 0; c < d; c++) {
			double apart = (double)point[row[k] * d + c] - mean[c];
			variance[c] += (double)weight[k] / sum * apart * apart;
		}
}

size_t covariance_factor_workspace(size_t n, size_t d)
{
	return (n + 1 + PANEL) * d;
}

double covariance_factor(float *factor, const double *mean, const float *point, const uint32_t *row,
	const float *weight, size_t n, size_t d, double *work)
{
	double *a = work, sum = sum_of(weight, n), trace = 0;	/* A (n, d), to LAPACK A' */

	for (size_t k = 0; k < n; k++) {
		double root = sqrt((double)weight[k] / sum);
		for (size_t c = 0; c < d; c++)
			a[k * d + c] = root * ((double)point[row[k] * d + c] - mean[c]);
	}						/* A_k = sqrt(w_k) (x_k - m): S = A'A */
	if (n > d) {	/* A' = LQ, so that A'A = LL', and L' is a factor, too */
		int rows = (int)d, cols = (int)n, lwork = PANEL * rows, info;
		double *tau = a + n * d;
		dgelqf_(&rows, &cols, a, &rows, tau, tau + d, &lwork, &info);
		n = d;
		for (size_t k = 0; k < n; k++)
			memset(a + k * d, 0, k * sizeof *a);
	}
	for (size_t k = 0; k < n * d; k++) {
		factor[k] = (float)a[k];
		trace += (double)factor[k] * (double)factor[k];	/* tr S = |A|_F^2 */
	}
	return trace;
}

size_t nuclear_norm_workspace(size_t n, size_t m, size_t d)
{
	return (n + m) * (d + PANEL) + n * m + 8 * (n < m ? n : m);
}

double nuclear_norm(const float *a, size_t n, const float *b, size_t m, size_t d, double *work)
{
	/* LAPACK's bidiagonal is an upper one when there are no more columns than rows */
	if (n < m) {
		const float *other = a;
		size_t most = m;
		a = b;
		b = other;
		m = n;
		n = most;
	}
	int rows = (int)n, cols = (int)m, lwork = PANEL * (rows + cols), info;
	double *x = work, *y = x + n * d, *product = y + m * d, *diagonal = product + n * m,
		*above = diagonal + m, *scratch = above + m, *rest = scratch + 2 * m, norm = 0;

	for (size_t k = 0; k < n * d; k++)
		x[k] = (double)a[k];
	for (size_t k = 0; k < m * d; k++)
		y[k] = (double)b[k];
	/* AB' = Q D P', D bidiagonal: diagonal and above. Its singular values are those of AB'. */
	cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, cols, (int)d, 1, x, (int)d, y,
		(int)d, 0, product, rows);
	dgebrd_(&rows, &cols, product, &rows, diagonal, above, scratch, scratch + m, rest, &lwork,
		&info);
	dlasq1_(&cols, diagonal, above, scratch, &info);
	if (info != 0)
		return NAN;
	for (size_t k = 0; k < m; k++)
		norm += diagonal[k];	/* |AB'|_* = tr (S1^1/2 S2 S1^1/2)^1/2 */
	return norm;
}
