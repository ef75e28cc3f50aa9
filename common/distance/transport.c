#include "distance/transport.h"

#include "kernel/cost.h"
#include "kernel/emd.h"
#include "kernel/sinkhorn.h"
#include "kernel/unbalanced.h"

#include <math.h>
#include <string.h>

static size_t larger(size_t n, size_t m)
{
	return n > m ? n : m;
}

/* The network simplex starts from nearly optimal potentials: half the pivots, and cheap. They may
 * prove a cost above the limit by themselves. */
static struct transport_solution solve_exactly(const struct transport_problem *p, float *potential,
	double *workspace)
{
	const float *a = weights_of(p->a, p->i), *b = weights_of(p->b, p->j);

	struct sinkhorn start = sinkhorn(p->cost, NULL, a, b, p->n, p->m, p->largest,
		fmax(0.005 * p->mean, 1e-30), 0.1, 60, potential, workspace);
	if (start.lower > p->limit + 1e-6 * p->largest)
		return (struct transport_solution){.cost = INFINITY};
	struct emd s = emd(p->cost, a, b, p->n, p->m, p->largest, potential, workspace);

	return (struct transport_solution){.cost = s.cost, .lower = fmin(fmax(s.dual, 0), s.cost),
		.upper = s.cost};
}

static struct sinkhorn solve_entropic(const struct transport *t, const struct transport_problem *p,
	double epsilon, float *potential, double *workspace)
{
	return sinkhorn(p->cost, p->row, weights_of(p->a, p->i), weights_of(p->b, p->j), p->n, p->m,
		p->largest, epsilon, t->tol, (uint32_t)t->max_iters, potential, workspace);
}

/* Its potentials prove nothing about the cost, and are 0. */
static struct transport_solution solve_unbalanced(const struct transport *t,
	const struct transport_problem *p, double epsilon, float *potential, double *workspace)
{
	memset(potential, 0, p->n * sizeof *potential);
	struct unbalanced s = unbalanced(p->cost, p->row, weights_of(p->a, p->i),
		weights_of(p->b, p->j), p->n, p->m, t->unbalanced, epsilon, t->tol,
		(uint32_t)t->max_iters, workspace);
	return (struct transport_solution){s.cost, s.cost, s.cost, s.iters, s.residual,
		p->largest > UNBALANCED_COST * epsilon && epsilon < t->unbalanced / 10};
}

/* The regularised cost of a feature to itself. */
static struct sinkhorn solve_self(const struct transport *t, const struct distributions *s,
	size_t feature, double epsilon, double *workspace)
{
	size_t n = points_of(s, feature);
	float *x = (float *)(workspace + sinkhorn_workspace(n, n)), *cost = x + s->d * padded(n);
	float *unused = cost + n * padded(n);
	struct transport_problem self = {.a = s, .b = s, .i = feature, .j = feature, .n = n, .m = n,
		.cost = cost};

	lay_points(x, s->point, rows_of(s, feature), n, s->d);
	cost_matrix(cost, s->point, rows_of(s, feature), n, x, n, s->d, t->p);
	self.largest = summarise_costs(cost, n, n).largest;
	return solve_entropic(t, &self, epsilon, unused, workspace);
}

/* With debias, S = OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2, of regularised costs OT at one epsilon
 * (Feydy et al. 2019, eq. 3). The iterations and the residual are then the worst of the three. */
struct transport_solution transport_solve(const struct transport *t,
	const struct transport_problem *p, float *potential, double *workspace)
{
	if (!t->entropic)
		return solve_exactly(p, potential, workspace);

	/* Floats resolve costs to about 1e-7, so epsilon stays above 1e-6 of the largest. */
	double epsilon = t->epsilon_abs;
	if (isnan(epsilon))
		epsilon = t->epsilon * capped_mean(p->cost, p->row, p->n, p->m,
			(struct costs){p->mean, p->largest});
	epsilon = fmax(epsilon, fmax(1e-6 * p->largest, 1e-30));
	if (t->unbalanced > 0)
		return solve_unbalanced(t, p, epsilon, potential, workspace);
	struct sinkhorn s = solve_entropic(t, p, epsilon, potential, workspace);
	struct transport_solution out = {s.cost, s.lower, s.upper, s.iters, s.residual, false};

	for (int side = 0; t->debias && side < 2; side++) {
		struct sinkhorn self = solve_self(t, side ? p->b : p->a, side ? p->j : p->i,
			epsilon, workspace);
		out.cost = (side ? out.cost : s.dual) - self.dual / 2;
		out.iters = self.iters > out.iters ? self.iters : out.iters;
		out.residual = fmaxf(self.residual, out.residual);
	}
	return out;
}

size_t transport_workspace(const struct transport *t, size_t n, size_t m, size_t d)
{
	if (!t->entropic)
		return larger(emd_workspace(n, m), sinkhorn_workspace(n, m));
	if (t->unbalanced > 0)
		return unbalanced_workspace(n, m);
	return sinkhorn_workspace(n, m) + (t->debias ? padded(n) * (n + d + 1) / 2 + 1 : 0);
}

size_t transport_max_points(const struct transport *t)
{
	return t->entropic ? UINT32_MAX : 65535;
}
