#include "graph/graph_influence.h"

#include "base/die.h"
#include "base/json.h"
#include "kernel/topological_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this it is no probability and no share, however it was rounded, and influence need not fit
 * f4. */
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

/* -- Influence as the file gives it ------------------------------------------------------------ */

/* (nodes), to free(): sums of absolute outgoing weights. */
static double *strengths(const struct graph *g)
{
	double *strength = xcalloc(g->nodes, sizeof *strength);

	for (size_t i = 0; i < g->links; i++)
		strength[g->source[i]] += fabs((double)g->weight[i]);
	return strength;
}

struct value {
	double at;
	size_t number;
};

static int compare_values(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* rank (n): of values with numbers below n, from -(n - 1) / 2 to (n - 1) / 2; equal ones share the
 * mean of their ranks. Returns the sum of their squares. */
static double centred_ranks(double *rank, struct value *value, size_t n)
{
	double squares = 0;

	qsort(value, n, sizeof *value, compare_values);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && value[end].at == value[i].at; end++)
			;
		double mean = ((double)(i + end) - (double)n) / 2;
		for (size_t k = i; k < end; k++)
			rank[value[k].number] = mean;
		squares += mean * mean * (double)(end - i);
	}
	return squares;
}

/* Spearman's rank correlation of both over features that have an influence, in standard errors,
 * 1 / sqrt(n - 1). */
static double agreement(const struct graph *g, const double *strength)
{
	struct value *a = xalloc(g->nodes, sizeof *a), *b = xalloc(g->nodes, sizeof *b);
	double *x = xalloc(g->nodes, sizeof *x), *y = xalloc(g->nodes, sizeof *y), sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < g->nodes; i++)
		if (g->type[i] == FEATURE_NODE && !isnan(g->influence[i])) {
			a[n] = (struct value){(double)g->influence[i], n};
			b[n] = (struct value){strength[i], n};
			n++;
		}
	double squares = centred_ranks(x, a, n) * centred_ranks(y, b, n);
	for (size_t i = 0; i < n; i++)
		sum += x[i] * y[i];
	free(a);
	free(b);
	free(x);
	free(y);
	return squares > 0 ? sum / sqrt(squares) * sqrt((double)n - 1) : 0;
}

static bool has_shares(const struct graph *g, const double *strength)
{
	for (size_t i = 0; i < g->nodes; i++)
		if (g->influence[i] < 0 || (double)g->influence[i] > most_probable)
			return false;
	return agreement(g, strength) <= 2;
}

bool graph_has_shares(const struct graph *g)
{
	double *strength = strengths(g);
	bool shares = has_shares(g, strength);

	free(strength);
	return shares;
}

struct place {
	double influence, strength;
	uint32_t node;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->influence != y->influence)
		return x->influence < y->influence ? -1 : 1;
	if (x->strength != y->strength)
		return x->strength > y->strength ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

void graph_rank(uint32_t *ranked, const struct graph *g)
{
	struct place *place = xalloc(g->nodes, sizeof *place);
	double *strength = strengths(g);
	bool shares = has_shares(g, strength);

	for (size_t i = 0; i < g->nodes; i++)
		place[i] = (struct place){shares && !isnan(g->influence[i])
			? (double)g->influence[i] : HUGE_VAL, strength[i], (uint32_t)i};
	qsort(place, g->nodes, sizeof *place, compare_places);
	for (size_t i = 0; i < g->nodes; i++)
		ranked[i] = place[i].node;
	free(strength);
	free(place);
}
