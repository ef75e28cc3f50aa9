/* The kernels of graphs against dense matrices and plain loops: influence.h, graph_scores.h,
 * dead_ends.h, total_effects.h, agreement.h, topological_order.h, best_order.h. Silent
 * when all is well. */
#include "kernel/agreement.h"
#include "kernel/best_order.h"
#include "kernel/dead_ends.h"
#include "kernel/graph_scores.h"
#include "kernel/topological_order.h"
#include "kernel/total_effects.h"

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 12, LINKS = 60, TRIALS = 500 };

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
}

/* A random graph; some of its links are double. */
struct random_graph {
	size_t nodes, links;
	uint32_t source[LINKS], target[LINKS];
	double weight[LINKS], share[LINKS], logit[NODES];
	double dense[NODES][NODES];		/* shares: of target, of source */
	size_t order[LINKS];
	uint8_t type[NODES];
};

/* Links go from lower to higher nodes, unless cyclic. */
static void make_graph(struct random_graph *g, bool cyclic)
{
	uint32_t order[NODES + 1];
	size_t work[2 * NODES + LINKS + 1];
	double sum[NODES] = {0}, room[NODES];

	memset(g, 0, sizeof *g);
	g->nodes = 2 + below(NODES - 1);
	g->links = below(LINKS + 1);
	for (size_t i = 0; i < g->nodes; i++) {
		g->type[i] = (uint8_t)below(NODE_TYPES);
		g->logit[i] = g->type[i] == LOGIT_NODE ? uniform() : 0;
	}
	for (size_t i = 0; i < g->links; i++) {
		uint32_t s = (uint32_t)below(g->nodes - 1);
		g->source[i] = s;
		g->target[i] = s + 1 + (uint32_t)below(g->nodes - 1 - s);
		if (cyclic && uniform() < .2) {
			g->source[i] = g->target[i];
			g->target[i] = s;
		}
		sum[g->target[i]] += g->weight[i] = uniform();
	}
	link_shares(g->share, g->target, g->weight, room, g->nodes, g->links);
	for (size_t i = 0; i < g->links; i++)
		g->dense[g->target[i]][g->source[i]] += g->weight[i] / sum[g->target[i]];
	topological_order(order, g->order, g->source, g->target, work, g->nodes, g->links);
}

static struct influence_graph seen(const struct random_graph *g, bool ordered)
{
	return (struct influence_graph){g->nodes, g->links, g->source, g->target, g->share,
		ordered ? g->order : NULL};
}

/* x (nodes): the sum of powers of the dense matrix, from the left or the right. */
static void dense_powers(double *x, const double *start, const struct random_graph *g, bool left)
{
	double now[NODES], next[NODES];

	memcpy(now, start, sizeof now);
	memcpy(x, start, sizeof now);
	for (size_t power = 0; power < 3000; power++) {
		memset(next, 0, sizeof next);
		for (size_t t = 0; t < g->nodes; t++)
			for (size_t s = 0; s < g->nodes; s++)
				next[left ? s : t] += g->dense[t][s] * now[left ? t : s];
		for (size_t i = 0; i < g->nodes; i++)
			x[i] += next[i];
		memcpy(now, next, sizeof now);
	}
}

static void influences(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct random_graph r;
		double total[NODES], wanted[NODES], work[2 * NODES], start[NODES] = {0};
		bool cyclic = trial % 2;
		make_graph(&r, cyclic);
		struct influence_graph g = seen(&r, !cyclic);
		bool settled = node_influence(total, r.logit, &g, work);
		dense_powers(wanted, r.logit, &r, true);
		for (size_t i = 0; i < r.nodes && settled; i++)
			check(near(total[i], wanted[i]), "influence", trial);
		check(settled || cyclic, "influence: without a cycle it settles", trial);
		start[0] = 1;
		settled = node_reach(total, start, &g, work);
		dense_powers(wanted, start, &r, false);
		for (size_t i = 0; i < r.nodes && settled; i++)
			check(near(total[i], wanted[i]), "reach", trial);
	}
}

