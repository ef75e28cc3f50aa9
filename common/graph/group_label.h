/* Names of groups from the labels of their members. */
#ifndef GRAPH_GROUP_LABEL_H
#define GRAPH_GROUP_LABEL_H

#include "graph/graph.h"

#include <jansson.h>

/* name (groups): where it is NULL, a text that stays as long as the graph.
 *
 * A group's name is a phrase of up to six words of its members' labels (clerp), with no punctuation
 * between them and not all such words as "of the". At least two members and a fourth of them have
 * it. Of these phrases it is the one with the largest score: the share of members that have it,
 * less twice the share of other features, and a tenth more for each word beyond the first. Where no
 * score is above 0, it is the label of the most influential member (graph_rank()), or its
 * layer/index, and "..." where the group has more members.
 *
 * A group of errors is "errors @token", or "errors" when it spans positions. Of other groups with
 * one name, later ones get " @token" when they are at one position. A number follows where that is
 * not enough. tokens: the prompt's, a list of strings, or NULL: a position is then a number. */
void label_groups(const char **name, struct graph *, const int32_t *group, size_t groups,
	const json_t *tokens);

#endif
