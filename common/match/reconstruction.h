/* Hidden states decoded from the activations of other features: the reconstruction test of SAE
 * Match (Balagansky et al. 2025).
 *
 *	x_hat(t) = b_dec + sum_i s_i a_i(t) W_dec[col(i)]
 *	s_i      = sum_t a_i(t) b_col(i)(t) / sum_t a_i(t)^2 */
#ifndef MATCH_RECONSTRUCTION_H
#define MATCH_RECONSTRUCTION_H

#include "stream/activations.h"
#include "file/sae.h"
#include "file/states.h"

enum { RECONSTRUCTION_TOKENS = 256 };		/* of a block; the last may be shorter */
#define NOT_REPLACED UINT32_MAX

size_t reconstruction_blocks(const struct activations *);

/* scale_i, the least squares of scale_i a_i against b_col[i]; 0 where i never fires or is
 * NOT_REPLACED. */
void reconstruction_scales(double *scale, const uint32_t *col, const struct activations *a,
	const struct activations *b);

/* error[block] = sum over its tokens of |x - x_hat|^2, features NOT_REPLACED left out; a NULL scale
 * is 1. token names the rows of the states. */
void reconstruction_errors(double *error, const struct activations *a, const uint32_t *col,
	const double *scale, const uint32_t *token, const struct sae *, const struct states *);

/* variance[block] = sum over its tokens of |x - mean x|^2, the mean over all tokens. Ends the
 * program where a state is not finite. */
void reconstruction_variance(double *variance, const uint32_t *token, size_t tokens,
	const struct states *);

#endif
