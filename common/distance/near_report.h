/* What the nearest tokens are worth, on stderr. */
#ifndef DISTANCE_NEAR_REPORT_H
#define DISTANCE_NEAR_REPORT_H

#include "distance/near_tokens.h"

/* How far the nearest tokens are beside tokens drawn by the seed, and how many tokens are among the
 * nearest of none. Returns the mean distance from a token to one drawn. The points may be in any
 * order. */
double near_tokens_tell(const struct near_tokens of[2], const struct vectors side[2], size_t seed);

/* A few tokens of each side and the exact distances of their nearest, to compare a search with that
 * looked at some pairs only. */
struct near_sample {
	size_t n[2];
	uint32_t *token[2];
	float *square[2];
};
/* While the points are in the order of their tokens. */
struct near_sample near_sample_draw(const struct vectors side[2], size_t seed);
/* Says of how many the search found the nearest. Frees the sample. */
void near_sample_tell(struct near_sample *, const struct near_tokens of[2]);

#endif
