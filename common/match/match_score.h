/* Scores of a matching: its value with an interval, the best that is possible, what a random
 * matching has, and how the value falls from the cheapest pair to all. */
#ifndef MATCH_MATCH_SCORE_H
#define MATCH_MATCH_SCORE_H

#include "match/match_sides.h"
#include "stream/scores.h"

struct match_score {
	double value, low, high;	/* low to high: 95% */
	double best, random;
	double area;			/* the mean of the values of the 1, 2, ... cheapest pairs;
					 * NaN: it has none */
	uint32_t pairs;			/* that counted */
};

struct match_scores {
	struct scores table;
	uint32_t *pairs;		/* (table.n) */
};

struct match_scores match_scores_open(bool areas);		/* have scores an area? */
void match_scores_free(struct match_scores *);
void match_scores_add(struct match_scores *, const char *name, const struct match_score *);
void match_scores_write(struct sm_writer *, const struct match_scores *);	/* one frame */

/* How intervals are drawn. */
struct resampling {
	size_t draws, seed;
};

/* value, low and high of sum(part) / sum(whole), n of each: bootstrap.h. */
void match_score_interval(struct match_score *, const double *part, const double *whole, size_t n,
	const struct resampling *);

/* A way to compare features, by finite distances that are larger the less alike they are: those of
 * a distance stage, whose solve() it is (stage.h). */
struct measure {
	const char *name;
	bool distance;			/* the score is the distance; otherwise 1 less it */
	void *context;
	void (*solve)(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
		struct entries *out);
	uint32_t *const *label;		/* [2]: only features that have one count; NULL: all do */
	size_t rows_per_task;		/* rows to solve in turn (stage.h) */
	const char *nearest, *assigned;	/* names of the scores of the rows' nearest columns, and
					 * of their best assignment if there is one; or NULL */
};

/* Adds the scores of all pairs, and those of the certified pairs as name/certified. each (n): every
 * pair's, -1 where a pair does not count. covered (n): the mean score of the 1, 2, ... cheapest
 * pairs, of those that count; NaN before the first. */
void match_scores_measure(struct match_scores *, float *each, float *covered,
	const struct measure *, const struct placed_pairs *, const struct resampling *);

#endif
