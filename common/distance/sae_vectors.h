/* Features as vectors of their SAE's weights. */
#ifndef DISTANCE_SAE_VECTORS_H
#define DISTANCE_SAE_VECTORS_H

#include "file/sae.h"

#include <stdint.h>

enum { SAE_DECODER, SAE_ENCODER, SAE_BOTH };

/* Which weights of its SAE make a feature's vector: its row of the decoder, its column of the
 * encoder, the encoder's bias, one after the other. Folding leaves the SAE's output as it is: theta
 * W_dec, W_enc / theta and b_enc / theta, so that all thresholds are 1 (Balagansky et al. 2025,
 * sec. 3). */
struct sae_vectors {
	int weights;
	bool bias, folded;
	bool unit;			/* scaled to length 1, unless it is 0 */
};

/* The parts of an SAE, for sae_open(), that they are made of. */
unsigned sae_vectors_parts(const struct sae_vectors *);

/* Numbers of a vector. */
size_t sae_vectors_d(const struct sae_vectors *, const struct sae *);

/* The vectors y (n, d) of n features, numbered as in streams (sae_stream_features()). Ends the
 * program, with `path` in its line, where the SAE has no such feature, a weight is beyond 1e15, or
 * there is no threshold to fold. */
void sae_vectors_take(float *y, const struct sae_vectors *, const struct sae *, const char *path,
	const uint32_t *feature, size_t n);

#endif
