/* Kernel: products of states and a matrix, the same for a state whatever is beside it. (BLAS sums
 * in another order in the last rows of a block, and on some CPUs in every second one.)
 *
 *	y_ij = (y_ij + s_0) + s_1 ...    s_b = sum_k x_ik w_kj, PRODUCT_DEPTH of them, k ascending
 *
 * From x86-64-v3 on each step of s_b is one fused multiply-add, rounded once: all CPUs that have
 * it, with any vectors, give the same bits. Those without it round the product, too. */
#ifndef KERNEL_PRODUCT_H
#define KERNEL_PRODUCT_H

#include <stddef.h>

enum { PRODUCT_ROWS = 264, PRODUCT_DEPTH = 256, PRODUCT_WORKSPACE = PRODUCT_ROWS * PRODUCT_DEPTH };

/* At most so many roundings on the way of a term of a product of d terms into its sum, which is
 * within g_n sum_k |x_ik w_kj| of the exact one (near.h). */
#define PRODUCT_ROUNDINGS(d) (PRODUCT_DEPTH + (d) / PRODUCT_DEPTH + 2)

/* Y (n, r) += X W, for X (n, d) and W (d, r); rows of y and w lie y_stride and w_stride apart.
 * work: PRODUCT_WORKSPACE floats, whatever n is. */
void product_add(float *y, size_t y_stride, const float *x, const float *w, size_t w_stride,
	size_t n, size_t d, size_t r, float *work);

/* -- A matrix that many states meet ------------------------------------------------------------ */

/* It is packed once, for all the threads too, and PRODUCT_ROWS states at a time for all of its
 * columns. A packed matrix is of use where it lies, not in a copy elsewhere. */
enum { PRODUCT_COLUMNS = 32 };

/* Floats of W (d, r), which has up to PRODUCT_COLUMNS - 1 columns more; and of X (PRODUCT_ROWS,
 * d). */
size_t product_matrix_size(size_t d, size_t r);
size_t product_rows_size(size_t d);

/* Packs a part of W (d, r): `rows` rows from k0 on and `columns` columns from j0 on. They are in w,
 * where a row is row_stride from the next, and a column column_stride. All parts together have to
 * be W; what lies beside it has to be 0 before. */
struct product_part {
	size_t k0, rows, j0, columns, row_stride, column_stride;
};
void product_pack_matrix(float *matrix, const float *w, const struct product_part *, size_t d,
	size_t r);
/* Column j (d) of it. */
void product_column(float *column, const float *matrix, size_t j, size_t d, size_t r);

/* Packs X (n, d), n <= PRODUCT_ROWS. */
void product_pack_rows(float *rows, const float *x, size_t n, size_t d);

/* Y (n, columns) += X W, of both packed, for the columns of W from j0 on, a multiple of
 * PRODUCT_COLUMNS; rows of y lie y_stride apart. */
void product_add_packed(float *y, size_t y_stride, const float *rows, const float *matrix, size_t n,
	size_t d, size_t r, size_t j0, size_t columns);

#endif
