/* Kernel: affine maps into a reference space, and their estimates from moments in double. */
#ifndef KERNEL_PROJECT_H
#define KERNEL_PROJECT_H

#include <stddef.h>

enum { PROJECT_ROWS = 256 };	/* rows that are worth one call */

/* outer (d, e) += x'y and sum (d) += x, for n rows x (n, d) and y (n, e), each unless it is NULL;
 * the same for any number of threads. Of x'x (y is x) only the lower triangle is of use, here and
 * below. work: n (d + e) doubles. */
void project_add_moments(double *sum, double *outer, const float *x, const float *y, size_t n,
	size_t d, size_t e, size_t threads, double *work);

/* The principal axes of states with these moments (n rows, d): map (d, r) and mean (d) such that
 * y = (x - mean) map has the r directions of largest variance, scaled to unit variance with whiten
 * (Pearson 1901; PCA whitening). At most `dims` of them (0: all), and when whitening none whose
 * variance is below 1e-6 of the largest, which is noise of the number format. Returns r; 0 when
 * there is no variance beyond rounding, or the eigenvalues do not converge. outer is destroyed;
 * work: project_axes_workspace(d) doubles. */
size_t project_axes(float *map, float *mean, const double *sum, double *outer, size_t n, size_t d,
	size_t dims, int whiten, double *work);
size_t project_axes_workspace(size_t d);

/* Ridge regression with an unpenalised intercept (Hoerl and Kennard 1970): map (d, e) and bias (e)
 * minimise |y - x map - bias|^2 + ridge |map|^2, given xx = x'x (d, d), xy = x'y (d, e) and the
 * sums of n rows. Returns 0 when the normal equations are singular. xx and xy are destroyed. */
int project_ridge(float *map, float *bias, double *xx, double *xy, const double *sum_x,
	const double *sum_y, size_t n, size_t d, size_t e, double ridge);

/* y (n, r) = (x - mean) map + bias for n <= PROJECT_ROWS rows; mean or bias may be NULL. map is
 * packed (kernel/product.h). x becomes x - mean. A row of y is the same whatever the others are.
 * work: product_rows_size(d) floats. */
void project_affine(float *y, float *x, const float *map, const float *mean, const float *bias,
	size_t n, size_t d, size_t r, float *work);

/* Scales every row of x (n, d) to length 1; a zero row stays. */
void project_unit_rows(float *x, size_t n, size_t d);

#endif
