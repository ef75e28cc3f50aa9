/* How alike two features fire, on the same tokens or on tokens that are coupled, as a distance. */
#ifndef DISTANCE_COACTIVATION_H
#define DISTANCE_COACTIVATION_H

#include "distance/stage.h"
#include "stream/activations.h"
#include "stream/coupling.h"

/* With n_i tokens on which feature i fires, and n_ij on which i and j both do, 1 less
 *	pearson		the correlation of a_i and a_j over all tokens
 *	jaccard		n_ij / (n_i + n_j - n_ij)
 *	joint		n_ij / max(n_i, n_j)
 * A feature that never fires is at distance 1 from all others; a feature is at 0 from itself.
 *
 * Through a coupling (kernel/lift.h) i and j are compared twice: on the rows' text a_i with b~_j,
 * what j does there, and on the columns' text a~_i with b_j; the distance is the mean of the two.
 * Tokens without a partner do not count. */
enum coactivation { COACT_PEARSON, COACT_JACCARD, COACT_JOINT };

/* Names the stage's functions. The dictionaries have to outlive it, and so has the coupling: the
 * streams of the rows with by_feature, those of the columns with by_token. Where the coupling is
 * NULL they are over the same tokens; otherwise over its rows' and its columns'. */
void coactivation_open(struct stage *, enum coactivation, const struct dictionary *row,
	const struct dictionary *col, const struct coupling *);

#endif
