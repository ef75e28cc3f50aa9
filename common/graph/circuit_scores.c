#include "graph/circuit_scores.h"

#include "base/die.h"
#include "graph/graph_influence.h"
#include "graph/unit_order.h"
#include "kernel/graph_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- A graph in units -------------------------------------------------------------------------- */

/* The features of a group are one unit, so are its errors; every other node is one by itself. */
struct units {
	size_t n, features;		/* features: units of these */
	uint32_t *of;			/* (nodes) */
	uint8_t *type;			/* (n) */
	size_t *size;			/* (features) */
};

/* Where the number of a node's unit is, for one that may share it: number (groups, 2). */
static uint32_t *shared_unit(uint32_t *number, const struct graph *g, const int32_t *group,
	size_t node)
{
	bool error = g->type[node] == ERROR_NODE;

	if (!group || group[node] < 0 || !(error || g->type[node] == FEATURE_NODE))
		return NULL;
	return &number[2 * (size_t)group[node] + error];
}

/* group (nodes); NULL: there are none. */
static struct units units_open(const struct graph *g, const int32_t *group, size_t groups)
{
	struct units u = {.of = xalloc(g->nodes, sizeof *u.of),
		.type = xalloc(g->nodes, sizeof *u.type), .size = xalloc(g->nodes, sizeof *u.size)};
	uint32_t *number = xalloc(2 * groups, sizeof *number);
	size_t *size = xcalloc(g->nodes, sizeof *size);

	memset(number, 0xff, 2 * groups * sizeof *number);		/* NO_NODE */
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t *shared = shared_unit(number, g, group, i);
		u.of[i] = shared && *shared != NO_NODE ? *shared : (uint32_t)u.n;
		u.type[u.of[i]] = g->type[i];
		u.n += u.of[i] == u.n;
		if (shared)
			*shared = u.of[i];
		size[u.of[i]]++;
	}
	for (size_t i = 0; i < u.n; i++)
		if (u.type[i] == FEATURE_NODE)
			u.size[u.features++] = size[i];
	free(size);
	free(number);
	return u;
}

static void units_close(struct units *u)
{
	free(u->of);
	free(u->type);
	free(u->size);
}

/* Influence along links between units, which are sums of links between nodes. */
struct net {
	struct unit_links links;
	double *weight;			/* (links.n): the sums */
	size_t *order;			/* of the links; NULL: there is a cycle */
	struct influence by;
};

/* weight (links) of links from source to target; logit (nodes). */
static struct net net_open(const struct units *u, const uint32_t *source, const uint32_t *target,
	const double *weight, size_t links, const double *logit, size_t nodes)
{
	struct net net = {.links = unit_links_open(u->of, source, target, links)};
	double *own = xcalloc(u->n, sizeof *own);

	net.weight = unit_sums(&net.links, weight);
	unit_links_summed(&net.links);
	for (size_t i = 0; i < nodes; i++)
		own[u->of[i]] += logit[i];
	net.order = order_links(net.links.source, net.links.target, u->n, net.links.n, NULL);
	net.by = influence_open(u->n, net.links.n, net.links.source, net.links.target, net.weight,
		net.order, own);
	free(own);
	return net;
}

static void net_close(struct net *net)
{
	influence_close(&net->by);
	unit_links_close(&net->links);
	free(net->weight);
	free(net->order);
}

/* -- Scores ------------------------------------------------------------------------------------ */

struct scoring {
	struct scores *scores;
	bool unsettled;			/* some influence goes round a cycle and does not settle */
};

static void add(struct scoring *x, const char *name, double value)
{
	scores_add(x->scores, name, &value);
}

/* A score that needs influence; it is none where this did not settle. */
static void add_settled(struct scoring *x, const char *name, bool settled, double value)
{
	x->unsettled |= !settled;
	add(x, name, settled ? value : NAN);
}

/* What runs against the best order of units, of all influence on links between them. */
static void add_dag_loss(struct scoring *x, const struct net *net, const struct net *flowing,
	const struct units *u, const struct graph *g)
{
	double *deep = xcalloc(g->nodes, sizeof *deep), *depth = xcalloc(u->n, sizeof *depth);
	double *size = xcalloc(u->n, sizeof *size), all = 0;

	for (size_t i = 0; i < net->links.n && net->order; i++) {
		uint32_t s = net->links.source[net->order[i]], t = net->links.target[net->order[i]];
		deep[t] = fmax(deep[t], deep[s] + 1);
	}
	for (size_t i = 0; i < g->nodes; i++) {
		depth[u->of[i]] += deep[i];
		size[u->of[i]]++;
	}
	for (size_t i = 0; i < u->n; i++)
		depth[i] /= size[i];
	for (size_t i = 0; i < flowing->links.n; i++)
		all += flowing->weight[i];
	add_settled(x, "dag_loss", net->by.settled, net->by.settled ? backward_weight(
		flowing->links.source, flowing->links.target, flowing->weight, depth, u->n,
		flowing->links.n) / all : NAN);
	free(size);
	free(depth);
	free(deep);
}

