/* The tokens of streams of activations and their points, held in memory; what fires is passed
 * over. */
#ifndef STREAM_POINTS_H
#define STREAM_POINTS_H

#include "stream/stream.h"

struct points {
	const char *name;		/* of the input, for error lines */
	struct sm_frame header;
	size_t n, d;			/* d: NEAR_MOST at most; 0: not read */
	uint32_t *token, *vocab;	/* (n): numbers, ascending; vocabulary ids, or NULL */
	float *at;			/* (n, d), in [-1e15, 1e15]; NULL: not read */
};

/* Reads one stream of each input, two of stdin without operands or with - and -; returns how many
 * there are: 1, which is to be compared with itself, or 2. With `points` both have to be in one
 * space, and a note says where one of them leaves out tokens, and the other none. */
size_t read_points(char *const *operand, struct points input[2], bool points);
void points_free(struct points *);

#endif
