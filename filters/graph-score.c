/* graph-score: how much of a graph its features explain, and what is left of it in groups. */
#include "base/die.h"
#include "base/opt.h"
#include "graph/graph_groups.h"
#include "graph/graph_influence.h"
#include "graph/graph_json.h"
#include "graph/slug_scores.h"
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
	size_t *order;			/* of the links; NULL: there is a cycle */
	struct influence by;
};

/* weight (links) of links from source to target; logit (nodes). */
static struct net net_open(const struct units *u, const uint32_t *source, const uint32_t *target,
	const double *weight, size_t links, const double *logit, size_t nodes)
{
	struct net net = {.links = unit_links_open(u->of, source, target, links)};
	double *sum = unit_sums(&net.links, weight), *own = xcalloc(u->n, sizeof *own);

	unit_links_summed(&net.links);
	for (size_t i = 0; i < nodes; i++)
		own[u->of[i]] += logit[i];
	net.order = order_links(net.links.source, net.links.target, u->n, net.links.n, NULL);
	net.by = influence_open(u->n, net.links.n, net.links.source, net.links.target, sum,
		net.order, own);
	free(own);
	free(sum);
	return net;
}

static void net_close(struct net *net)
{
	influence_close(&net->by);
	unit_links_close(&net->links);
	free(net->order);
}

/* -- Scores ------------------------------------------------------------------------------------ */

struct scoring {
	struct scores scores;
	bool unsettled;			/* some influence goes round a cycle and does not settle */
};

static void add(struct scoring *x, const char *name, double value)
{
	scores_add(&x->scores, name, &value);
}

/* A score that needs influence; it is none where this did not settle. */
static void add_settled(struct scoring *x, const char *name, bool settled, double value)
{
	x->unsettled |= !settled;
	add(x, name, settled ? value : NAN);
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
	net_close(&flowing);
	net_close(&small);
	free(flow);
}

static void score_graph(struct scoring *x, const char *name, struct graph *g)
{
	json_t *document = g->group ? NULL : graph_document(name, g);
	struct graph_groups groups = graph_groups_of(name, g, json_object_get(document, "qParams"));
	struct units alone = units_open(g, NULL, 0);
	struct units grouped = units_open(g, groups.group, groups.n);
	double *weight = graph_absolute_weights(g), *logit = graph_logit_weights(g);
	struct net net = net_open(&alone, g->source, g->target, weight, g->links, logit, g->nodes);

	add(x, "nodes", (double)g->nodes);
	add(x, "links", (double)g->links);
	add_settled(x, "replacement", net.by.settled,
		replacement_score(net.by.total, alone.type, g->nodes));
	add_settled(x, "completeness", net.by.settled,
		completeness_score(&net.by.graph, net.by.total, alone.type));
	if (g->group || groups.listed)
		add_units(x, g, &net, &grouped, weight, logit);
	if (groups.listed)
		add(x, "missing", (double)groups.missing);
	if (x->unsettled)
		note("%s: influence goes round a cycle of links and does not settle: "
			"scores that need it are NaN", name);
	net_close(&net);
	free(logit);
	free(weight);
	units_close(&grouped);
	units_close(&alone);
	json_decref(document);
}

/* -- Streams ----------------------------------------------------------------------------------- */

static void one_graph(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	struct scoring x = {.scores.column = value_column};
	struct graph g;

	read_graph(in, header, &g);
	if (g.document)
		score_graph(&x, sm_reader_name(in), &g);
	write_slug_scores(out, header, &x.scores);
	scores_free(&x.scores);
	graph_free(&g);
}

int main(int argc, char **argv)
{
	static const struct opt options[] = {OPT_END};
	char **operand = opt_parse(argc, argv, options, "graph-score [OPTION]... [FILE]",
		"Scores graphs and the groups in them.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_graph(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
