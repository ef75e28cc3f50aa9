/* Kernel: unbalanced entropic transport between weighted point sets. */
#ifndef KERNEL_UNBALANCED_H
#define KERNEL_UNBALANCED_H

#include <stddef.h>
#include <stdint.h>

#define UNBALANCED_COST 69.31471805599453	/* 100 log 2 */

struct unbalanced {
	double cost;
	uint32_t iters;
	float residual;		/* how much mass of the plan's rows the last iteration moved */
};

/* Mass may stay where it is (Chizat et al. 2018; Liero, Mielke and Savare 2018): cost is
 *	<P, C> + rho KL(P 1 | a) + rho KL(P'1 | b),	KL(x | w) = sum x log(x / w) - x + w,
 * of the plan P that minimises this and epsilon KL(P | a b'). By (Chizat et al., alg. 1)
 *	v = b / (K'u)^q, u = a / (K v)^q, P_ij = u_i K_ij v_j,
 *	q = rho / (rho + epsilon), K_ij = exp(-C_ij / epsilon),
 * from u = a on, until the residual is at most tol, or max_iters. A cost above UNBALANCED_COST
 * epsilon counts as that. Weights and costs are as for sinkhorn() (sinkhorn.h); workspace:
 * unbalanced_workspace(n, m) doubles. */
struct unbalanced unbalanced(const float *cost, const uint32_t *row, const float *a,
	const float *b, size_t n, size_t m, double rho, double epsilon, double tol,
	uint32_t max_iters, double *workspace);
size_t unbalanced_workspace(size_t n, size_t m);

#endif
