#include "graph/graph_groups.h"

#include "base/die.h"
#include "graph/graph_influence.h"
#include "graph/supernode_list.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- Units ------------------------------------------------------------------------------------- */

size_t graph_units(uint32_t *unit, const struct graph *g)
{
	size_t units = g->groups;

	for (size_t i = 0; i < g->nodes; i++)
		unit[i] = g->group && g->group[i] >= 0 ? (uint32_t)g->group[i] : (uint32_t)units++;
	return units;
}

/* A link between units. */
struct joint {
	uint32_t source, target;
	size_t link;
};

static int compare_joints(const void *a, const void *b)
{
	const struct joint *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x->link > y->link) - (x->link < y->link);
}

struct unit_links unit_links_open(const uint32_t *unit, const uint32_t *source,
	const uint32_t *target, size_t links)
{
	struct joint *joint = xalloc(links, sizeof *joint);
	size_t n = 0;

	for (size_t i = 0; i < links; i++)
		if (unit[source[i]] != unit[target[i]])
			joint[n++] = (struct joint){unit[source[i]], unit[target[i]], i};
	qsort(joint, n, sizeof *joint, compare_joints);
	struct unit_links u = {0, xalloc(n, sizeof *u.source), xalloc(n, sizeof *u.target),
		xalloc(n + 1, sizeof *u.begin), xalloc(n, sizeof *u.link)};
	for (size_t i = 0; i < n; i++) {
		u.link[i] = joint[i].link;
		if (i > 0 && joint[i].source == joint[i - 1].source
				&& joint[i].target == joint[i - 1].target)
			continue;
		u.source[u.n] = joint[i].source;
		u.target[u.n] = joint[i].target;
		u.begin[u.n++] = i;
	}
	u.begin[u.n] = n;
	free(joint);
	return u;
}

void unit_links_summed(struct unit_links *u)
{
	free(u->begin);
	free(u->link);
	u->begin = u->link = NULL;
}

void unit_links_close(struct unit_links *u)
{
	unit_links_summed(u);
	free(u->source);
	free(u->target);
	*u = (struct unit_links){0};
}

double *unit_sums(const struct unit_links *u, const double *value)
{
	double *sum = xcalloc(u->n, sizeof *sum);

	for (size_t i = 0; i < u->n; i++)
		for (size_t k = u->begin[i]; k < u->begin[i + 1]; k++)
			sum[i] += value[u->link[k]];
	return sum;
}

/* -- Groups ------------------------------------------------------------------------------------ */

/* (links), to free(): the influence on the logits that flows along each link; NULL where it goes
 * round a cycle and does not settle. */
static double *flows(struct graph *g)
{
	double *weight = graph_absolute_weights(g), *logit = graph_logit_weights(g);
	struct influence x = influence_open(g->nodes, g->links, g->source, g->target, weight,
		graph_order(g), logit);
	double *flow = x.settled ? link_influence(&x) : NULL;

	influence_close(&x);
	free(logit);
	free(weight);
	return flow;
}

/* The sums of a value (links) between units as f4, which stay with the graph. */
static const float *group_sums(struct graph *g, const struct unit_links *u, const double *value)
{
	double *sum = unit_sums(u, value);
	float *rounded = pool_alloc(&g->pool, u->n, sizeof *rounded);

	for (size_t i = 0; i < u->n; i++) {
		if (fabs(sum[i]) > (double)FLT_MAX)
			die("the weights between units %u and %u sum to %g: too large for f4",
				u->source[i], u->target[i], sum[i]);
		rounded[i] = (float)sum[i];
	}
	free(sum);
	return rounded;
}

static void sum_links(struct graph *g)
{
	uint32_t *unit = xalloc(g->nodes, sizeof *unit);
	double *weight = xalloc(g->links, sizeof *weight), *absolute = graph_absolute_weights(g);
	double *flow = flows(g);

	for (size_t i = 0; i < g->links; i++)
		weight[i] = graph_weight(g, i);
	graph_units(unit, g);
	struct unit_links u = unit_links_open(unit, g->source, g->target, g->links);
	g->group_links = u.n;
	g->group_link_abs = group_sums(g, &u, absolute);
	g->group_link_weight = group_sums(g, &u, weight);
	g->group_link_influence = flow ? group_sums(g, &u, flow) : NULL;
	g->group_link_source = pool_keep(&g->pool, u.source);
	g->group_link_target = pool_keep(&g->pool, u.target);
	u.source = u.target = NULL;
	unit_links_close(&u);
	free(flow);
	free(absolute);
	free(weight);
	free(unit);
}

void graph_set_groups(struct graph *g, const int32_t *group, size_t groups,
	const char *const *name)
{
	if (!g->document)
		return;
	g->group = group;
	g->groups = groups;
	g->group_name = name;
	sum_links(g);
	graph_set_group_frame(g);
}

/* The first member of each supernode decides its number. */
static struct graph_groups listed_groups(struct graph *g, const struct supernode_list *list)
{
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	int32_t *number = xalloc(list->n, sizeof *number);
	const char **name = pool_alloc(&g->pool, list->n, sizeof *name);
	struct graph_groups x = {0, group, name, list->listed > 0, list->missing};

	memset(number, 0xff, list->n * sizeof *number);		/* -1 */
	for (size_t i = 0; i < g->nodes; i++) {
		int32_t s = list->group[i];
		if (s >= 0 && number[s] < 0) {
			name[x.n] = pool_keep(&g->pool, xasprintf("%s", list->name[s]));
			number[s] = (int32_t)x.n++;
		}
		group[i] = s >= 0 ? number[s] : -1;
	}
	free(number);
	return x;
}

/* Copies: new groups free the frame of these. */
static struct graph_groups own_groups(struct graph *g)
{
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	const char **name = pool_alloc(&g->pool, g->groups, sizeof *name);

	memcpy(group, g->group, g->nodes * sizeof *group);
	for (size_t i = 0; i < g->groups; i++)
		name[i] = pool_keep(&g->pool, xasprintf("%s", g->group_name[i]));
	return (struct graph_groups){g->groups, group, name, false, 0};
}

struct graph_groups graph_groups_in(const char *name, struct graph *g, const json_t *list)
{
	struct supernode_list found;

	supernode_list_read(&found, name, list, g, 1);
	struct graph_groups x = listed_groups(g, &found);
	supernode_list_free(&found);
	return x;
}

struct graph_groups graph_groups_of(const char *name, struct graph *g, const json_t *query)
{
	return g->group ? own_groups(g)
		: graph_groups_in(name, g, json_object_get(query, "supernodes"));
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

size_t group_errors(int32_t *group, size_t groups, const struct graph *g, bool anywhere)
{
	uint64_t *error = xalloc(g->nodes, sizeof *error);	/* position, and node */
	size_t n = 0;

	for (size_t i = 0; i < g->nodes; i++)
		if (g->type[i] == ERROR_NODE && group[i] < 0)
			error[n++] = (anywhere ? 0 : (uint64_t)(uint32_t)g->ctx_idx[i] << 32) | i;
	qsort(error, n, sizeof *error, compare_numbers);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && error[end] >> 32 == error[i] >> 32; end++)
			;
		if (end - i < 2)
			continue;
		for (size_t k = i; k < end; k++)
			group[(uint32_t)error[k]] = (int32_t)groups;
		groups++;
	}
	free(error);
	return groups;
}
