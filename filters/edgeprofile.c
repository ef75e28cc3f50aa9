/* edgeprofile: distances between the features of a graph by what they depend on and bear on. */
#include "base/die.h"
#include "base/memory.h"
#include "kernel/total_effects.h"
#include "distance/vectors.h"
#include "graph/graph_influence.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static double position = .3, depth;
static struct stage_options asked;

static const struct opt options[] = {
	{"position", OPT_REAL, &position, "W", "weight of the distance in the prompt", 0, 1e6},
	{"layer", OPT_REAL, &depth, "W", "weight of the distance in layers", 0, 1e6},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* -- Total effects ----------------------------------------------------------------------------- */

enum { STRIP = 128 };		/* columns that stay in the cache while all links pass */

/* (nodes, nodes), to free(), by the weight of each link as a share, with its sign, of the absolute
 * weights into its target. */
static float *effects_of(const char *name, struct graph *g)
{
	size_t n = g->nodes;
	const size_t *order = graph_order(g);

	if (!order)
		die("%s: the links make a cycle through node %s", name, g->node_id[g->cycle]);
	float *total = xalloc(n * sizeof *total, n);
	double *weight = graph_absolute_weights(g);
	double *share = shares_of(weight, g->target, n, g->links);
	for (size_t i = 0; i < g->links; i++)
		share[i] = copysign(share[i], graph_weight(g, i));

	#pragma omp parallel for schedule(dynamic)
	for (size_t c = 0; c < n; c += STRIP)
		total_effects(total, c, n - c < STRIP ? n - c : STRIP, g->source, g->target, share,
			order, n, g->links);
	free(share);
	free(weight);
	return total;
}

/* -- Distances --------------------------------------------------------------------------------- */

/* The features of a graph; `place` is that of each in the prompt and among the layers. Nodes of one
 * feature of the dictionary, at several positions, have the same `first`, its first node here. */
struct features {
	struct ids ids;
	uint32_t *node;
	uint32_t *first;
	double (*place)[2];
	struct stage profiles;		/* the squared distances of their profiles */
};

/* The number in the layer's name. */
static double number_of(const char *name, const char *layer)
{
	size_t at = strcspn(layer, "0123456789");

	if (depth > 0 && !layer[at])
		die("%s: --layer: layer %s has no number", name, layer);
	return (double)strtoull(layer + at, NULL, 10);
}

struct key {
	const char *layer;
	uint64_t feature;
	uint32_t at;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = strcmp(x->layer, y->layer);

	return order ? order : x->feature != y->feature ? (x->feature > y->feature ? 1 : -1)
		: (x->at > y->at) - (x->at < y->at);
}

/* A node whose feature is not known is the only one of its own. */
static void find_first(struct features *f, const struct graph *g)
{
	struct key *key = xalloc(f->ids.n, sizeof *key);

	for (size_t n = 0; n < f->ids.n; n++)
		key[n] = (struct key){g->layer[f->node[n]], g->feature[f->node[n]], (uint32_t)n};
	qsort(key, f->ids.n, sizeof *key, compare_keys);
	for (size_t n = 0; n < f->ids.n; n++) {
		bool same = n > 0 && key[n].feature != NO_FEATURE
			&& key[n].feature == key[n - 1].feature
			&& strcmp(key[n].layer, key[n - 1].layer) == 0;
		f->first[key[n].at] = same ? f->first[key[n - 1].at] : key[n].at;
	}
	free(key);
}

static struct features features_of(const char *name, const struct graph *g)
{
	struct features f = {.node = xalloc(g->nodes, sizeof *f.node),
		.first = xalloc(g->nodes, sizeof *f.first),
		.place = xalloc(g->nodes, sizeof *f.place)};
	double layers = 1;

	ids_room(&f.ids, g->nodes, true);
	for (size_t i = 0; i < g->nodes; i++) {
		if (g->type[i] != FEATURE_NODE)
			continue;
		size_t n = f.ids.n++;
		f.node[n] = (uint32_t)i;
		f.ids.own.layer[n] = g->layer[i];
		f.ids.own.node[n] = g->node_id[i];
		f.ids.own.feature[n] = g->feature[i] < UINT32_MAX ? (uint32_t)g->feature[i]
			: UINT32_MAX;
		f.place[n][0] = g->ctx_idx[i];
		f.place[n][1] = number_of(name, g->layer[i]);
		layers = fmax(layers, f.place[n][1]);
	}
	for (size_t n = 0; n < f.ids.n; n++)
		f.place[n][1] /= layers;
	find_first(&f, g);
	return f;
}

static void features_free(struct features *f)
{
	ids_free(&f->ids);
	free(f->node);
	free(f->first);
	free(f->place);
}

/* D^2 = 1 - cos(profiles) + position log(1 + positions between them)
 *	+ layer (share of the layers between them); 0 between nodes of one feature */
static void distances_of_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct features *f = context;

	f->profiles.solve(f->profiles.context, thread, i, col, k, out);
	for (size_t n = 0; n < k; n++) {
		const double *a = f->place[i], *b = f->place[col[n]];
		out->dist[n] = f->first[i] == f->first[col[n]] ? 0
			: (float)sqrt((double)out->dist[n] + position * log1p(fabs(a[0] - b[0]))
				+ depth * fabs(a[1] - b[1]));
	}
}

static void write_distances(struct sm_writer *out, struct sm_frame *header, const char *name,
	struct graph *g)
{
	struct features f = features_of(name, g);
	memory_need((double)(2 * f.ids.n + g->nodes) * (double)g->nodes * sizeof(float),
		"graph-prune of the graph", "%s: links of %zu nodes", name, g->nodes);
	struct vectors profile = {f.ids.n, 2 * g->nodes + 1,
		xalloc(f.ids.n * sizeof(float), 2 * g->nodes + 1)};
	struct stage stage = {.row = f.ids, .col = f.ids, .symmetric = true, .asked = asked,
		.context = &f, .solve = distances_of_row};
	float *total = effects_of(name, g);

	#pragma omp parallel for
	for (size_t i = 0; i < f.ids.n; i++)
		effect_profile(profile.at + i * profile.d, total, f.node[i], g->nodes);
	free(total);
	vectors_open(&f.profiles, &profile, &profile, HALF_SQUARED);
	stage.rows_per_task = f.profiles.rows_per_task;
	stage_write(out, header, &stage);
	f.profiles.close(&f.profiles);
	free(profile.at);
	features_free(&f);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "edgeprofile [OPTION]... [GRAPH]",
		"Distances between the features of a graph by their links.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		sm_set_string(&header, "metric", "edge profile");
		sm_set_real(&header, "position", position);
		sm_set_real(&header, "layer", depth);
		write_distances(out, &header, sm_reader_name(in), &g);
		graph_free(&g);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
