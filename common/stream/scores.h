/* Streams of kind scores: a frame that has one score a row, its name and its numbers.
 *
 *	static const char *const column[] = {"value", NULL};
 *	struct scores s = {.column = column};
 *	scores_add(&s, "purity", &purity);
 *	scores_set(&frame, &s);
 *	sm_write_frame(out, &frame);
 *	scores_free(&s);
 */
#ifndef STREAM_SCORES_H
#define STREAM_SCORES_H

#include "stream/stream.h"

struct scores {
	const char *const *column;	/* the names of a score's numbers, NULL at the end */
	size_t n;
	char **name;			/* (n) */
	double **number;		/* (columns, n) */
};

/* Adds a score; the name is copied. number: one for each column. */
void scores_add(struct scores *, const char *name, const double *number);

/* Sets the field score and a field for each column. They point into the scores, which have to stay
 * as they are until the frame is written. */
void scores_set(struct sm_frame *, const struct scores *);

void scores_free(struct scores *);

#endif
