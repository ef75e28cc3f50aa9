/* graph-score: how much of a graph its features explain, and what is left of it in groups. */
#include "base/die.h"
#include "base/opt.h"
#include "kernel/agreement.h"
#include "kernel/influence.h"
#include "graph/graph_json.h"
#include "graph/supernode_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCORES_MOST = 32 };

static const char *truth;
static size_t least = 1;

static const struct opt options[] = {
	{"truth", OPT_TEXT, &truth, "FILE[:KEY]", "compare the groups with these supernodes", 0, 0},
	{"min", OPT_SIZE, &least, "N", "of these, those of N nodes or more", 1, 1e9},
	OPT_END
};

struct scores {
	size_t n;
	const char *name[SCORES_MOST];
	double value[SCORES_MOST];
};

static void add(struct scores *s, const char *name, double value)
{
	s->name[s->n] = name;
	s->value[s->n++] = value;
}

/* -- A graph, or its units, as the kernels take it ---------------------------------------------- */

/* Links and what they weigh. */
struct links {
	size_t n;
	const uint32_t *source, *target;
	const double *weight;
};

struct net {
	size_t nodes, links;
	uint32_t *source, *target;	/* (links): no two of them the same, none within a node */
	double *share;
	size_t *link;			/* (links): in topological order, or NULL: there is a cycle */
	uint8_t *type;			/* (nodes) */
	double *logit;			/* (nodes): the logits' weights */
	double *total;			/* (nodes): influence, and this weight */
	double *work;			/* 2 nodes */
};

/* Sums links between units into net->share. */
static void sum_links(struct net *net, const struct links *all, const uint32_t *unit)
{
	size_t n, last = 0;
	struct unit_link *link = unit_links(unit, all->source, all->target, all->n, &n);

	net->source = xalloc(n, sizeof *net->source);
	net->target = xalloc(n, sizeof *net->target);
	net->share = xalloc(n, sizeof *net->share);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || link[i].source != link[i - 1].source || link[i].target != link[i - 1].target) {
			last = net->links++;
			net->source[last] = link[i].source;
			net->target[last] = link[i].target;
			net->share[last] = 0;
		}
		net->share[last] += all->weight[link[i].link];
	}
	free(link);
}

static bool back(struct net *net, double *total, const double *logit)
{
	return node_influence(total, logit, net->source, net->target, net->share, net->link, net->work, net->nodes,
		net->links);
}

static struct net net_of(const char *name, const struct graph *g, const struct links *all, const uint32_t *unit,
	size_t units)
{
	struct net net = {.nodes = units, .type = xalloc(units, sizeof *net.type),
		.logit = xcalloc(units, sizeof *net.logit), .total = xalloc(units, sizeof *net.total),
		.work = xalloc(2 * units, sizeof *net.work)};
	double *logit = xalloc(g->nodes, sizeof *logit);

	graph_logit_weights(logit, g);
	for (size_t i = 0; i < g->nodes; i++) {
		net.type[unit[i]] = g->type[i];
		net.logit[unit[i]] += logit[i];
	}
	free(logit);
	sum_links(&net, all, unit);
	net.link = ordered_links(net.source, net.target, units, net.links, NULL);
	link_shares(net.share, net.target, net.share, net.work, units, net.links);
	if (!back(&net, net.total, net.logit))
		note("%s: influence goes round a cycle of links and does not settle", name);
	return net;
}

static void net_free(struct net *net)
{
	free(net->source);
	free(net->target);
	free(net->share);
	free(net->link);
	free(net->type);
	free(net->logit);
	free(net->total);
	free(net->work);
}

/* -- What features explain ---------------------------------------------------------------------- */

static double replacement(const struct net *net)
{
	double tokens = 0, errors = 0;

	for (size_t i = 0; i < net->nodes; i++) {
		tokens += net->type[i] == EMBEDDING_NODE ? net->total[i] : 0;
		errors += net->type[i] == ERROR_NODE ? net->total[i] : 0;
	}
	return tokens / (tokens + errors);
}

