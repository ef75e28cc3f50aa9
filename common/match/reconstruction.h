/* Hidden states decoded from the activations of other features: the reconstruction test of SAE
 * Match (Balagansky et al. 2025). */
#ifndef MATCH_RECONSTRUCTION_H
#define MATCH_RECONSTRUCTION_H

#include "stream/activations.h"
#include "file/sae.h"
#include "file/states.h"

enum { RECONSTRUCTION_TOKENS = 256 };		/* of a block; the last may be shorter */

/* What is decoded, and with what. */
struct reconstruction {
	const struct activations *a, *b;	/* of rows and columns, on the same tokens */
	const struct sae *sae;			/* of the columns */
	const struct sae *row_sae;		/* of the rows; NULL: columns decode for them */
	const uint32_t *token;			/* rows of the states */
	const struct states *states;
};

/* Pairs of a row i and a column j, both at most once. In the place of b_j(t) d_j is
 *
 *	s_i a_i(t) e_i	s_i = sum_t a_i(t) b_j(t) <e_i, d_j> / sum_t a_i(t)^2 |e_i|^2
 *
 * with the decoder's rows d_j of j, and e_i of i, or d_j without a row_sae. s_i is the least
 * squares, and 0 where i never fires. */
struct substitutes {
	size_t n;
	const uint32_t *row, *col;	/* (n) */
	double *scale;			/* (n), of reconstruction_scales() */
};

size_t reconstruction_blocks(const struct activations *);

void reconstruction_scales(struct substitutes *, const struct reconstruction *);

/* error[block] = sum over its tokens of |x - x_hat|^2,
 *
 *	own	  x_hat(t) = b_dec + sum_j b_j(t) d_j	of all columns
 *	alone	  x_hat(t) = b_dec + sum_i s_i a_i(t) e_i
 *	replaced  own, with the substitutes of the columns that have some
 *
 * change[k] (n): what pair k adds to the sum over all blocks, in alone and in replaced, after the
 * pairs before it. */
void reconstruction_own(double *error, const struct reconstruction *);
void reconstruction_alone(double *change, double *error, const struct reconstruction *,
	const struct substitutes *);
void reconstruction_replaced(double *change, double *error, const struct reconstruction *,
	const struct substitutes *);

/* variance[block] = sum over its tokens of |x - mean x|^2, the mean over all tokens. Ends the
 * program where a state is not finite. */
void reconstruction_variance(double *variance, const struct reconstruction *);

#endif
