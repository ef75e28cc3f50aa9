/* graph-prune: the nodes and links of a graph that its output depends on most. */
#include "base/die.h"
#include "base/json.h"
#include "base/opt.h"
#include "kernel/influence.h"
#include "kernel/topological_order.h"
#include "graph/graph.h"

#include <math.h>
#include <stdlib.h>

static double node_part = .8, edge_part = .98;

static const struct opt options[] = {
	{"nodes", OPT_REAL, &node_part, "P", "this part of the nodes' influence is kept", 0, 1},
	{"edges", OPT_REAL, &edge_part, "P", "and this part of the links' between them", 0, 1},
	OPT_END
};

/* A graph as the kernels take it, and what is kept of it. */
struct pruning {
	const struct graph *g;
	size_t *link;			/* (links): in topological order, or NULL */
	double *weight, *share;		/* (links): absolute; links from a node to itself weigh 0 */
	double *logit, *influence;	/* (nodes): the logits' weights; without these */
	bool *node_kept, *link_kept;
	bool settled;			/* does influence come to an end? */
};

static bool is_end(const struct graph *g, size_t node)
{
	return g->type[node] == EMBEDDING_NODE || g->type[node] == LOGIT_NODE;
}

static struct pruning open_pruning(const struct graph *g)
{
	struct pruning p = {.g = g, .settled = true,
		.weight = xalloc(g->links, sizeof *p.weight), .share = xalloc(g->links, sizeof *p.share),
		.logit = xalloc(g->nodes, sizeof *p.logit), .influence = xalloc(g->nodes, sizeof *p.influence),
		.node_kept = xalloc(g->nodes, sizeof *p.node_kept), .link_kept = xalloc(g->links, sizeof *p.link_kept)};

	p.link = ordered_links(g->source, g->target, g->nodes, g->links, NULL);
	graph_logit_weights(p.logit, g);
	for (size_t i = 0; i < g->links; i++)
		p.weight[i] = g->source[i] == g->target[i] ? 0 : fabs(exact_weight(g, i));
	return p;
}

static void close_pruning(struct pruning *p)
{
	free(p->link);
	free(p->weight);
	free(p->share);
	free(p->logit);
	free(p->influence);
	free(p->node_kept);
	free(p->link_kept);
}

/* total (nodes): by the weights as they are now. */
static void measure(struct pruning *p, double *total)
{
	const struct graph *g = p->g;
	double *work = xalloc(2 * g->nodes, sizeof *work);

	link_shares(p->share, g->target, p->weight, work, g->nodes, g->links);
	p->settled &= node_influence(total, p->logit, g->source, g->target, p->share, p->link, work, g->nodes, g->links);
	free(work);
}

static void keep_nodes(struct pruning *p)
{
	size_t n = p->g->nodes;
	double *work = xalloc(n, sizeof *work);

	measure(p, p->influence);
	for (size_t i = 0; i < n; i++)
		p->influence[i] -= p->logit[i];
	double least = score_threshold(p->influence, node_part, work, n);
	for (size_t i = 0; i < n; i++)
		p->node_kept[i] = p->influence[i] >= least || is_end(p->g, i);
	free(work);
}

/* Shares are those among the links that are left between the nodes kept. */
static void keep_links(struct pruning *p)
{
	const struct graph *g = p->g;
	double *total = xalloc(g->nodes, sizeof *total), *work = xalloc(g->links, sizeof *work);

	for (size_t i = 0; i < g->links; i++)
		if (!p->node_kept[g->source[i]] || !p->node_kept[g->target[i]])
			p->weight[i] = 0;
	measure(p, total);
	for (size_t i = 0; i < g->links; i++)
		p->share[i] *= total[g->target[i]];
	double least = score_threshold(p->share, edge_part, work, g->links);
	for (size_t i = 0; i < g->links; i++)
		p->link_kept[i] = p->node_kept[g->source[i]] && p->node_kept[g->target[i]] && p->share[i] >= least;
	free(total);
	free(work);
}

/* The links at each node, by one of their ends. */
struct adjacent {
	size_t *begin;			/* (nodes + 1) */
	size_t *link;			/* (links) */
};

static struct adjacent links_at(const uint32_t *node, size_t nodes, size_t links)
{
	struct adjacent x = {xalloc(nodes + 1, sizeof *x.begin), xalloc(links, sizeof *x.link)};

	links_by_node(x.link, x.begin, node, nodes, links);
	return x;
}

/* Nodes whose dropping is still to be told to their neighbours. */
struct dropping {
	size_t *in, *out;		/* (nodes): how many links they have */
	uint32_t *dropped;
	size_t n;
};

