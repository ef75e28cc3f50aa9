/* Kernel: ratios of sums and their bootstrap intervals (Efron 1979). */
#ifndef KERNEL_BOOTSTRAP_H
#define KERNEL_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* sum(part) / sum(whole), n of each; 0 where that has no value. */
double ratio_of_sums(const double *part, const double *whole, size_t n);

/* low and high: the 2.5% and 97.5% quantiles, linear between neighbours, of that ratio over `draws`
 * samples of n parts, drawn with replacement. Sample r has the parts floor(n token_uniform(seed,
 * 2^32 r, k)) for k < n (bottom_k.h). The same for any number of threads. drawn: workspace,
 * (draws). */
void bootstrap_interval(double *low, double *high, const double *part, const double *whole,
	size_t n, double *drawn, size_t draws, uint64_t seed, size_t threads);

#endif
