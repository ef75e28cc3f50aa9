/* Kernel: activations of an SAE on hidden states, by products over tiles of features; no dense
 * (tokens, features) array is made. */
#ifndef KERNEL_ENCODE_H
#define KERNEL_ENCODE_H

#include <stddef.h>
#include <stdint.h>

enum { ENCODE_TOKENS = 256, ENCODE_TILE = 512 };

/* What an SAE does to a state x (d):
 *
 *	pre = scale (x W_enc + b_enc)
 *
 *	ReLU      a = max(pre, 0)                                Bricken et al. 2023
 *	JumpReLU  a = pre where pre > threshold and pre > 0      Rajamanoharan et al. 2024, eq. 3
 *	TopK      a = max(pre, 0) for the k largest pre          Gao et al. 2024, eq. 2
 *
 * Of equal pre-activations at TopK's edge, those of the lower features are kept. */
struct encoder {
	size_t d, features;
	const float *w_enc;		/* (d, features), packed: kernel/product.h */
	const float *b_enc;		/* (features) */
	const float *scale;		/* (features), NULL: 1 */
	const float *threshold;		/* (features), NULL: none */
	size_t k;			/* of TopK, which takes no threshold; 0: all */
};

/* The entries that encode() writes, each of `room` numbers: those that it returns ... */
struct encoded {
	uint32_t *indptr;		/* (n+1) */
	uint32_t *feature;		/* ascending within a token */
	float *value;
	size_t room;
	/* ... and a workspace. */
	uint32_t *hit_token, *hit_feature;
	float *hit_value;
};

/* Floats of workspace: the packed states, a tile of pre-activations, and for TopK the k best of
 * every token. */
size_t encode_workspace(const struct encoder *);

/* The activations a > 0 of n <= ENCODE_TOKENS states x (n, d), n >= 1, in CSR. Returns how many
 * there are; when that exceeds the room, nothing in *out is of use, and a call with so much room
 * succeeds. */
size_t encode(struct encoded *out, const float *x, const struct encoder *, size_t n,
	float *workspace);

#endif