static void drop_dead_end(struct pruning *p, struct dropping *d, uint32_t i)
{
	const struct graph *g = p->g;

	if (is_end(g, i) || !p->node_kept[i] || (d->out[i] && (d->in[i] || g->type[i] != FEATURE_NODE)))
		return;
	p->node_kept[i] = false;
	d->dropped[d->n++] = i;
}

static void drop_link(struct pruning *p, struct dropping *d, size_t i)
{
	uint32_t source = p->g->source[i], target = p->g->target[i];

	if (!p->link_kept[i])
		return;
	p->link_kept[i] = false;
	d->out[source]--;
	d->in[target]--;
	drop_dead_end(p, d, source);
	drop_dead_end(p, d, target);
}

/* Features need a link in, and all but embeddings and logits a link out, until all that are left have them. */
static void drop_dead_ends(struct pruning *p)
{
	const struct graph *g = p->g;
	struct adjacent from = links_at(g->source, g->nodes, g->links), to = links_at(g->target, g->nodes, g->links);
	struct dropping d = {xcalloc(g->nodes, sizeof *d.in), xcalloc(g->nodes, sizeof *d.out),
		xalloc(g->nodes, sizeof *d.dropped), 0};

	for (size_t i = 0; i < g->links; i++) {
		d.in[g->target[i]] += p->link_kept[i];
		d.out[g->source[i]] += p->link_kept[i];
	}
	for (uint32_t i = 0; i < g->nodes; i++)
		drop_dead_end(p, &d, i);
	while (d.n > 0) {
		uint32_t i = d.dropped[--d.n];
		for (size_t k = from.begin[i]; k < from.begin[i + 1]; k++)
			drop_link(p, &d, from.link[k]);
		for (size_t k = to.begin[i]; k < to.begin[i + 1]; k++)
			drop_link(p, &d, to.link[k]);
	}
	free(from.begin);
	free(from.link);
	free(to.begin);
	free(to.link);
	free(d.in);
	free(d.out);
	free(d.dropped);
}

/* -- Influence where the file gives none -------------------------------------------------------- */

struct rank {
	double influence;
	size_t node;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->influence != y->influence)
		return x->influence > y->influence ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* share (nodes): of all influence, that of a node and of those with more. */
static void cumulative_shares(float *share, const double *influence, size_t n)
{
	struct rank *rank = xalloc(n, sizeof *rank);
	double all = 0, sum = 0;

	for (size_t i = 0; i < n; i++) {
		rank[i] = (struct rank){influence[i], i};
		all += influence[i];
	}
	qsort(rank, n, sizeof *rank, compare_ranks);
	for (size_t i = 0; i < n; i++) {
		sum += rank[i].influence;
		share[rank[i].node] = all > 0 ? (float)(sum / all) : NAN;
	}
	free(rank);
}

static void set_influence(struct graph *g, const struct pruning *p)
{
	float *share = pool_alloc(&g->pool, g->nodes, sizeof *share);
	const char **json = pool_alloc(&g->pool, g->nodes, sizeof *json);

	cumulative_shares(share, p->influence, g->nodes);
	for (size_t i = 0; i < g->nodes; i++) {
		bool missing = isnan(g->influence[i]) && g->type[i] != LOGIT_NODE && !isnan(share[i]);
		json[i] = g->node_json[i];
		if (!missing) {
			share[i] = g->influence[i];
		} else if (p->node_kept[i]) {
			char value[32];
			snprintf(value, sizeof value, "%.9g", (double)share[i]);
			json[i] = pool_keep(&g->pool, json_with(g->node_json[i], "influence", value));
		}
	}
	graph_set(g, "influence", share);
	graph_set(g, "node_json", json);
}

static void prune(const char *name, struct graph *g, struct sm_frame *header)
{
	struct pruning p = open_pruning(g);
	size_t nodes = g->nodes, links = g->links;

	keep_nodes(&p);
	keep_links(&p);
	drop_dead_ends(&p);
	if (!p.settled)
		note("%s: influence goes round a cycle of links and does not settle", name);
	set_influence(g, &p);
	graph_keep_only(g, p.node_kept, p.link_kept);
	sm_set_integer(header, "pruned_nodes", (int64_t)(nodes - g->nodes));
	sm_set_integer(header, "pruned_links", (int64_t)(links - g->links));
	note("%s: %zu of %zu nodes and %zu of %zu links are kept", name, g->nodes, nodes, g->links, links);
	close_pruning(&p);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "graph-prune [OPTION]... [FILE]",
		"Keeps the nodes and links of a graph that its logits depend on most.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		if (g.document)
			prune(sm_reader_name(in), &g, &header);
		sm_write_header(out, &header);
		write_graph(out, &g);
		graph_free(&g);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
