/* An SAE with random weights, of the size and sparsity of a trained one. */
#ifndef FILE_SAE_RANDOM_H
#define FILE_SAE_RANDOM_H

#include "file/sae.h"
#include "file/tokens.h"

/* The rows w_i of W_dec are uniform on the sphere, W_enc = g W_dec^T, and b_dec is the mean of the
 * states (Gao et al. 2024, A.1, whose b_dec is their geometric median). The rule is TopK with the k
 * of the trained SAE. Of an SAE without one it is JumpReLU, with the threshold of all features
 * above which the states have as many pre-activations in all as the trained SAE has activations
 * (that of BatchTopK, Bussmann et al. 2024). g makes sum_t |x_t - x^_t|^2 least. The states are a
 * sample: CHUNK_TOKENS of those of files, the first of stdin's. */
struct sae_random {
	size_t d, features, k;		/* k: 0: thresholds instead */
	uint64_t seed;
	float *w;			/* (features, d) */
	float *centre;			/* (d) */
	float gain;
	float *threshold;		/* (features), or NULL; all the same */
};

/* name: of the trained SAE, for what is said of it. */
struct sae_random sae_random_like(const struct sae *trained, const char *name,
	const struct tokens *, uint64_t seed);
void sae_random_free(struct sae_random *);

/* An .npz on stdout, which sae.h reads: sae_dialect.c, sae-random. */
void sae_random_write(const struct sae_random *);

#endif
