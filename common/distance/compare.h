/* From operands to a stream of distances: what all the stages between distributions share. */
#ifndef DISTANCE_COMPARE_H
#define DISTANCE_COMPARE_H

#include "distance/stage.h"
#include "stream/distributions.h"

extern size_t halvings;		/* --error; 0: without errors */

#define OPT_ERROR {"error", OPT_SIZE, &halvings, "R", "beside each distance its sampling error, from R halvings of the " \
	"tokens; 4 to 8 will do", 1, 1024}

struct comparison {
	struct sm_writer *out;
	struct set set[2];
	size_t sets;		/* 1: of a set with itself */
	struct sm_frame header;	/* whatever else describes the distances may be set in it */
};

struct comparison read_comparison(char *const *operand, const char *metric);

/* Writes the stream. open() names the functions of a stage between two sets, which outlive it, and close() frees its
 * context; with --error they do so for the halves of every halving, too, which are all open at once. */
void run_comparison(struct comparison *, void (*open)(struct stage *, const struct set *row, const struct set *col),
	void (*close)(void *context));
void comparison_free(struct comparison *);

#endif
