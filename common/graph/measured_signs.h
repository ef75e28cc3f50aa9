/* Whether the signs of a graph's links are those of measured interventions. */
#ifndef GRAPH_MEASURED_SIGNS_H
#define GRAPH_MEASURED_SIGNS_H

#include "file/table.h"
#include "graph/graph_groups.h"

/* Lines of a table: source, target, effect. Both are names of nodes (node_names.h) or of groups.
 * The effect is what the source adds to the target: the target as it is, less the target without
 * the source. */
struct effects {
	struct table table;
	size_t n;
	const char **source, **target;
	double *effect;
};

/* What is wrong with the table ends the program. A first line whose third cell is no number is one
 * of names. */
struct effects effects_open(const char *path);
void effects_close(struct effects *);

struct measured_signs {
	size_t missing;			/* lines of which a name is none of the graph's */
	size_t pairs, positive;		/* of the others, those with an effect, and one above 0 */
	size_t linked, linked_right;	/* pairs that links join, and those of the effect's sign */
	size_t reached, reached_right;	/* the same of all ways */
	bool ways;			/* false: the graph has a cycle, and the last two are 0 */
};

/* The sign of a pair's links is that of the sum of their weights. That of all ways is the sign of
 * the sum over the target's nodes t of x(t), where x is 1 at the source's nodes and elsewhere
 *	x(t) = sum_s S(t,s) x(s),
 * with S as in kernel/total_effects.h. Time links for each line. */
struct measured_signs measured_signs(const struct effects *, struct graph *,
	const struct graph_groups *);

#endif
