/* Distributions whose points are dealt into parts: mass moves within a part only. */
#ifndef DISTANCE_PARTS_H
#define DISTANCE_PARTS_H

#include "distance/bounds.h"

/* A feature of n points is dealt into P parts, P being the least power of 2 with n <= P points,
 * halved while a part has no point. Token t belongs to part floor(u P), u = token_uniform(0, 2^62,
 * t) (bottom_k.h): with 2 P parts to one half of that part. A part's mass is 1/P, whatever its
 * points weighed; within a part weights keep their proportions. points is 0: there is one part.
 *
 * Two features of P and Q parts are compared in max(P, Q) of them, by
 *	W^p = 1/max(P, Q) sum_r W_p^p(part r of the one, part r of the other)
 * where a part of the one may stand for several. It is transport whose plan moves nothing from part
 * to part, so W_p of the whole distributions, with these masses, is a lower bound. Each part is a
 * sample of its own, and the mean of R of them has less noise than one of R times the points costs
 * (R^2 times as much) to have. */
struct parts {
	size_t most;			/* R: of a feature, a power of 2 */
	size_t *n;			/* (features): of each */
	struct distributions of;	/* (features R): part r of feature i is number i R + r */
};

/* How many parts the features of these two have at most. */
size_t parts_most(const struct distributions *a, const struct distributions *b, size_t points);

/* Deals into R parts at most; s has to outlive it. */
struct parts parts_deal(const struct distributions *s, size_t points, size_t most);
void parts_free(struct parts *);

/* Of each part the tokens that it has of some feature; s: (features parts). */
void parts_tokens(size_t *tokens, const struct distributions *s, size_t parts);

/* Bounds of the transport of whole features with the masses of parts. The sides may be one. */
struct bounds parts_bounds(const struct distributions *a, size_t first, size_t end,
	const struct distributions *b, int p, size_t points);

#endif
