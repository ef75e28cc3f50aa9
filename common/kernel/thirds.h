/* Kernel: a random sample of what lies in the middle and in the lowest third of a maximum that is
 * known only at the end.
 *
 * Things of activation a > 0 and rank come in any order, and the maximum M of all activations grows
 * meanwhile. At the end the k smallest ranks are wanted of M < 3 a <= 2 M, and the k smallest of
 * 3 a <= M. A thing is needed as long as some M that may still come makes it one of these. The
 * others can be dropped: whatever M comes, k of smaller rank stand before each of them. Of n
 * things in random order about k (ln n + 1) are needed at most, and of most distributions 5 k to
 * 10 k, for any n: only what is above M / 3 can move from third to third. */
#ifndef KERNEL_THIRDS_H
#define KERNEL_THIRDS_H

#include "kernel/bottom_k.h"

#include <stdbool.h>

/* Where x belongs among n things that are sorted by activation, ascending. */
size_t third_place(const struct kept *s, size_t n, float activation);

/* May x, one of these n sorted things or another, be wanted at the end, if the maximum is `max` or
 * becomes larger? k > 0. */
bool third_needed(const struct kept *s, size_t n, const struct kept *x, float max, size_t k);

/* The k smallest ranks of the middle third (1) or the lowest (2) of n sorted things: (k) gets their
 * places, in no order. Returns how many there are. */
size_t third_smallest(size_t *place, const struct kept *s, size_t n, int third, float max,
	size_t k);

#endif
