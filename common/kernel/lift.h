/* Kernels: what is known of the tokens of one text, moved to those of another. */
#ifndef KERNEL_LIFT_H
#define KERNEL_LIFT_H

#include "kernel/sparse.h"

/* A coupling G of the tokens s of text 1 with the tokens t of text 2, by shares of its rows and of
 * its columns:
 *
 *	share[.][0] = G_st / sum_t G_st,  share[.][1] = G_st / sum_s G_st
 *
 * What b does on text 1, and what a does on text 2, where b and a are known on the other:
 *
 *	b~(s) = sum_t share_st[0] b(t),  a~(t) = sum_s share_st[1] a(s) */
struct lift {
	const size_t *indptr;		/* (rows + 1) */
	const uint32_t *index;		/* the columns t of row s */
	double (*share)[2];
};

/* share, of the g->indptr[rows] entries of G; which rows, partnered[0] (rows), and which columns,
 * partnered[1] (cols), have entries: 1 or 0. col_sum: (cols). */
void lift_shares(double (*share)[2], uint8_t *const partnered[2], double *col_sum,
	const struct sparse *g, size_t rows, size_t cols);

/* Of each column the row of its largest entry, the first of equals; 0 where it has none. most: of
 * each column its largest entry; 0 at first. */
void lift_partners(uint32_t *row, float *most, const struct sparse *g, size_t rows);

/* Of the columns j of b~ = share[0] B on the rows s that `among` has (all, if NULL): how many
 * entries, their sum, the sum of their squares; each (cols). lifted (cols), seen (cols): 0, and
 * again at the end. list: (cols). */
void lift_moments(size_t *count, double *sum, double *square, const struct lift *g, size_t rows,
	const struct sparse *b, size_t cols, const uint8_t *among, double *lifted, uint8_t *seen,
	uint32_t *list);

/* For the sparse vector a of n entries on text 1 and the tokens t that a token of a is coupled
 * with: u[t][0] += sum_s share_st[0] a(s), over the s that `among` has (all, if NULL), so that
 * u[.][0]' B is a' b~ for every column of B; u[t][1] += a~(t). These t come to list, each once, and
 * have seen[t] = 1. Returns how many. u, seen: 0. */
size_t lift_vector(double (*u)[2], uint32_t *list, uint8_t *seen, const uint32_t *index,
	const float *value, size_t n, const struct lift *g, const uint8_t *among);

/* p[.][] += u[t][]' B over the n tokens t of the list; touched: 1 where anything was added. */
void lift_add_product(double (*p)[2], uint8_t *touched, double (*u)[2], const uint32_t *list,
	size_t n, const struct sparse *b);

/* p[j][0] += on how many of the n tokens s of a vector, of those that `among` has (all, if NULL),
 * column j of b~ is not 0, where nothing cancels. last (columns): 0, all of it, before the first
 * call for a vector. */
void lift_add_firing(double (*p)[2], uint32_t *last, const uint32_t *index, size_t n,
	const struct lift *g, const struct sparse *b, const uint8_t *among);

#endif
