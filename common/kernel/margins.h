/* Kernel: how sure each pair of an optimal assignment is. Nothing is allocated.
 *
 * The margin of a pair is by how much the cheapest assignment without it is dearer. That is the
 * length of a shortest cycle through the pair over reduced costs
 *
 *	r_ij = c_ij - u_i - v_j >= 0
 *
 * on which row i leaves its column for another, the row that had this one leaves for a third, and
 * so on, until one takes over i's column. Leaving a row alone or a column free are ways too.
 *
 * The nodes are the rows and, as node n, the outside. An arc leads from x to y where row x takes
 * over y's column: x goes outside to a free column, or to be left alone; y comes from outside when
 * its column goes free, or when it is not alone any more. Two searches, along the arcs out of row i
 * and against those into it, meet halfway (Nicholson 1966).
 *
 *	for each row i: margin_out(a, i);
 *	margin_outside(a);
 *	for each row i of a matrix: margin_in(a, &into[i], i), of the list of its column;
 *	otherwise into[] are the same arcs by where they lead;
 *	for each assigned i: margin_of_row(a, into, i, workspace); */
#ifndef KERNEL_MARGINS_H
#define KERNEL_MARGINS_H

#include "kernel/assign.h"

/* Lists turn into arcs: `key` becomes the weight and `col` the other row, sorted; `beyond` becomes
 * a bound of all other arcs. They need room for one more. */
void margin_out(const struct assignment *, size_t i);
void margin_in(const struct assignment *, struct candidates *column, size_t i);

/* The arcs out of the outside, in a->of[n] with room for n; and those into it, from a->of[]. */
void margin_outside(const struct assignment *);
void margin_into_outside(const struct assignment *, struct candidates *into);

/* The margin of assigned row i. into: (n + 1). It is exact as far as the arcs reach. Where a way
 * might lead beyond them, rows of the matrix are read, 2^20 numbers at most; without a matrix, or
 * after that, it is a lower bound.
 * workspace: margin_workspace(n) doubles, zeros at first, which it stays for the next row. */
double margin_of_row(const struct assignment *, const struct candidates *into, size_t i,
	double *workspace);

size_t margin_workspace(size_t n);

#endif
