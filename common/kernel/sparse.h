/* Kernels: sparse matrices. */
#ifndef KERNEL_SPARSE_H
#define KERNEL_SPARSE_H

#include <stddef.h>
#include <stdint.h>

/* Row i has value[k] in column index[k], indptr[i] <= k < indptr[i + 1]; no column stands twice in
 * a row. */
struct sparse {
	size_t *indptr;		/* (rows + 1) */
	uint32_t *index;
	float *value;
};

/* Of each column, in the rows that `among` has (all, if NULL): how many entries, their sum, the sum
 * of their squares; each (cols). */
void sparse_column_moments(size_t *count, double *sum, double *square, const struct sparse *x,
	size_t rows, size_t cols, const uint8_t *among);

/* The same of each row, each (rows), in the columns that `among` has: the columns' of X', to the
 * bit. */
void sparse_row_moments(size_t *count, double *sum, double *square, const struct sparse *x,
	size_t rows, const uint8_t *among);

/* Of the moments of a column over n rows the sum of squares less that of its mean, n times the
 * variance; 0 where that is no more than what rounding leaves of a column that is the same in all
 * rows, or n is 0. */
double sparse_variance(double square, double sum, size_t n);

/* Takes from[j] from the entries of column j. */
void sparse_subtract_columns(struct sparse *x, const float *from, size_t rows);

/* Of n entries of a row those in columns that `among` has; returns how many. kept, kept_value: (n);
 * they may hold anything behind these. */
size_t sparse_among(uint32_t *kept, float *kept_value, const uint32_t *index, const float *value,
	size_t n, const uint8_t *among);

/* Y = X', which has room for it; the entries of a row ascend. */
void sparse_transpose(struct sparse *y, const struct sparse *x, size_t rows, size_t cols);

/* p' += v' X for the sparse vector v of n entries, in their order: the product of two columns has
 * the same bits whichever of them is the vector. touched: 1 where anything was added, the rest
 * stays. */
void sparse_add_product(double *product, uint8_t *touched, const uint32_t *index,
	const float *value, size_t n, const struct sparse *x);

#endif
