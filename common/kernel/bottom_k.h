/* Kernel: a bounded weighted sample of the tokens that express a feature.
 *
 * Weighted bottom-k (Cohen and Kaplan 2007): token t of weight w = a^q has the rank -ln(u)/w with u
 * uniform in (0, 1), and the k smallest ranks are kept. Given the smallest rank tau that was not
 * kept, a kept token was kept with probability P = 1 - exp(-w tau), so the weights w / P estimate
 * every sum over the feature's tokens without bias. Where u depends on the token alone, features
 * that fire together keep the same tokens (coordinated samples). */
#ifndef KERNEL_BOTTOM_K_H
#define KERNEL_BOTTOM_K_H

#include <stddef.h>
#include <stdint.h>

struct kept {
	double rank;
	uint32_t token, slot;	/* slot: the caller's, where the token's data are */
	float activation;
};

/* Uniform in (0, 1) from the seed, the token, and a salt that is 0 for coordinated samples:
 * ((m(m(seed + salt) + token + 1) >> 12) + 1/2) 2^-52, exactly, m being the finaliser of
 * SplitMix64 after adding its increment (Steele, Lea, Flood 2014). */
double token_uniform(uint64_t seed, uint64_t salt, uint32_t token);

/* Offers a token to the n kept ones (a max-heap by rank, then token, with room for k); *tau,
 * infinite at first, becomes the smallest rank that is not kept. Returns the new n, and in *out
 * what fell out: the offered token itself, an earlier one, or nothing (out->slot UINT32_MAX). */
size_t keep_smallest(struct kept *heap, size_t n, size_t k, struct kept offered, double *tau,
	struct kept *out);

/* weight[i] = w_i / P_i, scaled to sum to 1; an infinite tau (all were kept) makes P = 1. Floats to
 * a power q within 0 and 4 are numbers that doubles hold. */
void sample_weights(float *weight, const struct kept *kept, size_t n, double power, double tau);

#endif