static double completeness(const struct net *net)
{
	double all = 0, errors = 0;

	for (size_t i = 0; i < net->nodes; i++)
		all += net->total[i];
	for (size_t i = 0; i < net->links; i++)
		if (net->type[net->source[i]] == ERROR_NODE)
			errors += net->share[i] * net->total[net->target[i]];
	return 1 - errors / all;
}

/* -- What is left of it in groups --------------------------------------------------------------- */

/* The nodes in units: features of one group are one, so are errors, and all other nodes stay alone. */
struct units {
	size_t n, features;		/* features: units of these */
	uint32_t *of;			/* (nodes) */
	size_t *size;			/* (n) */
};

/* A NULL group stands for no groups. */
static struct units units_of(const struct graph *g, const int32_t *group, size_t groups)
{
	struct units u = {0, 0, xalloc(g->nodes, sizeof *u.of), xcalloc(g->nodes, sizeof *u.size)};
	uint32_t *number = xalloc(2 * groups, sizeof *number);	/* of each group's features, and of its errors */

	memset(number, 0xff, 2 * groups * sizeof *number);		/* NO_NODE */
	for (size_t i = 0; i < g->nodes; i++) {
		bool feature = g->type[i] == FEATURE_NODE, error = g->type[i] == ERROR_NODE;
		uint32_t *of = group && group[i] >= 0 && (feature || error) ? &number[2 * group[i] + error] : NULL;
		if (of && *of != NO_NODE) {
			u.of[i] = *of;
		} else {
			u.of[i] = (uint32_t)u.n++;
			u.features += feature;
			if (of)
				*of = u.of[i];
		}
		u.size[u.of[i]]++;
	}
	free(number);
	return u;
}

static void units_free(struct units *u)
{
	free(u->of);
	free(u->size);
}

/* Entropy of the sizes of the units of features, over its largest. */
static double balance(const struct net *small, const struct units *u, size_t features)
{
	double entropy = 0;

	for (size_t i = 0; i < u->n; i++) {
		double p = (double)u->size[i] / (double)features;
		entropy -= small->type[i] == FEATURE_NODE ? p * log(p) : 0;
	}
	return u->features > 1 ? entropy / log((double)u->features) : 1;
}

/* The part of the flow from inputs to logits that is on links between units. */
static double flow_between(const struct net *net, const uint32_t *unit)
{
	double *start = xalloc(net->nodes, sizeof *start), *reach = xalloc(net->nodes, sizeof *reach);
	double *share = xalloc(net->links, sizeof *share), between = 0, all = 0;

	for (size_t i = 0; i < net->nodes; i++)
		start[i] = net->type[i] == EMBEDDING_NODE;
	for (size_t i = 0; i < net->links; i++) {
		uint8_t type = net->type[net->target[i]];
		share[i] = type == EMBEDDING_NODE || type == ERROR_NODE ? 0 : net->share[i];
	}
	node_reach(reach, start, net->source, net->target, share, net->link, net->work, net->nodes, net->links);
	for (size_t i = 0; i < net->links; i++) {
		double flow = reach[net->source[i]] * net->share[i] * net->total[net->target[i]];
		all += flow;
		between += unit[net->source[i]] != unit[net->target[i]] ? flow : 0;
	}
	free(share);
	free(reach);
	free(start);
	return between / all;
}

/* The influence of each input on each logit that both have, over all that the first has. */
static double influence_kept(const struct graph *g, struct net *net, struct net *small, const uint32_t *unit)
{
	double *logit = xcalloc(g->nodes, sizeof *logit), *total = xalloc(g->nodes, sizeof *total);
	double *small_logit = xcalloc(small->nodes, sizeof *logit), *small_total = xalloc(small->nodes, sizeof *total);
	double kept = 0, all = 0;

	for (size_t i = 0; i < g->nodes; i++) {
		if (g->type[i] != LOGIT_NODE)
			continue;
		logit[i] = small_logit[unit[i]] = net->logit[i];
		back(net, total, logit);
		back(small, small_total, small_logit);
		for (size_t k = 0; k < g->nodes; k++)
			if (g->type[k] == EMBEDDING_NODE) {
				kept += fmin(total[k], small_total[unit[k]]);
				all += total[k];
			}
		logit[i] = small_logit[unit[i]] = 0;
	}
	free(small_total);
	free(small_logit);
	free(total);
	free(logit);
	return kept / all;
}