static void add_role_gap(struct scoring *x, const struct graph *g, const struct units *alone,
	const double *weight, const struct graph_groups *groups)
{
	struct unit_links links = unit_links_open(alone->of, g->source, g->target, g->links);
	double *sum = unit_sums(&links, weight);
	int32_t *member = xalloc(g->nodes, sizeof *member);
	double *work = xalloc(groups->n + g->nodes, sizeof *work);
	size_t *places = xalloc(links.n + g->nodes + 1, sizeof *places);

	for (size_t i = 0; i < g->nodes; i++)
		member[i] = g->type[i] == FEATURE_NODE ? groups->group[i] : -1;
	add(x, "role_gap", role_gap(sum, links.source, links.target, member, groups->n, work,
		places, g->nodes, links.n));
	free(places);
	free(work);
	free(member);
	free(sum);
	unit_links_close(&links);
}

/* Of the weights themselves, not of their sums between units. */
static void add_hidden(struct scoring *x, const struct graph *g, const struct units *u,
	const struct units *alone, const double *weight, const struct graph_groups *groups)
{
	double *own = xalloc(g->links, sizeof *own);

	for (size_t i = 0; i < g->links; i++)
		own[i] = g->source[i] == g->target[i] ? 0 : graph_weight(g, i);
	add(x, "hidden", hidden_mass(weight, g->source, g->target, u->of, g->links));
	add(x, "hidden/signed", hidden_mass(own, g->source, g->target, u->of, g->links));
	add_role_gap(x, g, alone, own, groups);
	free(own);
}

static void add_between(struct scoring *x, const struct net *net, const struct units *u,
	const struct graph *g)
{
	double *work = xalloc(4 * g->nodes + net->links.n, sizeof *work), part = NAN;
	bool settled = net->by.settled
		&& flow_between(&part, &net->by.graph, net->by.total, g->type, u->of, work);

	add_settled(x, "between", settled, part);
	add_settled(x, "within", settled, 1 - part);
	free(work);
}

static void add_kept(struct scoring *x, const char *name, const struct net *net,
	const struct net *small, const struct units *u, const struct graph *g, const double *logit)
{
	double *work = xalloc(6 * g->nodes, sizeof *work), part = NAN;
	bool settled = influence_kept(&part, &net->by.graph, &small->by.graph, u->of, logit,
		g->type, work);

	add_settled(x, name, settled && net->by.settled && small->by.settled, part);
	free(work);
}

/* net: of the nodes by themselves; weight (links), logit (nodes). */
static void add_units(struct scoring *x, const struct graph *g, const struct net *net,
	const struct units *u, const double *weight, const double *logit)
{
	struct net small = net_open(u, g->source, g->target, weight, g->links, logit, g->nodes);
	double *flow = link_influence(&net->by);
	struct net flowing = net_open(u, net->links.source, net->links.target, flow, net->links.n,
		logit, g->nodes);
	const struct influence *by = &small.by;
	size_t features = 0;

	for (size_t i = 0; i < g->nodes; i++)
		features += g->type[i] == FEATURE_NODE;
	add(x, "units", (double)u->n);
	add(x, "unit_links", (double)small.links.n);
	add(x, "ratio", (double)u->n / (double)g->nodes);
	add(x, "ratio/features", (double)u->features / (double)features);
	add(x, "balance", size_balance(u->size, u->features));
	add(x, "acyclic", small.order != NULL);
	add_settled(x, "replacement/units", by->settled,
		replacement_score(by->total, u->type, u->n));
	add_settled(x, "completeness/units", by->settled,
		completeness_score(&by->graph, by->total, u->type));
	add_between(x, net, u, g);
	add_kept(x, "kept", net, &flowing, u, g, logit);
	add_kept(x, "kept/weights", net, &small, u, g, logit);
	add_dag_loss(x, net, &flowing, u, g);
	net_close(&flowing);
	net_close(&small);
	free(flow);
}

bool add_circuit_scores(struct scores *scores, const struct graph *g,
	const struct graph_groups *groups)
{
	struct scoring x = {scores, false};
	struct units alone = units_open(g, NULL, 0);
	struct units grouped = units_open(g, groups->group, groups->n);
	double *weight = graph_absolute_weights(g), *logit = graph_logit_weights(g);
	struct net net = net_open(&alone, g->source, g->target, weight, g->links, logit, g->nodes);

	add(&x, "nodes", (double)g->nodes);
	add(&x, "links", (double)g->links);
	add_settled(&x, "replacement", net.by.settled,
		replacement_score(net.by.total, alone.type, g->nodes));
	add_settled(&x, "completeness", net.by.settled,
		completeness_score(&net.by.graph, net.by.total, alone.type));
	if (g->group || groups->listed) {
		add_units(&x, g, &net, &grouped, weight, logit);
		add_hidden(&x, g, &grouped, &alone, weight, groups);
	}
	net_close(&net);
	free(logit);
	free(weight);
	units_close(&grouped);
	units_close(&alone);
	return !x.unsettled;
}
