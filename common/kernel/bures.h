/* Kernels: features' distributions as Gaussians, and the 2-Wasserstein distance of these (Dowson
 * and Landau 1982, Gelbrich 1990):
 *	W^2 = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2
 * With S1 = A'A and S2 = B'B the last trace is the nuclear norm of AB'. */
#ifndef KERNEL_BURES_H
#define KERNEL_BURES_H

#include <stddef.h>
#include <stdint.h>

/* The mean (d) and the variances (d; or NULL) of n weighted points, the rows row[0 .. n) of point
 * (., d). Weights count as their share of their sum. */
void weighted_moments(double *mean, double *variance, const float *point, const uint32_t *row,
	const float *weight, size_t n, size_t d);

/* A factor of their covariance, (min(n, d), d); returns its trace. That the factor is rounded to
 * floats moves W by at most 2^-24 of the deviation sqrt(tr S). */
double covariance_factor(float *factor, const double *mean, const float *point, const uint32_t *row,
	const float *weight, size_t n, size_t d, double *work);
size_t covariance_factor_workspace(size_t n, size_t d);

/* The sum of the singular values of ab', for a (n, d) and b (m, d); NaN if they were not found. */
double nuclear_norm(const float *a, size_t n, const float *b, size_t m, size_t d, double *work);
size_t nuclear_norm_workspace(size_t n, size_t m, size_t d);

#endif
