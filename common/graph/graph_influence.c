#include "graph/graph_influence.h"

#include "base/die.h"
#include "base/json.h"
#include "kernel/topological_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this it is no probability, however it was rounded, and influence need not fit f4. */
static const double most_probable = 1.01;

double *graph_absolute_weights(const struct graph *g)
{
	double *weight = xalloc(g->links, sizeof *weight);

	for (size_t i = 0; i < g->links; i++)
		weight[i] = g->source[i] == g->target[i] ? 0 : fabs(graph_weight(g, i));
	return weight;
}

double *graph_logit_weights(const struct graph *g)
{
	double *weight = xcalloc(g->nodes, sizeof *weight), sum = 0;
	size_t logits = 0, known = 0;

	for (size_t i = 0; i < g->nodes; i++) {
		if (g->type[i] != LOGIT_NODE)
			continue;
		struct span value = json_find(g->node_json[i], "token_prob");
		if (value.n > 0 && strchr("0123456789", *value.text)) {
			weight[i] = strtod(value.text, NULL);
			known++;
		}
		logits++;
		sum += weight[i];
	}
	if (known == logits && sum > 0 && sum <= most_probable * (double)logits)
		return weight;
	for (size_t i = 0; i < g->nodes; i++)
		weight[i] = g->type[i] == LOGIT_NODE ? 1 / (double)logits : 0;
	return weight;
}

size_t *order_links(const uint32_t *source, const uint32_t *target, size_t nodes, size_t links,
	uint32_t *cycle)
{
	uint32_t *order = xalloc(nodes + 1, sizeof *order);
	size_t *work = xalloc(2 * nodes + links + 1, sizeof *work);
	size_t *link = xalloc(links, sizeof *link);
	size_t n = topological_order(order, link, source, target, work, nodes, links);

	if (n < nodes) {
		if (cycle)
			*cycle = order[n];
		free(link);
		link = NULL;
	}
	free(work);
	free(order);
	return link;
}

const size_t *graph_order(struct graph *g)
{
	if (!g->order && !g->cyclic) {
		size_t *order = order_links(g->source, g->target, g->nodes, g->links, &g->cycle);
		g->order = order ? pool_keep(&g->pool, order) : NULL;
		g->cyclic = !order;
	}
	return g->order;
}

double *shares_of(const double *weight, const uint32_t *target, size_t nodes, size_t links)
{
	double *share = xalloc(links, sizeof *share), *work = xalloc(nodes, sizeof *work);

	link_shares(share, target, weight, work, nodes, links);
	free(work);
	return share;
}

struct influence influence_open(size_t nodes, size_t links, const uint32_t *source,
	const uint32_t *target, const double *weight, const size_t *order, const double *logit)
{
	double *share = shares_of(weight, target, nodes, links);
	struct influence x = {{nodes, links, source, target, share, order}, share,
		xalloc(nodes, sizeof *x.total), false};
	double *work = xalloc(2 * nodes, sizeof *work);

	x.settled = node_influence(x.total, logit, &x.graph, work);
	free(work);
	return x;
}

void influence_close(struct influence *x)
{
	free(x->share);
	free(x->total);
	*x = (struct influence){0};
}

double *link_influence(const struct influence *x)
{
	double *flow = xalloc(x->graph.links, sizeof *flow);

	for (size_t i = 0; i < x->graph.links; i++)
		flow[i] = x->share[i] * x->total[x->graph.target[i]];
	return flow;
}