/* Two nodes that hand each other all they have: the powers never become less. */
static void round_and_round(void)
{
	static const uint32_t source[] = {0, 1}, target[] = {1, 0};
	static const double share[] = {1, 1}, logit[] = {1, 0};
	struct influence_graph g = {2, 2, source, target, share, NULL};
	static const uint8_t type[] = {LOGIT_NODE, EMBEDDING_NODE};
	static const uint32_t unit[] = {0, 1};
	double total[2], work[14], score;

	check(!node_influence(total, logit, &g, work), "a closed cycle does not settle", 0);
	check(!node_reach(total, logit, &g, work), "a closed cycle does not settle", 1);
	check(!influence_kept(&score, &g, &g, unit, logit, type, work), "nor what is kept", 2);
}

/* A token t and an error e lead to the features a and b, and these to the logit l:
 * 3 t -> a, 1 e -> a, 1 t -> b, 2 a -> l, 2 b -> l. */
static void scores_by_hand(void)
{
	enum { T, E, A, B, L };
	static const uint8_t type[] = {EMBEDDING_NODE, ERROR_NODE, FEATURE_NODE, FEATURE_NODE,
		LOGIT_NODE};
	static const uint32_t source[] = {T, E, T, A, B}, target[] = {A, A, B, L, L};
	static const double weight[] = {3, 1, 1, 2, 2}, logit[] = {0, 0, 0, 0, 1};
	static const size_t order[] = {0, 1, 2, 3, 4};
	static const uint32_t alone[] = {0, 1, 2, 3, 4}, pair[] = {0, 1, 2, 2, 3};
	double share[5], total[5], work[30], score;
	struct influence_graph g = {5, 5, source, target, share, order};

	link_shares(share, target, weight, work, 5, 5);
	check(node_influence(total, logit, &g, work), "scores: it settles", 0);
	/* a and b have 1/2 each; t 3/8 + 1/2, e 1/8 */
	check(near(total[T], .875) && near(total[E], .125), "scores: influence", 0);
	check(near(replacement_score(total, type, 5), .875), "replacement", 0);
	/* of 3 that comes into nodes, 1/4 of a's 1/2 is from the error */
	check(near(completeness_score(&g, total, type), 1 - .125 / 3), "completeness", 0);
	check(flow_between(&score, &g, total, type, alone, work) && near(score, 1), "between", 0);
	/* with all in one unit nothing is between; with a and l in one, 3/8 of 7/4 is within */
	check(flow_between(&score, &g, total, type, (uint32_t[]){0, 0, 0, 0, 0}, work)
		&& near(score, 0), "between: one unit", 0);
	check(flow_between(&score, &g, total, type, (uint32_t[]){0, 1, 2, 3, 2}, work)
		&& near(score, 1 - .375 / 1.75), "between: two of them in a unit", 0);
	check(influence_kept(&score, &g, &g, alone, logit, type, work) && near(score, 1),
		"kept", 0);
	/* a and b in one, by sums of weights: t has 4/5 there, of its 7/8 */
	static const uint32_t small_source[] = {0, 1, 2}, small_target[] = {2, 2, 3};
	static const double small_share[] = {.8, .2, 1};
	struct influence_graph small = {4, 3, small_source, small_target, small_share, order};
	check(influence_kept(&score, &g, &small, pair, logit, type, work)
		&& near(score, .8 / .875), "kept: a unit of two", 0);
	check(near(size_balance((size_t[]){3, 3}, 2), 1), "balance: two alike", 0);
	check(size_balance((size_t[]){3}, 1) == 1, "balance: one", 0);
	check(near(size_balance((size_t[]){3, 1}, 2), (.75 * log(4 / 3.) + .25 * log(4)) / log(2)),
		"balance", 0);
}

