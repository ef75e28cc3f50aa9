/* Optimal assignments with all that is known of them: lists, memory and threads around assign.h. */
#ifndef MATCH_ASSIGNMENT_H
#define MATCH_ASSIGNMENT_H

#include "kernel/assign.h"

struct optimum {
	struct assignment a;
	double *margin;			/* (n), or NULL; 0 of rows that are alone */
};

/* Assigns the n rows of a matrix (n, m) to its m >= n columns: assign() and, where asked for, the margins. cost has to
 * outlive it. False when infinite costs leave no assignment.
 *
 * Memory: 16 bytes a listed pair. The lists begin with 32 columns a row and grow where the search asks for more;
 * margins are taken from all up to 512, and from 64 + 512^2 / m of more. */
bool optimum_of_matrix(struct optimum *, const float *cost, size_t n, size_t m, double ceiling, bool margins);

/* The same of listed pairs. `of` (n) belongs to the caller; more() and context are those of struct assignment. */
bool optimum_of_lists(struct optimum *, struct candidates *of, size_t n, size_t m, double ceiling,
	bool (*more)(void *context, size_t i, const double *v), void *context);

void optimum_free(struct optimum *);

#endif
