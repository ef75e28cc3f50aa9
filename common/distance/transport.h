/* The two solvers of pairs.h: emd's and sinkhorn's. */
#ifndef DISTANCE_TRANSPORT_H
#define DISTANCE_TRANSPORT_H

#include "distance/pair_stage.h"

struct solver exact_solver(void);

struct entropic {
	int p;
	double epsilon;			/* regularisation, as a fraction of a pair's mean cost, ... */
	double epsilon_abs;		/* ... or, unless this is NaN, in units of the cost */
	double tol;			/* on the marginals, L1 */
	size_t max_iters;
	bool debias;			/* the Sinkhorn divergence */
};

/* The settings have to outlive it. */
struct solver entropic_solver(const struct entropic *);

#endif
