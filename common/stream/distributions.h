/* Sets of features as distributions, held in memory: what every distance stage between
 * distributions reads. */
#ifndef STREAM_DISTRIBUTIONS_H
#define STREAM_DISTRIBUTIONS_H

#include "stream/distances.h"

struct set {
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
	size_t most;			/* points of the largest feature */
};

/* The sets that the operands of a distance stage name.
 *
 * An operand is one set: all the streams in it, joined. With two operands the second set is
 * compared with the first, with one it is compared with itself. Without operands stdin holds the
 * sets: two streams are two sets, any other number is one. "-" twice reads the first and the second
 * stream of stdin.
 *
 * Returns how many sets were filled, 1 or 2. All of their streams have to be of one space;
 * otherwise the program ends with a line that names both and the refproj call that would join them.
 * Weights below 1e-12 and tokens that no feature uses are dropped, and weights are made to sum to
 * 1. */
size_t read_sets(char *const *operand, struct set set[2]);

/* Do the streams of the first operand, or of stdin, make two sets of one stream each? As above. */
bool two_sets_in_one(char *const *operand, size_t streams);

/* read_sets() without points, for stages that need the features' names only: d is 0, spaces may
 * differ. */
size_t read_feature_sets(char *const *operand, struct set set[2]);

/* The header of what compares them: that of the first stream, joined with the others'. */
void sets_header(const struct set set[2], size_t sets, struct sm_frame *header);

/* The features on the tokens of one half, their weights again of sum 1; tables and names are those of the set. Halving
 * r = 0, 1, ... puts token t into the first half when token_uniform(r, 2^63, t) < 1/2 (sample.h), in every set alike. A
 * feature of which one half has no point stays undivided: in both halves it is whole, and undivided[i] becomes true. */
struct set half_of(const struct set *, size_t halving, bool second, bool *undivided);
void half_free(struct set *);

static inline size_t points_of(const struct set *s, size_t feature)
{
	return s->indptr[feature + 1] - s->indptr[feature];
}

void set_free(struct set *);

#endif
