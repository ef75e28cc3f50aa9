/* Kernel: lists of the cheapest entries of a matrix's rows and columns. Nothing is allocated. */
#ifndef KERNEL_CANDIDATES_H
#define KERNEL_CANDIDATES_H

#include <stddef.h>
#include <stdint.h>

/* An entry of a row: its column j, and key = c_ij - v_j at the prices v of the time when it was
 * listed. (Of a column: its row i, and c_ij - u_i.) */
struct candidate {
	double key;
	float cost;			/* c_ij: finite */
	uint32_t col;
};

/* The cheapest entries of a row, least key first. Any other had a key of `beyond` or more. */
struct candidates {
	size_t n;
	struct candidate *at;
	double beyond;			/* infinite: there are no others */
};

enum { CANDIDATE_STRIP = 32 };

/* By key; of equal keys by column. */
void candidates_sort(struct candidate *at, size_t n);

/* Lists, in of->at with room for `count`, the `count` cheapest entries of a row of m at prices v;
 * of equals those that come first from column `first` on, cyclically, so that rows that like all
 * columns alike can list different ones. workspace: cheapest_workspace(m) doubles. */
void cheapest_of_row(struct candidates *of, size_t count, const float *cost, const double *v,
	size_t m, size_t first, double *workspace);
size_t cheapest_workspace(size_t m);

/* The same of `columns` neighbouring columns, n entries each, in a matrix of m columns: cost points
 * to the first of them in row 0. of[j].at is room for 2 * count. limit: (columns) */
void cheapest_of_columns(struct candidates *of, size_t count, const float *cost, const double *u,
	size_t n, size_t m, size_t columns, double *limit);

/* The first column from j on, in steps of a strip, where one of a strip has c_j - v_j < limit; or
 * one of the last few; or `end`. */
size_t next_below(const float *cost, const double *v, size_t j, size_t end, double limit);

#endif
