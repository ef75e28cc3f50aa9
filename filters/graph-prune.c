/* graph-prune: the nodes and links of a graph that its output depends on most. */
#include "base/die.h"
#include "base/json.h"
#include "base/opt.h"
#include "graph/graph_influence.h"
#include "kernel/dead_ends.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double node_threshold = NAN, link_threshold = .98;
static size_t most;

static const struct opt options[] = {
	{"nodes", OPT_REAL, &node_threshold, "P", "keep the share P of the nodes' influence", 0, 1},
	{"most", OPT_SIZE, &most, "N", "keep the N features and errors of most influence", 1, 1e9},
	{"links", OPT_REAL, &link_threshold, "P", "keep the share P of the links' influence", 0, 1},
	OPT_END
};

/* What is kept of a graph. */
struct pruning {
	double *weight;			/* (links): absolute */
	double *logit, *influence;	/* (nodes): of the logits; without these */
	bool *node, *link;		/* (nodes), (links): kept? */
	bool settled;			/* false: influence goes round a cycle */
};

static struct pruning pruning_open(const struct graph *g)
{
	return (struct pruning){graph_absolute_weights(g), graph_logit_weights(g),
		xalloc(g->nodes, sizeof(double)), xalloc(g->nodes, sizeof(bool)),
		xalloc(g->links, sizeof(bool)), true};
}

static void pruning_close(struct pruning *p)
{
	free(p->weight);
	free(p->logit);
	free(p->influence);
	free(p->node);
	free(p->link);
}

/* By the weights as they are now. */
static struct influence measure(struct pruning *p, struct graph *g)
{
	struct influence x = influence_open(g->nodes, g->links, g->source, g->target, p->weight,
		graph_order(g), p->logit);

	p->settled &= x.settled;
	return x;
}

static bool is_end(const struct graph *g, size_t node)
{
	return g->type[node] == EMBEDDING_NODE || g->type[node] == LOGIT_NODE;
}

static int descending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* The influence of the last of the nodes that --most keeps, work (nodes). */
static double least_of_most(const struct pruning *p, const struct graph *g, double *work)
{
	size_t n = 0;

	for (size_t i = 0; i < g->nodes; i++)
		if (!is_end(g, i))
			work[n++] = p->influence[i];
	qsort(work, n, sizeof *work, descending);
	return n > most ? work[most - 1] : 0;
}

static void keep_nodes(struct pruning *p, struct graph *g)
{
	struct influence x = measure(p, g);
	double *work = xalloc(g->nodes, sizeof *work);

	for (size_t i = 0; i < g->nodes; i++)
		p->influence[i] = x.total[i] - p->logit[i];
	double least = most > 0 ? least_of_most(p, g, work)
		: least_kept_score(p->influence, isnan(node_threshold) ? .8 : node_threshold,
			work, g->nodes);
	for (size_t i = 0; i < g->nodes; i++)
		p->node[i] = p->influence[i] >= least || is_end(g, i);
	free(work);
	influence_close(&x);
}

/* Between the nodes that are kept, with shares among the links that are left. */
static void keep_links(struct pruning *p, struct graph *g)
{
	for (size_t i = 0; i < g->links; i++)
		if (!p->node[g->source[i]] || !p->node[g->target[i]])
			p->weight[i] = 0;
	struct influence x = measure(p, g);
	double *flow = link_influence(&x), *work = xalloc(g->links, sizeof *work);
	double least = least_kept_score(flow, link_threshold, work, g->links);
	for (size_t i = 0; i < g->links; i++)
		p->link[i] = p->node[g->source[i]] && p->node[g->target[i]]
			&& g->source[i] != g->target[i] && flow[i] >= least;
	free(work);
	free(flow);
	influence_close(&x);
}

static void keep_connected(struct pruning *p, const struct graph *g)
{
	size_t *work = xalloc(5 * g->nodes + 2 * g->links + 2, sizeof *work);

	drop_dead_ends(p->node, p->link, g->type, g->source, g->target, work, g->nodes, g->links);
	free(work);
}

/* -- Influence where the file gives none ------------------------------------------------------ */

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
		json[i] = g->node_json[i];
		if (!isnan(g->influence[i]) || g->type[i] == LOGIT_NODE || isnan(share[i])) {
			share[i] = g->influence[i];
		} else if (p->node[i]) {
			char value[32];
			snprintf(value, sizeof value, "%.9g", (double)share[i]);
			json[i] = pool_keep(&g->pool, json_with(json[i], "influence", value));
		}
	}
	g->influence = share;
	g->node_json = json;
	graph_update_frames(g);
}

static void prune_by_influence(const char *name, struct graph *g)
{
	struct pruning p = pruning_open(g);

	keep_nodes(&p, g);
	keep_links(&p, g);
	keep_connected(&p, g);
	if (!p.settled)
		note("%s: influence goes round a cycle of links and does not settle", name);
	if (graph_has_shares(g))
		set_influence(g, &p);
	graph_keep_only(g, p.node, p.link);
	pruning_close(&p);
}

static void prune(const char *name, struct graph *g, struct sm_frame *header)
{
	size_t nodes = g->nodes, links = g->links, logit = 0;

	while (logit < nodes && g->type[logit] != LOGIT_NODE)
		logit++;
	if (logit < nodes)
		prune_by_influence(name, g);
	else if (nodes > 0)
		note("%s: no logits to have influence on: nothing is dropped", name);
	sm_set_integer(header, "pruned_nodes", (int64_t)(nodes - g->nodes));
	sm_set_integer(header, "pruned_links", (int64_t)(links - g->links));
	note("%s: %zu of %zu nodes and %zu of %zu links are kept", name, g->nodes, nodes,
		g->links, links);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "graph-prune [OPTION]... [FILE]",
		"Keeps the nodes and links of a graph that its logits depend on most.", 1);
	if (most > 0 && !isnan(node_threshold))
		misuse("--nodes and --most exclude each other");
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
