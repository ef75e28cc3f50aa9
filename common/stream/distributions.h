/* Streams of distributions, held in memory: what every distance stage between distributions
 * reads. */
#ifndef STREAM_DISTRIBUTIONS_H
#define STREAM_DISTRIBUTIONS_H

#include "stream/distances.h"

struct distributions {
	const char *name;		/* of the input, for error lines */
	size_t streams;			/* joined in it: their headers, ... */
	struct sm_frame *header;
	size_t *first;			/* ... and where the features of each begin */
	size_t d, tokens;
	uint32_t *token;		/* (tokens): their names; NULL without points; ... */
	float *point;			/* ... (tokens, d): the support table */
	struct ids ids;			/* ids.n features */
	size_t *indptr;			/* (n+1) into row and weight; every feature has a point */
	uint32_t *row;			/* into the table */
	float *weight;			/* positive, each feature's sum to 1 */
	size_t max_points;		/* of a feature */
};

/* The inputs that the operands of a distance stage name.
 *
 * An operand is one input: all the streams in it, joined. With two operands the second input is
 * compared with the first, with one it is compared with itself. Without operands stdin holds the
 * inputs: two streams are two inputs, any other number is one. "-" twice reads the first and the
 * second stream of stdin.
 *
 * Returns how many inputs there are, 1 or 2. All of their streams have to be of one space;
 * otherwise the program ends with a line that names both and the refproj call that would join them.
 * Weights below 1e-12 and tokens that no feature uses are dropped, and weights are made to sum to
 * 1. */
size_t read_distributions(char *const *operand, struct distributions input[2]);

/* Do the streams of the first operand, or of stdin, make two inputs of one stream each? As
 * above. */
bool stdin_holds_both(char *const *operand, size_t streams);

/* read_distributions() without points, for stages that need the features' names only: d is 0,
 * spaces may differ. */
size_t read_distribution_ids(char *const *operand, struct distributions input[2]);

/* The features on the tokens of one half, their weights again of sum 1; tables and names are those
 * of the whole. Halving r = 0, 1, ... puts token t into the first half when token_uniform(r, 2^63,
 * t) < 1/2 (bottom_k.h), in all streams alike. A feature of which one half has no point stays
 * undivided: in both halves it is whole, and undivided[i] becomes true. */
struct distributions distributions_half(const struct distributions *, size_t halving, bool second,
	bool *undivided);
void distributions_half_free(struct distributions *);

/* Of a feature: how many points it has, which rows of the table they are, and their weights. */
static inline size_t points_of(const struct distributions *s, size_t feature)
{
	return s->indptr[feature + 1] - s->indptr[feature];
}

static inline const uint32_t *rows_of(const struct distributions *s, size_t feature)
{
	return s->row + s->indptr[feature];
}

static inline const float *weights_of(const struct distributions *s, size_t feature)
{
	return s->weight + s->indptr[feature];
}

void distributions_free(struct distributions *);

#endif
