#include "kernel/sparse.h"

#include <string.h>

void sparse_column_moments(size_t *count, double *sum, double *square, const struct sparse *x, size_t rows,
	size_t cols)
{
	memset(count, 0, cols * sizeof *count);
	memset(sum, 0, cols * sizeof *sum);
	memset(square, 0, cols * sizeof *square);
	for (size_t k = 0; k < x->indptr[rows]; k++) {
		uint32_t j = x->index[k];
		double v = (double)x->value[k];
		count[j]++;
		sum[j] += v;
		square[j] += v * v;
	}
}

void sparse_subtract_columns(struct sparse *x, const float *from, size_t rows)
{
	for (size_t k = 0; k < x->indptr[rows]; k++)
		x->value[k] -= from[x->index[k]];
}

void sparse_transpose(struct sparse *y, const struct sparse *x, size_t rows, size_t cols)
{
	size_t *end = y->indptr + 1;		/* of each row of y, as far as it is filled */

	memset(y->indptr, 0, (cols + 1) * sizeof *y->indptr);
	for (size_t k = 0; k < x->indptr[rows]; k++)
		if (x->index[k] + 1 < cols)
			end[x->index[k] + 1]++;
	for (size_t j = 1; j < cols; j++)
		end[j] += end[j - 1];
	for (size_t i = 0; i < rows; i++)
		for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++) {
			size_t at = end[x->index[k]]++;
			y->index[at] = (uint32_t)i;
			y->value[at] = x->value[k];
		}
}

void sparse_add_product(double *product, const uint32_t *index, const float *value, size_t n, const struct sparse *x)
{
	for (size_t i = 0; i < n; i++) {
		double v = (double)value[i];
		for (size_t k = x->indptr[index[i]]; k < x->indptr[index[i] + 1]; k++)
			product[x->index[k]] += v * (double)x->value[k];
	}
}