/* The same by doing it again and again. */
static void plain_dead_ends(bool *node, bool *link, const struct random_graph *g)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < g->links; i++)
			if (link[i] && !(node[g->source[i]] && node[g->target[i]]))
				changed = true, link[i] = false;
		for (size_t i = 0; i < g->nodes; i++) {
			size_t in = 0, out = 0;
			for (size_t k = 0; k < g->links; k++) {
				in += link[k] && g->target[k] == i;
				out += link[k] && g->source[k] == i;
			}
			bool end = g->type[i] == EMBEDDING_NODE || g->type[i] == LOGIT_NODE;
			bool needs = g->type[i] == FEATURE_NODE;
			if (node[i] && !end && (out == 0 || (in == 0 && needs)))
				changed = true, node[i] = false;
		}
	}
}

static void dead_ends(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct random_graph g;
		bool node[NODES], link[LINKS], plain_node[NODES], plain_link[LINKS];
		size_t work[5 * NODES + 2 * LINKS + 2];
		make_graph(&g, trial % 2);
		for (size_t i = 0; i < NODES; i++)
			node[i] = plain_node[i] = uniform() < .9;
		for (size_t i = 0; i < LINKS; i++)
			link[i] = plain_link[i] = i < g.links && node[g.source[i]]
				&& node[g.target[i]] && uniform() < .7;
		drop_dead_ends(node, link, g.type, g.source, g.target, work, g.nodes, g.links);
		plain_dead_ends(plain_node, plain_link, &g);
		check(memcmp(node, plain_node, g.nodes) == 0, "dead ends: nodes", trial);
		check(memcmp(link, plain_link, g.links) == 0, "dead ends: links", trial);
	}
}

/* T = S + S T, and profiles of length 1. */
static void effects(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct random_graph g;
		float total[NODES * NODES], profile[2 * NODES + 1];
		make_graph(&g, false);
		size_t n = g.nodes, half = n / 2;
		total_effects(total, 0, half, g.source, g.target, g.share, g.order, n, g.links);
		total_effects(total, half, n - half, g.source, g.target, g.share, g.order, n,
			g.links);
		for (size_t t = 0; t < n; t++)
			for (size_t s = 0; s < n; s++) {
				double wanted = g.dense[t][s];
				for (size_t k = 0; k < n; k++)
					wanted += g.dense[t][k] * (double)total[k * n + s];
				double got = (double)total[t * n + s];
				check(fabs(got - wanted) < 1e-5, "effects", trial);
			}
		for (size_t i = 0; i < n; i++) {
			double squares = 0;
			effect_profile(profile, total, i, n);
			for (size_t k = 0; k < 2 * n + 1; k++)
				squares += (double)profile[k] * (double)profile[k];
			check(fabs(squares - 1) < 1e-5, "effects: a profile's length", trial);
		}
	}
}

/* The adjusted Rand index by pairs of things. */
static void agreements(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		uint32_t group[NODES], class[NODES];
		uint64_t work[NODES];
		size_t n = 2 + below(NODES - 1);
		double both = 0, in_group = 0, in_class = 0, pairs = (double)(n * (n - 1) / 2);
		for (size_t i = 0; i < n; i++) {
			group[i] = (uint32_t)below(4);
			class[i] = (uint32_t)below(3);
		}
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < i; j++) {
				in_group += group[i] == group[j];
				in_class += class[i] == class[j];
				both += group[i] == group[j] && class[i] == class[j];
			}
		double chance = in_group * in_class / pairs, most = (in_group + in_class) / 2;
		struct agreement same = agreement(group, class, work, n);
		double wanted = most > chance ? (both - chance) / (most - chance) : 1;
		check(near(same.adjusted_rand, wanted), "agreement: adjusted Rand index", trial);
		same = agreement(class, class, work, n);
		check(near(same.adjusted_rand, 1) && near(same.purity, 1)
			&& near(same.v_measure, 1), "agreement with itself", trial);
	}
}

/* -- Orders ------------------------------------------------------------------------------------ */

enum { ORDER_NODES = 9, ORDER_LINKS = 14 };

