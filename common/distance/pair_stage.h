/* Transport costs pair by pair: the stages that solve a problem for every pair of features, or for
 * as few as prove the nearest. */
#ifndef DISTANCE_PAIR_STAGE_H
#define DISTANCE_PAIR_STAGE_H

#include "distance/stage.h"
#include "stream/distributions.h"

/* A problem: feature i of one set, with n points, and j of the other, with m. */
struct pair {
	size_t n, m;
	const float *a, *b;		/* (n), (m): weights */
	const float *cost;		/* (m, padded(n)) */
	double mean, largest;		/* of the costs */
};

struct solution {
	double cost;			/* W_p^p, or what stands for it */
	double lower, upper;		/* of the exact one */
	uint32_t iters;
	float residual;
};

/* Solves a pair: feature i of a and j of b, and gives potentials (n) of the row's points; workspace
 * is workspace(settings, n, m, d) doubles for the largest n and m. */
struct solver {
	void (*solve)(const void *settings, const struct set *a, size_t i, const struct set *b, size_t j,
		const struct pair *, float *potential, double *workspace, struct solution *);
	size_t (*workspace)(const void *settings, size_t n, size_t m, size_t d);
	const void *settings;
	size_t most;			/* points of a feature that it can take */
	bool above_exact;		/* its cost is never below the exact one, which bounds therefore bound */
};

/* Names the stage's functions. The sets have to outlive it; p is 1 or 2. */
void pairs_open(struct stage *, const struct set *a, const struct set *b, int p, const struct solver *);
/* A note on stderr with --top: how many pairs had to be solved. */
void pairs_close(void *pairs);

#endif
