/* Optimal transport between two sets whose members weigh the same, at given costs. */
#ifndef MATCH_UNIFORM_TRANSPORT_H
#define MATCH_UNIFORM_TRANSPORT_H

#include <stddef.h>

/* Of n rows and m columns, with costs C:
 *
 *	cost	min <P, C>,  P_ij >= 0,  sum_j P_ij = 1 / n,  sum_i P_ij = 1 / m
 *	mean	<P, C> of P_ij = 1 / (n m), which spreads each row over all columns */
struct uniform_transport {
	double cost, mean;
};

enum { UNIFORM_MOST = 65535 };		/* rows, and columns */

/* cost (n, padded(m)), finite, 0 beyond m; what is in it afterwards is of no use. plan (n, m): a P
 * of the least cost; or NULL. Memory: 4 bytes for each pair, beside these. */
struct uniform_transport uniform_transport(double *plan, float *cost, size_t n, size_t m);

#endif
