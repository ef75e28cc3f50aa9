/* Of every token of two sides the nearest of the other side. */
#ifndef DISTANCE_NEAR_TOKENS_H
#define DISTANCE_NEAR_TOKENS_H

#include "distance/vectors.h"

/* Of each of n tokens k of the other side, the nearest first, and the squares of their Euclidean
 * distances; of equal ones the lower index. Where fewer were found the rest is UINT32_MAX and
 * infinite. */
struct near_tokens {
	size_t n, k;
	uint32_t *index;		/* (n, k) */
	float *square;			/* (n, k) */
};

/* Finds the k nearest of both sides, all of them where there are fewer; NEAR_MOST dimensions at
 * most, coordinates in [-1e15, 1e15]. Products of all pairs tell which may be near (near.h), and
 * the distances of these are computed by differences. Beside the points it takes 8 MB, for each
 * thread 528 d bytes and 0.3 MB, and 16 + 8 k bytes for each token. The sides may be the same. */
void near_tokens(struct near_tokens of[2], const struct vectors side[2], size_t k);
void near_tokens_free(struct near_tokens of[2]);

/* Tokens near each other: those whose nearest of n centres, tokens of either side, is the same. */
struct token_cells {
	size_t n, probes;
	uint32_t *of[2];	/* (tokens of a side, probes): cells, the nearest centre's first */
	struct vectors centre;		/* (n, d) */
};

/* The centres are drawn by the seed; no more than there are tokens, and no more probes than
 * centres. */
struct token_cells token_cells_draw(const struct vectors side[2], size_t n, size_t probes,
	size_t seed);
void token_cells_free(struct token_cells *);

/* The same as near_tokens(), but a token looks only at those of the other side that are in one of
 * its own `probes` cells. It brings the points of each side into the order of their cells. */
void near_tokens_in_cells(struct near_tokens of[2], struct vectors side[2], size_t k,
	const struct token_cells *);

#endif
