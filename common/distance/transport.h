/* Optimal transport between two features: emd's solver and sinkhorn's. */
#ifndef DISTANCE_TRANSPORT_H
#define DISTANCE_TRANSPORT_H

#include "stream/distributions.h"

/* What a setting can be, as an option or in a header. */
#define EPSILON_LEAST 1e-6
#define EPSILON_MOST 1e6
#define EPSILON_ABS_LEAST 1e-30
#define EPSILON_ABS_MOST 1e30
#define UNBALANCED_LEAST 1e-30
#define UNBALANCED_MOST 1e30
#define TOL_MOST 2
#define MAX_ITERS_MOST 1e9
#define PART_MOST (1 << 20)

#define OPT_PART(t) {"part", OPT_SIZE, &(t)->part, "K", \
	"deal points into parts of K at most, about; mass stays in its part; 0: one part", 0, \
	PART_MOST}

/* The cost of moving mass is |x - y|^p. */
struct transport {
	int p;				/* 1 or 2 */
	bool entropic;			/* sinkhorn's solver, by what follows; otherwise emd's */
	double epsilon;	/* regularisation, as a fraction of a pair's capped_mean(), ... */
	double epsilon_abs;		/* ... or, unless this is NaN, in units of the cost */
	double tol;			/* on the marginals, L1 */
	size_t max_iters;
	bool debias;			/* the Sinkhorn divergence */
	double unbalanced;		/* rho (kernel/unbalanced.h); 0: all mass moves */
	size_t part;			/* points of a part (parts.h); 0: of any number */
};

/* Feature i of a, with n points, and feature j of b, with m. */
struct transport_problem {
	const struct distributions *a, *b;
	size_t i, j, n, m;
	const float *cost;		/* (., padded(n)); for emd (m, padded(n)) */
	const uint32_t *row;		/* (m): of cost; NULL, as for emd: 0, 1, ... */
	double mean, largest;		/* of the costs */
	double limit;			/* emd may stop where its cost is proved to be above it */
};

struct transport_solution {
	double cost;		/* W_p^p, or what stands for it; infinite: above the limit */
	double lower, upper;		/* of the exact one */
	uint32_t iters;
	float residual;
	bool capped;	/* costs counted as less, and mass may move at them: epsilon < rho / 10 */
};

/* potential (n) becomes potentials of a's points; workspace: transport_workspace(t, n, m, d)
 * doubles for the largest n and m. */
struct transport_solution transport_solve(const struct transport *,
	const struct transport_problem *, float *potential, double *workspace);
size_t transport_workspace(const struct transport *, size_t n, size_t m, size_t d);

/* The points of a feature that it can take. */
size_t transport_max_points(const struct transport *);

#endif