/* Which nodes paths of links between different nodes lead to. */
static void paths(bool *leads, const uint32_t *source, const uint32_t *target, size_t nodes,
	size_t links)
{
	memset(leads, 0, nodes * nodes * sizeof *leads);
	for (size_t i = 0; i < links; i++)
		leads[source[i] * nodes + target[i]] |= source[i] != target[i];
	for (size_t k = 0; k < nodes; k++)
		for (size_t i = 0; i < nodes; i++)
			for (size_t j = 0; j < nodes; j++)
				leads[i * nodes + j] |= leads[i * nodes + k]
					&& leads[k * nodes + j];
}

/* Sources come before targets; what cycles lead to is left out; one node of a cycle is named; and a
 * link from a node to itself is no cycle. */
static void orders(void)
{
	uint32_t source[ORDER_LINKS], target[ORDER_LINKS], order[ORDER_NODES];
	size_t link[ORDER_LINKS], work[2 * ORDER_NODES + ORDER_LINKS + 1];
	bool leads[ORDER_NODES * ORDER_NODES];

	for (size_t trial = 0; trial < 2000; trial++) {
		size_t nodes = 1 + below(ORDER_NODES), links = below(ORDER_LINKS + 1),
			place[ORDER_NODES], free_of = 0, m = 0;
		for (size_t i = 0; i < links; i++) {
			source[i] = (uint32_t)below(nodes);
			target[i] = (uint32_t)below(nodes);
		}
		paths(leads, source, target, nodes, links);
		for (size_t i = 0; i < nodes; i++) {
			bool cyclic = false;
			for (size_t k = 0; k < nodes; k++)
				cyclic |= leads[k * nodes + k] && (k == i || leads[k * nodes + i]);
			free_of += !cyclic;
			place[i] = SIZE_MAX;
		}
		size_t n = topological_order(order, link, source, target, work, nodes, links);
		check(n == free_of, "order: all nodes that no cycle leads to", trial);
		check(n == nodes || leads[order[n] * nodes + order[n]], "order: a node of a cycle",
			trial);
		for (size_t i = 0; i < n; i++)
			place[order[i]] = i;
		for (size_t i = 0; i < links; i++) {
			check(place[target[i]] == SIZE_MAX || source[i] == target[i]
				|| place[source[i]] < place[target[i]],
				"order: sources before targets", trial);
			m += place[source[i]] != SIZE_MAX;
		}
		for (size_t i = 0; i < m; i++)
			check(i == 0 ? place[source[link[0]]] != SIZE_MAX
				: place[source[link[i]]] >= place[source[link[i - 1]]]
				&& link[i] != link[i - 1], "order: links by their sources", trial);
	}
}

/* The least weight (n, n) that runs backwards when the nodes from `first` on are in any order. */
static double plain_least(const double *weight, uint32_t *order, size_t first, size_t n)
{
	double least = first == n ? 0 : INFINITY;

	for (size_t i = first; i < n; i++) {
		uint32_t v = order[i];
		double sum = 0;
		order[i] = order[first];
		order[first] = v;
		for (size_t k = 0; k < first; k++)
			sum += weight[v * n + order[k]];
		least = fmin(least, sum + plain_least(weight, order, first + 1, n));
		order[first] = order[i];
		order[i] = v;
	}
	return least;
}

/* What runs backwards in an order. */
static double backward_in(const uint32_t *order, const double *weight, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			sum += weight[order[i] * n + order[k]];
	return sum;
}

/* Whether any node moved to any place leaves less running backwards. */
static bool can_move(const uint32_t *order, const double *weight, size_t n)
{
	double least = backward_in(order, weight, n) - 1e-9;

	for (size_t from = 0; from < n; from++)
		for (size_t to = 0; to < n; to++) {
			uint32_t moved[NODES];
			size_t k = 0;
			for (size_t i = 0; i < n; i++) {
				k += k == to;
				if (i != from)
					moved[k++] = order[i];
			}
			moved[to] = order[from];
			if (backward_in(moved, weight, n) < least)
				return true;
		}
	return false;
}

