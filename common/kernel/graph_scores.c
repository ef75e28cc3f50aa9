#include "kernel/graph_scores.h"

#include <math.h>
#include <string.h>

double replacement_score(const double *total, const uint8_t *type, size_t nodes)
{
	double tokens = 0, errors = 0;

	for (size_t i = 0; i < nodes; i++) {
		tokens += type[i] == EMBEDDING_NODE ? total[i] : 0;
		errors += type[i] == ERROR_NODE ? total[i] : 0;
	}
	return tokens / (tokens + errors);
}

double completeness_score(const struct influence_graph *g, const double *total,
	const uint8_t *type)
{
	double all = 0, errors = 0;

	for (size_t i = 0; i < g->nodes; i++)
		all += total[i];
	for (size_t i = 0; i < g->links; i++)	/* sum_t total(t) sum_s A(t,s) over errors s */
		if (type[g->source[i]] == ERROR_NODE)
			errors += g->share[i] * total[g->target[i]];
	return 1 - errors / all;
}

double size_balance(const size_t *size, size_t n)
{
	double all = 0, entropy = 0;

	for (size_t i = 0; i < n; i++)
		all += (double)size[i];
	for (size_t i = 0; i < n; i++) {	/* H = - sum_u p(u) log p(u), at most log n */
		double p = (double)size[i] / all;
		entropy -= p * log(p);
	}
	return n > 1 ? entropy / log((double)n) : 1;
}

bool flow_between(double *score, const struct influence_graph *g, const double *total,
	const uint8_t *type, const uint32_t *unit, double *work)
{
	double *start = work, *reach = start + g->nodes, *more = reach + g->nodes;
	double *share = more + 2 * g->nodes, between = 0, all = 0;
	struct influence_graph below = *g;

	for (size_t i = 0; i < g->nodes; i++)
		start[i] = type[i] == EMBEDDING_NODE;
	for (size_t i = 0; i < g->links; i++) {		/* reach is 1 at tokens, 0 at errors */
		uint8_t to = type[g->target[i]];
		share[i] = to == EMBEDDING_NODE || to == ERROR_NODE ? 0 : g->share[i];
	}
	below.share = share;
	if (!node_reach(reach, start, &below, more))
		return false;
	for (size_t i = 0; i < g->links; i++) {		/* flow(t,s) = reach(s) A(t,s) total(t) */
		uint32_t s = g->source[i], t = g->target[i];
		double flow = reach[s] * g->share[i] * total[t];
		all += flow;
		between += unit[s] != unit[t] ? flow : 0;
	}
	*score = between / all;
	return true;
}

bool influence_kept(double *score, const struct influence_graph *g,
	const struct influence_graph *compressed, const uint32_t *unit, const double *weight,
	const uint8_t *type, double *work)
{
	size_t n = g->nodes;
	double *logit = work, *total = logit + n, *unit_logit = total + n;
	double *unit_total = unit_logit + n, *more = unit_total + n, kept = 0, all = 0;

	memset(logit, 0, n * sizeof *logit);
	memset(unit_logit, 0, n * sizeof *unit_logit);
	for (size_t l = 0; l < n; l++) {
		if (type[l] != LOGIT_NODE)
			continue;
		logit[l] = unit_logit[unit[l]] = weight[l];
		if (!node_influence(total, logit, g, more)
				|| !node_influence(unit_total, unit_logit, compressed, more))
			return false;
		for (size_t i = 0; i < n; i++)		/* sum_i,l min(P(i,l), P'(i,l)) / sum P */
			if (type[i] == EMBEDDING_NODE) {
				kept += fmin(total[i], unit_total[unit[i]]);
				all += total[i];
			}
		logit[l] = unit_logit[unit[l]] = 0;
	}
	*score = kept / all;
	return true;
}
