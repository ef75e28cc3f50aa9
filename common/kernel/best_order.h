/* Kernel: orders of the nodes of a graph, and how much of the weight of its links runs against
 * them: the linear ordering problem (Marti and Reinelt 2011). Links of a node to itself count for
 * nothing. */
#ifndef KERNEL_BEST_ORDER_H
#define KERNEL_BEST_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum { MOST_EXACT = 16 };		/* nodes that least_backward() takes */

/* The least weight that any order of n <= MOST_EXACT nodes has running from a later node to an
 * earlier one. weight (n, n): of the links from row to column, not negative. least: 2^n. Time n^2
 * 2^n (Held and Karp 1962). */
double least_backward(double *least, const double *weight, size_t n);

/* order (n): the node at each place. Moves one node after the other, in the order of their numbers,
 * to the first of the places where least weight runs backwards, until no move gains more than 1e-12
 * of all weight; returns the weight that then runs backwards. source, target, weight (links), not
 * negative. place: n; change: n; work: 2 (n + 1 + links). */
double improve_order(uint32_t *order, const uint32_t *source, const uint32_t *target,
	const double *weight, uint32_t *place, double *change, size_t *work, size_t n,
	size_t links);

#endif