/* The influence that flows along each link of a net: its share of its target's. */
static double *influences(const struct net *net)
{
	double *flow = xalloc(net->links, sizeof *flow);

	for (size_t i = 0; i < net->links; i++)
		flow[i] = net->share[i] * net->total[net->target[i]];
	return flow;
}

static void score_units(struct scores *s, const char *name, const struct graph *g, const struct links *all,
	struct net *net, const struct units *u)
{
	double *flow = influences(net);
	struct net small = net_of(name, g, all, u->of, u->n);
	struct net flowing = net_of(name, g, &(struct links){net->links, net->source, net->target, flow}, u->of, u->n);
	double between = flow_between(net, u->of);
	size_t features = 0;

	for (size_t i = 0; i < g->nodes; i++)
		features += g->type[i] == FEATURE_NODE;
	add(s, "units", (double)u->n);
	add(s, "unit_links", (double)small.links);
	add(s, "ratio", (double)u->n / (double)g->nodes);
	add(s, "ratio/features", (double)u->features / (double)features);
	add(s, "balance", balance(&small, u, features));
	add(s, "acyclic", small.link != NULL);
	add(s, "replacement/units", replacement(&small));
	add(s, "completeness/units", completeness(&small));
	add(s, "between", between);
	add(s, "within", 1 - between);
	add(s, "kept", influence_kept(g, net, &flowing, u->of));
	add(s, "kept/weights", influence_kept(g, net, &small, u->of));
	net_free(&flowing);
	net_free(&small);
	free(flow);
}

/* -- Groups and references ---------------------------------------------------------------------- */

/* The stream's groups, or else the supernodes of the document, which come from the JSON. */
struct groups {
	const int32_t *group;		/* (nodes), or NULL: there are none */
	size_t n;
	struct named named;
	json_t *document;		/* NULL: the stream has groups */
};

static struct groups groups_of(const char *name, struct graph *g)
{
	struct groups x = {.group = g->group, .n = g->groups};

	if (g->group)
		return x;
	x.document = graph_document(name, g);
	read_named(&x.named, name, json_object_get(json_object_get(x.document, "qParams"), "supernodes"), g);
	if (x.named.groups > 0) {
		int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
		named_groups(group, g->nodes, &x.named);
		x.group = group;
		x.n = x.named.groups;
	}
	return x;
}

static void groups_free(struct groups *x)
{
	json_decref(x->document);
	named_free(&x->named);
}

/* Leaves supernodes of fewer nodes out; returns how many are left. */
static size_t drop_small(struct named *x)
{
	size_t groups = 0, left = 0;

	for (size_t i = 0; i < x->groups; i++) {
		size_t begin = x->indptr[i], n = x->indptr[i + 1] - begin;
		groups += n >= least;
		if (n < least)
			n = 0;
		x->indptr[i] = left;
		memmove(x->node + left, x->node + begin, n * sizeof *x->node);
		left += n;
	}
	x->indptr[x->groups] = left;
	return groups;
}

