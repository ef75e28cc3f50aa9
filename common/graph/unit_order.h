/* How much of the influence between units runs against their best order. */
#ifndef GRAPH_UNIT_ORDER_H
#define GRAPH_UNIT_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Of links (links) between n units with weights that are not negative, the least sum that runs
 * backwards in any order. A link of weight 0 is none. Units that are on no way from a cycle to a
 * cycle cost nothing. Of the others, up to MOST_EXACT (kernel/best_order.h) are ordered exactly;
 * more begin in the order of `depth` (n), then of their numbers, and move one by one while that
 * gains. */
double backward_weight(const uint32_t *source, const uint32_t *target, const double *weight,
	const double *depth, size_t n, size_t links);

#endif
