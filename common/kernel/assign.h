/* Kernel: the linear assignment problem. Nothing is allocated.
 *
 *	minimise	sum of c_ij over assigned pairs (i,j)  +  ceiling * rows left alone
 *	duals		u_i + v_j <= c_ij,  u_i <= ceiling,  v_j <= 0
 *	proof		u_i + v_j = c_ij where i is assigned to j;  u_i = ceiling where i is alone;
 *			v_j = 0 where column j is free: then both sides have the same value
 *
 * Augmenting row reduction, then a shortest augmenting path for each row that is left (Jonker and
 * Volgenant 1987; Crouse 2016 for n < m), on lists of each row's cheapest columns that grow on
 * demand. A search asks for more of a row when it comes as far as that row's `beyond`, and not
 * before, so that the result is that of the whole matrix (compare Volgenant 1996, who prices what
 * is not listed afterwards). */
#ifndef KERNEL_ASSIGN_H
#define KERNEL_ASSIGN_H

#include "kernel/candidates.h"

#include <stdbool.h>

#define UNASSIGNED UINT32_MAX

/* A problem, its answer and the proof. */
struct assignment {
	size_t n, m;			/* rows, columns: n <= m */
	struct candidates *of;		/* (n + 1): the last is margins.h's */
	/* Lists more of row i, so that of[i].beyond rises; false when it cannot. */
	bool (*more)(void *context, size_t i, const double *v);
	void *context;
	const float *cost;		/* (n, m), or NULL where there is no matrix */
	double ceiling;			/* the cost of a row left alone; infinite: none may be */
	uint32_t *col_of, *row_of;	/* (n), (m): the answer; UNASSIGNED: alone, free */
	float *paid;			/* (n): c_ij of an assigned row */
	double *u, *v;			/* (n), (m): the duals; the v are the columns' prices */
	double *margin;			/* (n): see margins.h; not assign()'s */
};

/* Finds the answer and the duals. The proof holds for all columns, listed or not, wherever u_i <=
 * of[i].beyond, which is everywhere unless more() refused. False when infinite costs leave no
 * assignment.
 * workspace: assign_workspace(n, m) doubles, zeros. */
bool assign(const struct assignment *, double *workspace);
size_t assign_workspace(size_t n, size_t m);

#endif