/* Against the references, on the nodes that they name; a node without group is a group of its own. */
static void score_truth(struct scores *s, const struct named_file *file, const char *slug, const struct graph *g,
	const struct groups *x)
{
	struct named named;
	int32_t *reference = xalloc(g->nodes, sizeof *reference);
	uint32_t *group = xalloc(g->nodes, sizeof *group), *class = xalloc(g->nodes, sizeof *class);
	uint64_t *work = xalloc(g->nodes, sizeof *work);
	size_t n = 0;

	read_named(&named, file->path, named_list(file, slug), g);
	size_t members = named.indptr[named.groups] + named.missing, groups = drop_small(&named);
	if (members == 0)
		die("%s: no supernodes", file->path);
	if (members == named.missing)
		die("%s: none of %zu members is a node of graph %s: are these references of another?", file->path, members,
			slug);
	if (2 * named.missing >= members)
		note("%s: %zu of %zu members are no nodes of graph %s: are these references of another?", file->path,
			named.missing, members, slug);
	named_groups(reference, g->nodes, &named);
	for (size_t i = 0; i < g->nodes; i++)
		if (reference[i] >= 0) {
			group[n] = (uint32_t)(x->group && x->group[i] >= 0 ? (size_t)x->group[i] : x->n + i);
			class[n++] = (uint32_t)reference[i];
		}
	if (n == 0)
		die("%s: no supernode of %zu nodes or more in the graph %s", file->path, least, slug);
	struct agreement same = {NAN, NAN, NAN};
	if (n > 1)
		same = agreement(group, class, work, n);
	add(s, "truth_groups", (double)groups);
	add(s, "truth_nodes", (double)n);
	add(s, "truth_missing", (double)named.missing);
	add(s, "adjusted_rand", same.adjusted_rand);
	add(s, "purity", same.purity);
	add(s, "v_measure", same.v_measure);
	named_free(&named);
	free(work);
	free(class);
	free(group);
	free(reference);
}

/* -- Streams ------------------------------------------------------------------------------------ */

static void score_graph(struct scores *s, const char *name, struct graph *g, const char *slug,
	const struct named_file *file)
{
	struct groups x = groups_of(name, g);
	struct units alone = units_of(g, NULL, 0), grouped = units_of(g, x.group, x.n);
	double *weight = xalloc(g->links, sizeof *weight);
	struct links all = {g->links, g->source, g->target, weight};

	for (size_t i = 0; i < g->links; i++)
		weight[i] = fabs(exact_weight(g, i));
	struct net net = net_of(name, g, &all, alone.of, alone.n);
	add(s, "nodes", (double)g->nodes);
	add(s, "links", (double)g->links);
	add(s, "replacement", replacement(&net));
	add(s, "completeness", completeness(&net));
	if (x.group)
		score_units(s, name, g, &all, &net, &grouped);
	if (x.group && x.document)
		add(s, "missing", (double)x.named.missing);
	if (truth)
		score_truth(s, file, slug, g, &x);
	free(weight);
	net_free(&net);
	units_free(&grouped);
	units_free(&alone);
	groups_free(&x);
}

static void write_scores(struct sm_writer *out, const struct scores *s, const char *slug)
{
	struct sm_frame frame = {0};
	const char *slugs[SCORES_MOST];

	for (size_t i = 0; i < s->n; i++)
		slugs[i] = slug;
	sm_set_strings(&frame, "score", s->n, s->name);
	sm_set_tensor(&frame, "value", SM_F8, s->value, s->n);
	sm_set_strings(&frame, "slug", s->n, slugs);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

static void one_graph(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header, const struct named_file *file)
{
	struct graph g;
	struct scores scores = {0};
	const char *slug = sm_get_string(header, "slug", "");

	read_graph(in, header, &g);
	if (g.document)
		score_graph(&scores, sm_reader_name(in), &g, slug, file);
	sm_set_string(header, "kind", "scores");
	sm_write_header(out, header);
	if (g.document)
		write_scores(out, &scores, slug);
	sm_write_end(out);
	graph_free(&g);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "graph-score [OPTION]... [FILE]",
		"Scores graphs and the groups in them.", 1);
	struct named_file file = {0};

	if (least > 1 && !truth)
		misuse("--min needs --truth");
	if (truth)
		file = named_open(truth);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_graph(in, out, &header, &file);
	sm_writer_close(out);
	sm_reader_close(in);
	named_close(&file);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
