/* What a dictionary loses when the features of another take the place of those that they are
 * matched with, from the cheapest pair to all. */
#ifndef MATCH_SUBSTITUTION_H
#define MATCH_SUBSTITUTION_H

#include "match/match_score.h"
#include "match/reconstruction.h"

/* Scores of the N cheapest pairs, each explained variance 1 - error / variance: of their
 * substitutes alone, and of all columns when these are replaced. The third is what is kept of the
 * dictionary's own beyond random matchings,
 *
 *	(replaced - random) / (own - random)
 *
 * with the mean of SUBSTITUTION_SHUFFLES random matchings of the same rows. It is NaN where own is
 * no better than random, and left out where that is so of all pairs. */
enum substitution_score { SUBST_ALONE, SUBST_REPLACED, SUBST_KEPT, SUBST_SCORES };
enum { SUBSTITUTION_SHUFFLES = 4 };

extern const char *const substitution_name[SUBST_SCORES];

struct substitution {
	struct match_score score[SUBST_SCORES];		/* of all pairs */
	double *covered[SUBST_SCORES];			/* (pairs): of the 1, 2, ... cheapest; NULL:
							 * left out */
	double *random[SUBST_KEPT];			/* (pairs): the same, of random matchings */
};

/* variance: (blocks). There is at least one pair, and no column is in two. */
struct substitution substitution_of(const struct reconstruction *, const double *variance,
	const struct placed_pairs *, const struct resampling *);
void substitution_free(struct substitution *);

#endif
