/* The layers of two models aligned: a transport of layers, whose costs are transports of features
 * (Yurochkin et al. 2019; Shah and Khosla 2025). */
#include "base/die.h"
#include "base/opt.h"
#include "base/simd.h"
#include "match/layer_costs.h"
#include "match/uniform_transport.h"
#include "stream/scores.h"

#include <stdlib.h>

static const struct opt options[] = {OPT_END};

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The cost of the plan that keeps the order of the n and m layers: P_lk is the length that the
 * intervals (l, l + 1) / n and (k, k + 1) / m have in common. */
static double cost_in_order(const struct layer_costs *c, size_t n, size_t m)
{
	double paid = 0;

	for (size_t l = 0; l < n; l++)
		for (size_t k = 0; k < m; k++) {
			size_t end = least_of((l + 1) * m, (k + 1) * n);
			size_t before = l * m + k * n - least_of(l * m, k * n);
			double lots = end > before ? (double)(end - before) : 0;
			paid += lots / (double)(n * m) * (double)c->pair[l][k].cost;
		}
	return paid;
}

/* The plan of the layers, (rows, columns), and what it costs. */
static double *align(struct uniform_transport *best, const struct layer_costs *c)
{
	size_t n = c->side[0].n, m = c->side[1].n;
	double *plan = xalloc(n * m, sizeof *plan);
	float *cost = xcalloc(n * padded(m), sizeof *cost);

	for (size_t l = 0; l < n; l++)
		for (size_t k = 0; k < m; k++)
			cost[l * padded(m) + k] = c->pair[l][k].cost;
	*best = uniform_transport(plan, cost, n, m);
	free(cost);
	return plan;
}

static void write_scores(struct sm_writer *out, const struct layer_costs *c,
	const struct uniform_transport *best)
{
	static const char *const column[] = {"value", NULL};
	struct scores s = {.column = column};
	struct sm_frame frame = {0};
	size_t n = c->side[0].n, m = c->side[1].n;
	double in_order = cost_in_order(c, n, m), random = 0;

	for (size_t l = 0; l < n; l++)
		for (size_t k = 0; k < m; k++)
			random += (double)c->pair[l][k].random / (double)(n * m);
	scores_add(&s, "transport", &best->cost);
	scores_add(&s, "in_order", &in_order);
	scores_add(&s, "random_layers", &best->mean);
	scores_add(&s, "random_features", &random);
	scores_set(&frame, &s);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	scores_free(&s);
}

static void write_plan(struct sm_writer *out, const struct layer_costs *c, const double *plan)
{
	size_t m = c->side[1].n, pairs = c->side[0].n * m;
	const char **layer[2];
	uint32_t *features[2];
	float *number[3];
	struct sm_frame frame = {0};

	for (int k = 0; k < 2; k++) {
		layer[k] = xalloc(pairs, sizeof *layer[k]);
		features[k] = xalloc(pairs, sizeof *features[k]);
	}
	for (int k = 0; k < 3; k++)
		number[k] = xalloc(pairs, sizeof *number[k]);
	for (size_t p = 0; p < pairs; p++) {
		const struct layer_pair *pair = &c->pair[p / m][p % m];
		for (int k = 0; k < 2; k++) {
			const struct aligned_layer *of = &c->side[k].layer[k ? p % m : p / m];
			layer[k][p] = of->name;
			features[k][p] = (uint32_t)of->features;
		}
		number[0][p] = pair->cost;
		number[1][p] = pair->random;
		number[2][p] = (float)plan[p];
	}
	sm_set_strings(&frame, "row_layer", pairs, layer[0]);
	sm_set_strings(&frame, "col_layer", pairs, layer[1]);
	sm_set_tensor(&frame, "rows", SM_U4, features[0], pairs);
	sm_set_tensor(&frame, "cols", SM_U4, features[1], pairs);
	sm_set_tensor(&frame, "cost", SM_F4, number[0], pairs);
	sm_set_tensor(&frame, "random", SM_F4, number[1], pairs);
	sm_set_tensor(&frame, "share", SM_F4, number[2], pairs);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	for (int k = 0; k < 2; k++) {
		free(layer[k]);
		free(features[k]);
	}
	for (int k = 0; k < 3; k++)
		free(number[k]);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "layeralign [DISTANCES]...",
		"Aligns the layers of two models by the distances of their features.", 1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct layer_costs *costs = layer_costs_read(operand);
	struct sm_frame header = {0};

	layer_costs_header(&header, costs);
	sm_set_string(&header, "kind", "scores");
	sm_write_header(out, &header);
	if (costs->side[0].n > 0) {
		struct uniform_transport best;
		double *plan = align(&best, costs);
		write_scores(out, costs, &best);
		write_plan(out, costs, plan);
		free(plan);
	}
	sm_write_end(out);
	sm_writer_close(out);
	sm_frame_free(&header);
	layer_costs_free(costs);
	free(operand);
	return 0;
}
