/* Relaxed transport: bounds that decide which pairs of features need not be solved. */
#ifndef DISTANCE_BOUNDS_H
#define DISTANCE_BOUNDS_H

#include "stream/distributions.h"

/* For rows first .. first+rows-1 of A and all columns of B: whole units, at most the transport
 * cost. */
struct bounds {
	size_t first, rows, cols;
	uint16_t *of;			/* (rows, cols) */
	double unit;
};

/* Below min <P, C>, C = |x - y|^p, are for any potentials f, g of the points
 *	sum_k a_k min_l (C_kl - g_l) + sum_l b_l g_l,	sum_l b_l min_k (C_kl - f_k) + sum_k a_k f_k
 * since min_l (C_kl - g_l) and g_l are dual feasible. With f = g = 0 each point goes to its nearest
 * of the other side, whatever room that has (Kusner et al. 2015, sec. 4.1). Here the potential of a
 * token y is a share of its distance from typical ones, which it pays to whichever it goes: of
 * (|y - c|^2 + sigma^2)^(p/2), c being the mean of all tokens and sigma^2 their variance. In 256
 * whitened dimensions the bound's median is .99 of the distance, .95 without potentials.
 *
 * For each token and each feature of the other side min_l (C_kl - g_l) is found once; a feature's
 * bound is the weighted mean over its tokens. For each side that takes
 *	tokens(A) tokens(B) d			multiplications, as one product of matrices
 *	tokens(A) points(B)			minima of two bytes, 32 at once
 *	points(A) features(B)			sums
 * of tokens that some feature keeps. Coordinated samples share theirs: 16,384 features of 128
 * points keep 170,000 to 210,000 of 262,144 tokens, and of four times the tokens 15 to 25 percent
 * more. Where the sides are one, once will do.
 *
 * Squares of costs are |x|^2 + |y|^2 - 2 x.y, x and y less the mean. They are lowered by all that
 * rounding may have added, about 2e-5 (|x|^2 + |y|^2). Costs are whole units, rounded down, and so
 * are sums of them, as often as `room` bytes of minima are full.
 *
 * Cheaper bounds in front of this one leave nothing out where the space is whitened (made features,
 * 256 dimensions): by costs in 64 dimensions half of the pairs are left, by costs to clusters of
 * tokens less their radii all, by the distance of means 81 percent. This one leaves 1.7. */
enum { BOUNDS_ROOM = 1 << 30 };
struct bounds bounds_open(const struct distributions *a, size_t first, size_t end,
	const struct distributions *b, int p, size_t room);
void bounds_free(struct bounds *);

static inline const uint16_t *bounds_row(const struct bounds *b, size_t i)
{
	return b->of + (i - b->first) * b->cols;
}

#endif
