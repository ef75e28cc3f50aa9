/* Names of groups from the labels of their members. */
#ifndef GRAPH_GROUP_LABEL_H
#define GRAPH_GROUP_LABEL_H

#include "graph/graph.h"

#include <jansson.h>

/* name (groups): where it is NULL, a text that stays as long as the graph.
 *
 * It is a phrase of up to six words of the members' labels (clerp), within punctuation and not of such words as "of the" alone:
 * the one with the largest share of the members less twice that of other features, a tenth more for each word beyond the
 * first. At least two members and a fourth of them have it. Where there is none, it is the label of the most influential
 * member (graph_rank()), or its layer/index, and "..."; of errors alone it is "errors".
 *
 * Of groups with one name, later ones get " @token" where they are at one position, and a number where that is not enough.
 * tokens: the prompt's, a list of strings, or NULL. */
void name_groups(const char **name, struct graph *, const int32_t *group, size_t groups, const json_t *tokens);

#endif
