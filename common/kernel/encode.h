/* Kernel: activations of an SAE on hidden states, by SGEMM over tiles of features; no dense (tokens,
 * features) array is made. */
#ifndef KERNEL_ENCODE_H
#define KERNEL_ENCODE_H

#include "file/sae.h"

#include <stddef.h>
#include <stdint.h>

enum { ENCODE_TOKENS = 256, ENCODE_TILE = 1024 };

/* Floats of workspace: a tile of pre-activations, and for TopK the k best of every token. */
size_t encode_workspace(const struct sae *);

/* Activations of n <= ENCODE_TOKENS states x (n, d), n >= 1, in CSR: indptr (n+1); feature ascending within
 * a token, and value, both of `room` entries. Returns how many there are; when that exceeds room, nothing
 * but indptr is of use, and a call with so much room succeeds.
 *
 *	pre = scale (x W_enc + b_enc)
 *	standard  max(pre, 0)                                     Bricken et al. 2023
 *	jumprelu  pre where pre > threshold and pre > 0           Rajamanoharan et al. 2024, eq. 3
 *	topk      max(pre, 0) for the k largest pre of a token    Gao et al. 2024, eq. 2
 *
 * Of equal pre-activations at TopK's edge, those of the lower features are kept. scratch_feature,
 * scratch_value: `room` entries each. */
size_t encode(uint32_t *indptr, uint32_t *feature, float *value, size_t room, const float *x,
	const struct sae *, size_t n, float *workspace, uint32_t *scratch_token,
	uint32_t *scratch_feature, float *scratch_value);

#endif
