/* Optimal assignments with all that is known of them: lists, memory and threads around assign.h and
 * margins.h. */
#ifndef MATCH_ASSIGNMENT_H
#define MATCH_ASSIGNMENT_H

#include "kernel/assign.h"

/* Assigns the n rows of a matrix (n, m) to its m >= n columns: assign() and, where asked for, the
 * margins, 0 for rows that are alone. cost has to outlive the assignment. False when infinite costs
 * leave none; assignment_free() is due in any case.
 *
 * Memory: 16 bytes a listed pair. The lists begin with 32 columns a row and grow where the search
 * asks for more; margins are taken from all up to 512, and from 64 + 512^2 / m of more. */
bool assignment_of_matrix(struct assignment *, const float *cost, size_t n, size_t m,
	double ceiling, bool margins);

/* The same of the listed pairs, and those that more() lists (struct assignment; NULL: no others),
 * without margins. `of` (n + 1), the last one empty, stays the caller's. */
bool assignment_of_lists(struct assignment *, struct candidates *of, size_t n, size_t m,
	double ceiling, bool (*more)(void *context, size_t i, const double *v), void *context);

/* Adds the margins. Lists become arcs; see margins.h. */
void assignment_margins(struct assignment *);

void assignment_free(struct assignment *);
void lists_free(struct candidates *, size_t n);

#endif
