#include "kernel/graph_scores.h"

#include "kernel/topological_order.h"

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

double hidden_mass(const double *weight, const uint32_t *source, const uint32_t *target,
	const uint32_t *unit, size_t links)
{
	double inside = 0, all = 0;

	for (size_t i = 0; i < links; i++) {
		all += weight[i];
		inside += unit[source[i]] == unit[target[i]] ? weight[i] : 0;
	}
	return inside / all;
}

/* Adds |sum of u|^2, over the members of each group and over all members, in the coordinates that
 * links at their end `at` are: u is the profile of their other end, of length 1. */
static void add_squares(double *within, double *all, const double *weight, const uint32_t *at,
	const uint32_t *other, const int32_t *group, double *sum, const double *length,
	size_t *places, size_t nodes, size_t links)
{
	size_t *begin = places, *link = places + nodes + 1;

	links_by_node(link, begin, at, nodes, links);
	for (size_t k = 0; k < nodes; k++) {
		double every = 0;
		for (size_t i = begin[k]; i < begin[k + 1]; i++) {
			uint32_t node = other[link[i]];
			if (group[node] < 0 || length[node] == 0)
				continue;
			sum[group[node]] += weight[link[i]] / length[node];
			every += weight[link[i]] / length[node];
		}
		for (size_t i = begin[k]; i < begin[k + 1]; i++) {
			int32_t g = group[other[link[i]]];
			if (g < 0)
				continue;
			*within += sum[g] * sum[g];
			sum[g] = 0;
		}
		*all += every * every;
	}
}

/* With u profiles of length 1, the cosines of all pairs i != j of a set sum to |sum u|^2 - sum
 * |u|^2. */
double role_gap(const double *weight, const uint32_t *source, const uint32_t *target,
	const int32_t *group, size_t groups, double *work, size_t *places, size_t nodes,
	size_t links)
{
	double *sum = work, *length = work + groups;
	double within = 0, all = 0, own = 0, members = 0, pairs = 0;

	memset(work, 0, (groups + nodes) * sizeof *work);
	for (size_t i = 0; i < links; i++) {
		length[source[i]] += weight[i] * weight[i];
		length[target[i]] += weight[i] * weight[i];
	}
	for (size_t i = 0; i < nodes; i++) {
		length[i] = sqrt(length[i]);
		own += group[i] >= 0 && length[i] > 0;
		members += group[i] >= 0;
		if (group[i] >= 0)
			sum[group[i]]++;
	}
	for (size_t g = 0; g < groups; g++) {
		pairs += sum[g] * sum[g];
		sum[g] = 0;
	}
	add_squares(&within, &all, weight, target, source, group, sum, length, places, nodes,
		links);
	add_squares(&within, &all, weight, source, target, group, sum, length, places, nodes,
		links);
	double together = pairs - members, apart = members * members - pairs;
	return together > 0 && apart > 0 ? (within - own) / together - (all - within) / apart : NAN;
}
