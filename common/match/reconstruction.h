/* Hidden states from the activations of other features: the reconstruction test of SAE Match (Balagansky et al.
 * 2025). */
#ifndef MATCH_RECONSTRUCTION_H
#define MATCH_RECONSTRUCTION_H

#include "stream/activations.h"
#include "file/sae.h"
#include "file/states.h"

enum { REPLACED_TOKENS = 256 };		/* of a block */
#define NO_COLUMN UINT32_MAX

/* Blocks of tokens; the last may be shorter. */
size_t replacement_blocks(const struct activations *);

/* Of feature i of a, which stands for feature col[i] of b, the scale that brings its activations nearest to the
 * other's: sum a_i b_j / sum a_i^2, 0 where i never fires. */
void replacement_scales(double *scale, const uint32_t *col, const struct activations *a, const struct activations *b);

/* error[block] = sum over its tokens of |x - b_dec - sum_i scale_i a_i W_dec[col[i]]|^2, features with NO_COLUMN left
 * out; a NULL scale is 1. token names the rows of the states. */
void replacement_errors(double *error, const struct activations *a, const uint32_t *col, const double *scale,
	const uint32_t *token, const struct sae *, const struct states *);

/* spread[block] = sum over its tokens of |x - mean x|^2, the mean over all of them. */
void states_spread(double *spread, const uint32_t *token, size_t tokens, const struct states *);

#endif
