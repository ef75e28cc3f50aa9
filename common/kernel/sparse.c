#include "kernel/sparse.h"

#include <float.h>
#include <math.h>
#include <string.h>

void sparse_column_moments(size_t *count, double *sum, double *square, const struct sparse *x,
	size_t rows, size_t cols, const uint8_t *among)
{
	memset(count, 0, cols * sizeof *count);
	memset(sum, 0, cols * sizeof *sum);
	memset(square, 0, cols * sizeof *square);
	for (size_t i = 0; i < rows; i++)
		for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
			uint32_t j = x->index[k];
			double v = (double)x->value[k];
			if (among && !among[i])
				break;
			count[j]++;			/* entries of column j */
			sum[j] += v;			/* sum_i X_ij */
			square[j] += v * v;		/* sum_i X_ij^2 */
		}
}

void sparse_row_moments(size_t *count, double *sum, double *square, const struct sparse *x,
	size_t rows, const uint8_t *among)
{
	for (size_t i = 0; i < rows; i++) {
		count[i] = 0;
		sum[i] = square[i] = 0;
		for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
			double v = (double)x->value[k];
			if (among && !among[x->index[k]])
				continue;
			count[i]++;
			sum[i] += v;
			square[i] += v * v;
		}
	}
}

/* Errors of n additions add up like a random walk (Higham 2002, sec. 2.8). */
double sparse_variance(double square, double sum, size_t n)
{
	double left = square - sum * sum / (double)n;

	return left > 16 * sqrt((double)n) * DBL_EPSILON * square ? left : 0;
}

void sparse_subtract_columns(struct sparse *x, const float *from, size_t rows)
{
	for (size_t k = 0; k < x->indptr[rows]; k++)
		x->value[k] -= from[x->index[k]];	/* X_ij - m_j, where X_ij is not 0 */
}

size_t sparse_among(uint32_t *kept, float *kept_value, const uint32_t *index, const float *value,
	size_t n, const uint8_t *among)
{
	size_t found = 0;

	for (size_t k = 0; k < n; k++) {
		kept[found] = index[k];
		kept_value[found] = value[k];
		found += among[index[k]];
	}
	return found;
}

/* Y = X' by a counting sort (Gustavson 1978): entries per row of Y, where each row begins, and then
 * every entry to the end of its row. The ends stand one place late in y->indptr, so that when all
 * rows are full they are the beginnings of the next. */
void sparse_transpose(struct sparse *y, const struct sparse *x, size_t rows, size_t cols)
{
	size_t *end = y->indptr + 1;		/* of each row of Y, as far as it is filled */

	memset(y->indptr, 0, (cols + 1) * sizeof *y->indptr);
	for (size_t k = 0; k < x->indptr[rows]; k++)
		if (x->index[k] + 1 < cols)
			end[x->index[k] + 1]++;		/* entries of the row before */
	for (size_t j = 1; j < cols; j++)
		end[j] += end[j - 1];			/* where row j begins */
	for (size_t i = 0; i < rows; i++)
		for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
			size_t at = end[x->index[k]]++;
			y->index[at] = (uint32_t)i;	/* Y_ji = X_ij; rows ascend in i */
			y->value[at] = x->value[k];
		}
}

void sparse_add_product(double *product, uint8_t *touched, const uint32_t *index,
	const float *value, size_t n, const struct sparse *x)
{
	for (size_t i = 0; i < n; i++) {
		double v = (double)value[i];
		for (size_t k = x->indptr[index[i]]; k < x->indptr[index[i] + 1]; k++) {
			uint32_t j = x->index[k];
			product[j] += v * (double)x->value[k];		/* p += v_i X_i* */
			touched[j] = 1;
		}
	}
}
