/* Stages that solve an optimal transport problem for every pair of features or, with --top, for as
 * few pairs as prove which are the nearest. */
#ifndef DISTANCE_PAIR_STAGE_H
#define DISTANCE_PAIR_STAGE_H

#include "distance/stage.h"
#include "distance/transport.h"

/* Names the stage's functions and extras. The distributions have to outlive it. With --top, and
 * unless distances are debiased or unbalanced, transport bounds exclude pairs; close() notes how
 * many pairs had to be solved. */
void pair_stage_open(struct stage *, const struct distributions *a, const struct distributions *b,
	const struct transport *);

#endif
