/* Kernel: how well a grouping agrees with a reference. */
#ifndef KERNEL_AGREEMENT_H
#define KERNEL_AGREEMENT_H

#include <stddef.h>
#include <stdint.h>

struct agreement {
	double adjusted_rand;	/* 1 for the same grouping, 0 on average by chance */
	double purity;		/* the part of all that has its group's most frequent class */
	double v_measure;	/* the harmonic mean of homogeneity and completeness */
};

/* Of n things, in groups and in classes with any numbers. work: n. All are 1 when n is 0. */
struct agreement agreement(const uint32_t *group, const uint32_t *class, uint64_t *work, size_t n);

#endif
