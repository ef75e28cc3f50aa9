/* Kernel: activations of an SAE on hidden states, by products over tiles of features; no dense
 * (tokens, features) array is made. */
#ifndef KERNEL_ENCODE_H
#define KERNEL_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENCODE_TOKENS = 256, ENCODE_TILE = 512 };

/* What is done with pre-activations; of equal ones at an edge, lower features' are kept.
 *
 *	above	  a = pre where pre > threshold and pre > 0 (ReLU, Bricken et al. 2023, without
 *		  thresholds; JumpReLU, Rajamanoharan et al. 2024, eq. 3)
 *	topk	  a = pre > 0 for the k largest pre			Gao et al. 2024, eq. 2
 *	abstopk	  a = pre for the k largest |pre|
 *	groupmax  a = pre > 0 for the largest of each of k runs of features / k
 *	gated	  a = gain pre + offset > 0 where pre > threshold	Rajamanoharan et al. 2024
 *	topafa	  a = pre > 0 for the m largest, m >= 1 the least of those for which the sum of
 *		  their squares is nearest to |u - centre|^2; of all features it is infinite
 *	pursuit	  pursuit.h */
enum encode_rule {
	ENCODE_ABOVE, ENCODE_TOPK, ENCODE_ABSTOPK, ENCODE_GROUPMAX, ENCODE_GATED, ENCODE_TOPAFA,
	ENCODE_PURSUIT
};

/* What is encoded in place of a state x:
 *
 *	as it is	u = scale x
 *	layer norm	u = y / (s + 1e-5), y = x - mean x, s^2 = sum y^2 / (d - 1)
 *	unit		u = x sqrt(d) / |x|, and 0 for 0 */
enum encode_input { ENCODE_AS_IS, ENCODE_LAYER_NORM, ENCODE_UNIT };

/* Matching pursuit: when it stops. */
struct pursuit {
	size_t steps;		/* at most */
	bool absolute;		/* the largest |w r|, not w r */
	bool negative;		/* takes the largest w r even if it is not positive */
	bool repeats;		/* goes on after a step that repeats a feature */
	float residual;		/* stops at |r| < this */
	float relative;		/* stops at |r| < this |u - centre| */
};

/* pre = scale (u W_enc + b_enc), and what it makes of that. Zeros are the plainest: ReLU. */
struct encoder {
	size_t d, features;
	enum encode_rule rule;
	enum encode_input input;
	float input_scale;		/* 0: 1 */
	const float *w_enc;		/* (d, features), packed: kernel/product.h */
	const float *b_enc;		/* (features); not of pursuit */
	const float *scale;		/* (features), NULL: 1 */
	bool unscaled;			/* activations are divided by the scale again */
	bool saturated;			/* tanh a in place of a */
	const float *threshold;		/* (features), NULL: none */
	const float *gain, *offset;	/* (features), of gated */
	const float *centre;		/* (d), of topafa and pursuit; NULL: 0 */
	size_t k;			/* of topk, abstopk, groupmax */
	struct pursuit pursuit;
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

/* u (d) of a state x (d), which may be the same array. */
void encode_input(float *u, const float *x, const struct encoder *);

/* Floats of workspace: the packed states, a tile of pre-activations, and what the rule needs: for
 * topk the k best of every token. */
size_t encode_workspace(const struct encoder *);

/* The activations a != 0 of n <= ENCODE_TOKENS states x (n, d), n >= 1, in CSR; negative ones are
 * of abstopk and pursuit only. Returns how many there are; when that exceeds the room, nothing in
 * *out is of use, and a call with so much room succeeds. */
size_t encode(struct encoded *out, const float *x, const struct encoder *, size_t n,
	float *workspace);

/* A counting sort of hits by token, which keeps their order within a token: sets the CSR. */
void encode_sort_hits(struct encoded *, size_t hits, size_t n);
/* Sorts the features of a token, stably. */
void encode_sort_features(uint32_t *feature, float *value, size_t n);

#endif
