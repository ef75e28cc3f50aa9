/* Names of groups from the labels of their members. */
#ifndef GRAPH_GROUP_LABEL_H
#define GRAPH_GROUP_LABEL_H

#include "graph/graph.h"

#include <jansson.h>

/* name (groups): where it is NULL, a text that stays as long as the graph.
 *
 * A label is a feature's clerp, without remarks in brackets, as in "capital (of)". A group's name
 * is a phrase of up to six words of its members' labels: no stop stands in it, and no such word as
 * "of" begins or ends it. At least two members and a fourth of those with labels have it, a
 * plural's s aside. Of these phrases it is the one with the largest score: the share of labelled
 * members that have it, less twice the share of other labelled features, and three tenths more for
 * each word beyond the first.
 *
 * Where no score is above 0, the name is what the labels of the most influential members
 * (graph_rank()) begin with: up to three that say different things, "git / code". Without labels
 * it is "layers 3-8 @token".
 *
 * A group of errors is "errors @token", or "errors" when it spans positions. Of other groups with
 * one name, later ones get " @token" when they are at one position. A number follows where that is
 * not enough. tokens: the prompt's, a list of strings, or NULL: a position is then a number. */
void label_groups(const char **name, struct graph *, const int32_t *group, size_t groups,
	const json_t *tokens);

#endif
