/* Kernel: entropic optimal transport between weighted point sets. */
#ifndef KERNEL_SINKHORN_H
#define KERNEL_SINKHORN_H

#include <stddef.h>
#include <stdint.h>

struct sinkhorn {
	double cost;		/* <P, C> of the plan made feasible */
	double lower, upper;	/* of the exact cost, rounding included: by f, by that plan */
	double dual;		/* min <P, C> + epsilon KL(P | a b'), by its dual */
	uint32_t iters;
	float residual;		/* |P 1 - a|_1 + |P' 1 - b|_1, before P was made feasible */
};

/* Entropic optimal transport (Cuturi 2013) between weights a (n) and b (m), positive and of sum 1,
 * under costs whose largest is `largest`: to column point j they are row[j] of cost (., padded(n)),
 * or its row j when row is NULL. Stops when the residual is at most tol, or after max_iters.
 *
 * Scaling iterations on P = u_i K_ij v_j, K = exp((f_i + g_j - C_ij) / epsilon), over-relaxed
 * (Thibault et al. 2021); f and g take in u and v, exactly, whenever these leave the range of
 * floats (Schmitzer 2019, alg. 2), so that any epsilon > 0 is stable; epsilon itself comes down to
 * its value in steps of 4 (ibid., sec. 3.2).
 *
 * f (n): the row points' potentials, so that P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon) for
 * some g. workspace: sinkhorn_workspace(n, m) doubles. */
struct sinkhorn sinkhorn(const float *cost, const uint32_t *row, const float *a, const float *b,
	size_t n, size_t m, double largest, double epsilon, double tol, uint32_t max_iters,
	float *f, double *workspace);
size_t sinkhorn_workspace(size_t n, size_t m);

#endif
