/* What tests of kernels have in common: numbers that are the same each time, and a count of what
 * is wrong. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static size_t failures;

static inline void check(bool right, const char *what, size_t trial)
{
	if (right)
		return;
	printf("not ok: %s (trial %zu)\n", what, trial);
	failures++;
}

/* In [0, 1): xorshift64*. */
static inline double uniform(void)
{
	static uint64_t state = 1;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * 0x2545F4914F6CDD1Du) >> 11) / 9007199254740992.0;
}

static inline size_t below(size_t n)
{
	return (size_t)(uniform() * (double)n);
}

#endif
