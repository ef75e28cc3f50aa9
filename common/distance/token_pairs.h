/* Pairs of tokens of two sides, as couplings weigh them. */
#ifndef DISTANCE_TOKEN_PAIRS_H
#define DISTANCE_TOKEN_PAIRS_H

#include "distance/near_tokens.h"
#include "kernel/sparse.h"

/* The pairs of which either is among the k nearest of the other, and the distances of these. A pair
 * weighs 1, and 2 where both are. */
struct token_pairs {
	struct sparse weight;		/* (rows, cols), columns ascending; to free() */
	float *dist;			/* of each entry; to free() */
};
struct token_pairs pairs_of_nearest(const struct near_tokens of[2]);

/* The pairs of each row i and column column[i], if that is not UINT32_MAX; each weighs 1. */
struct sparse pairs_of_columns(const uint32_t *column, size_t rows);

/* The pairs of tokens of one cell. Of n_c rows and m_c columns each row spreads 1 over the columns,
 * and each column 1 over the rows: a pair weighs 1 / n_c + 1 / m_c. */
struct sparse pairs_of_cells(const struct token_cells *, size_t rows, size_t cols);

#endif
