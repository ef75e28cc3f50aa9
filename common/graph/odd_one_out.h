/* Whether a group's member is told from strangers by a second distance: the test of the odd one
 * out, or of word intrusion (Chang et al. 2009), turned round and without a judge.
 *
 * One member of a group is held out and put among nine nodes of no or of other groups, drawn at
 * random. The node of these ten that has the least mean distance to the other members is chosen. */
#ifndef GRAPH_ODD_ONE_OUT_H
#define GRAPH_ODD_ONE_OUT_H

#include "graph/graph_groups.h"
#include "graph/node_distances.h"

struct odd_one_out {
	size_t members;			/* that were held out */
	double found;			/* how often one is chosen, the mean of all draws */
	double chance;			/* how often by chance; both are NaN without members */
};

/* Of the features that have distances. A stranger as near as the member is chosen as often as it
 * is; where there are fewer than nine strangers all are taken. */
struct odd_one_out odd_one_out(const struct graph *, const struct graph_groups *,
	const struct node_distances *);

#endif
