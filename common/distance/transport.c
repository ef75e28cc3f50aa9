#include "distance/transport.h"

#include "kernel/cost.h"
#include "kernel/emd.h"
#include "kernel/sinkhorn.h"

#include <math.h>

static void solve_exactly(const void *settings, const struct set *a, size_t i, const struct set *b, size_t j,
	const struct pair *p, float *potential, double *workspace, struct solution *out)
{
	(void)settings, (void)a, (void)i, (void)b, (void)j;

	/* Nearly optimal potentials to start from: half the pivots, and cheap. */
	sinkhorn(p->cost, p->a, p->b, p->n, p->m, p->largest, fmax(0.005 * p->mean, 1e-30), 0.1, 60, potential, workspace);
	struct emd s = emd(p->cost, p->a, p->b, p->n, p->m, p->largest, potential, workspace);

	*out = (struct solution){.cost = s.cost, .lower = fmin(fmax(s.dual, 0), s.cost), .upper = s.cost};
}

static size_t exact_workspace(const void *settings, size_t n, size_t m, size_t d)
{
	(void)settings, (void)d;
	return emd_workspace(n, m) > sinkhorn_workspace(n, m) ? emd_workspace(n, m) : sinkhorn_workspace(n, m);
}

struct solver exact_solver(void)
{
	return (struct solver){solve_exactly, exact_workspace, NULL, 65535, true};
}

/* Floats resolve costs to about 1e-7, so epsilon stays above 1e-6 of the largest. */
static double pair_epsilon(const struct entropic *e, const struct pair *p)
{
	return fmax(isnan(e->epsilon_abs) ? e->epsilon * p->mean : e->epsilon_abs, fmax(1e-6 * p->largest, 1e-30));
}

static struct sinkhorn solve(const struct entropic *e, const struct pair *p, double eps, float *potential,
	double *workspace)
{
	return sinkhorn(p->cost, p->a, p->b, p->n, p->m, p->largest, eps, e->tol, (uint32_t)e->max_iters, potential,
		workspace);
}

/* A feature's regularised cost to itself. */
static struct sinkhorn solve_self(const struct entropic *e, const struct set *s, size_t feature, double eps,
	double *workspace)
{
	size_t n = points_of(s, feature);
	const float *weight = s->weight + s->indptr[feature];
	float *x = (float *)(workspace + sinkhorn_workspace(n, n)), *cost = x + s->d * padded(n), *unused = cost + n * padded(n);

	lay_points(x, s->point, s->row + s->indptr[feature], n, s->d);
	cost_matrix(cost, s->point, s->row + s->indptr[feature], n, x, n, s->d, e->p);
	struct pair self = {n, n, weight, weight, cost, 0, summarise_costs(cost, n, n).largest};
	return solve(e, &self, eps, unused, workspace);
}

/* The pair's iterations and residual are the worst of the three problems'. */
static void solve_entropic(const void *settings, const struct set *a, size_t i, const struct set *b, size_t j,
	const struct pair *p, float *potential, double *workspace, struct solution *out)
{
	const struct entropic *e = settings;
	double eps = pair_epsilon(e, p);
	struct sinkhorn s = solve(e, p, eps, potential, workspace);

	*out = (struct solution){s.cost, s.lower, s.upper, s.iters, s.residual};
	for (int side = 0; e->debias && side < 2; side++) {
		struct sinkhorn self = solve_self(e, side ? b : a, side ? j : i, eps, workspace);
		out->cost = (side ? out->cost : s.dual) - self.dual / 2;
		out->iters = self.iters > out->iters ? self.iters : out->iters;
		out->residual = fmaxf(self.residual, out->residual);
	}
}

static size_t entropic_workspace(const void *settings, size_t n, size_t m, size_t d)
{
	const struct entropic *e = settings;

	return sinkhorn_workspace(n, m) + (e->debias ? padded(n) * (n + d + 1) / 2 + 1 : 0);
}

struct solver entropic_solver(const struct entropic *e)
{
	return (struct solver){solve_entropic, entropic_workspace, e, UINT32_MAX, !e->debias};
}
