/* Streams of scores of graphs. */
#ifndef GRAPH_SLUG_SCORES_H
#define GRAPH_SLUG_SCORES_H

#include "stream/scores.h"

/* What the scores of a graph have for a column: their value. {.column = value_column} is empty. */
extern const char *const value_column[];

/* Writes a stream of a graph's scores, with the slug in the graph's header beside each of them. The
 * header becomes that of the scores. Without scores the stream has no frame. */
void write_slug_scores(struct sm_writer *, struct sm_frame *header, const struct scores *);

#endif
