/* Kernel: matching pursuit (Mallat and Zhang 1993, sec. 2) over many states at once: each step is a
 * product of all residuals and all features.
 *
 *	r = u - centre, a = 0; then, until it stops:
 *	i = the feature with the largest w_i r, the lowest of equals; v = max(w_i r, 0)
 *	a_i += v, r -= v w_i
 *
 * struct pursuit (encode.h) has the variants and says when it stops. */
#ifndef KERNEL_PURSUIT_H
#define KERNEL_PURSUIT_H

#include "kernel/encode.h"

size_t pursuit_workspace(const struct encoder *);

/* As encode(), for states that are encoded as they are: u (n, d), which become residuals. */
size_t pursuit(struct encoded *out, float *u, const struct encoder *, size_t n, float *workspace);

#endif