static void best_orders(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		size_t n = 1 + below(6), links = below(LINKS), work[2 * (NODES + 1 + LINKS)];
		uint32_t source[LINKS], target[LINKS], order[NODES], place[NODES];
		double weight[LINKS], dense[NODES * NODES] = {0}, least[1 << 6], change[NODES];

		for (size_t i = 0; i < links; i++) {
			source[i] = (uint32_t)below(n);
			target[i] = (uint32_t)below(n);
			weight[i] = below(3) ? uniform() : 0;
			if (source[i] != target[i])
				dense[source[i] * n + target[i]] += weight[i];
		}
		for (size_t i = 0; i < n; i++)
			order[i] = (uint32_t)i;
		double best = plain_least(dense, order, 0, n), start = backward_in(order, dense, n);
		check(near(least_backward(least, dense, n), best), "best order: exact", trial);
		double found = improve_order(order, source, target, weight, place, change, work, n,
			links);
		check(near(found, backward_in(order, dense, n)), "best order: its weight", trial);
		check(found >= best - 1e-9 && found <= start + 1e-9, "best order: between", trial);
		check(!can_move(order, dense, n), "best order: no move gains", trial);
		for (size_t i = 0; i < n; i++)
			check(order[place[i]] == i, "best order: places", trial);
	}
}

/* Cosines of all pairs of members, by dense profiles. */
static double plain_role_gap(const double *dense, const int32_t *group, size_t n)
{
	double sum[2] = {0}, pairs[2] = {0};

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++) {
			double ab = 0, aa = 0, bb = 0;
			if (a == b || group[a] < 0 || group[b] < 0)
				continue;
			for (size_t k = 0; k < 2 * n; k++) {
				double x = k < n ? dense[a * n + k] : dense[(k - n) * n + a];
				double y = k < n ? dense[b * n + k] : dense[(k - n) * n + b];
				ab += x * y;
				aa += x * x;
				bb += y * y;
			}
			sum[group[a] == group[b]] += ab != 0 ? ab / sqrt(aa * bb) : 0;
			pairs[group[a] == group[b]]++;
		}
	return pairs[0] > 0 && pairs[1] > 0 ? sum[1] / pairs[1] - sum[0] / pairs[0] : NAN;
}

static void roles(void)
{
	for (size_t trial = 0; trial < TRIALS; trial++) {
		size_t n = 1 + below(NODES), links = 0, places[NODES + NODES * NODES + 1];
		uint32_t source[NODES * NODES], target[NODES * NODES], unit[NODES];
		double weight[NODES * NODES], dense[NODES * NODES] = {0}, work[2 * NODES];
		double inside = 0, all = 0;
		int32_t group[NODES];

		for (size_t i = 0; i < n; i++) {
			group[i] = (int32_t)below(4) - 1;
			unit[i] = group[i] < 0 ? (uint32_t)(4 + i) : (uint32_t)group[i];
		}
		for (uint32_t s = 0; s < n; s++)
			for (uint32_t t = 0; t < n; t++)
				if (s != t && below(4) == 0) {
					source[links] = s;
					target[links] = t;
					dense[s * n + t] = weight[links++] = normal();
					all += dense[s * n + t];
					inside += unit[s] == unit[t] ? dense[s * n + t] : 0;
				}
		double gap = role_gap(weight, source, target, group, 3, work, places, n, links);
		double wanted = plain_role_gap(dense, group, n);
		check(isnan(wanted) ? isnan(gap) : near(gap, wanted), "roles: the gap", trial);
		double hidden = hidden_mass(weight, source, target, unit, links);
		check(links ? near(hidden * all, inside) : isnan(hidden), "hidden mass", trial);
	}
}

int main(void)
{
	influences();
	round_and_round();
	scores_by_hand();
	dead_ends();
	effects();
	agreements();
	orders();
	best_orders();
	roles();
	return failures > 0;
}
