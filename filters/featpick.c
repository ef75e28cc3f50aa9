/* Keeps the features of a list, or those that a graph has nodes for, and drops the others. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/stream.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *graph_file, *list_file;

static const struct opt options[] = {
	{"graph", OPT_TEXT, &graph_file, "G", "the feature nodes of a graph stream", 0, 0},
	{"list", OPT_TEXT, &list_file, "TSV", "lines of a layer and a feature, separated by a tab", 0, 0},
	OPT_END
};

struct pick {
	char *layer;
	uint32_t feature;
};

struct picks {
	struct pick *pick;
	size_t n, room;
};

static int by_name(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;
	int order = strcmp(x->layer, y->layer);

	return order ? order : (x->feature > y->feature) - (x->feature < y->feature);
}

static void add(struct picks *p, const char *layer, uint64_t feature)
{
	if (feature > UINT32_MAX)
		return;				/* no stream holds such a feature */
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 256;
		p->pick = xrealloc(p->pick, p->room, sizeof *p->pick);
	}
	p->pick[p->n++] = (struct pick){xasprintf("%s", layer), (uint32_t)feature};
}

static void read_list(struct picks *p)
{
	FILE *f = fopen(list_file, "r");
	char line[4096], layer[4096];
	size_t number = 0;

	if (!f)
		die("%s: %s", list_file, strerror(errno));
	while (fgets(line, sizeof line, f)) {
		unsigned long long feature;
		int end = 0;
		number++;
		if (sscanf(line, "%4095[^\t\n]\t%llu%n", layer, &feature, &end) != 2
				|| (line[end] && !strchr("\t\r\n", line[end])))
			die("%s: line %zu: no layer and feature with a tab between them", list_file, number);
		add(p, layer, feature);
	}
	if (ferror(f))
		die("%s: %s", list_file, strerror(errno));
	fclose(f);
}

static void read_graph_features(struct picks *p)
{
	struct sm_reader *in = sm_reader_open(graph_file);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		for (size_t i = 0; i < g.nodes; i++)
			if (g.type[i] == FEATURE_NODE)
				add(p, g.layer[i], g.feature[i]);
		graph_free(&g);
	}
	sm_frame_free(&header);
	sm_reader_close(in);
}

static bool picked(const struct picks *p, const char *layer, uint32_t feature)
{
	struct pick key = {(char *)(uintptr_t)layer, feature};

	return bsearch(&key, p->pick, p->n, sizeof key, by_name) != NULL;
}

/* Different features of a layer in the list, which is sorted. */
static size_t count_of(const struct picks *p, const char *layer)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += strcmp(p->pick[i].layer, layer) == 0
			&& (i == 0 || by_name(&p->pick[i - 1], &p->pick[i]) != 0);
	return n;
}

/* Room for copies of a frame's arrays, reused from frame to frame. */
struct room {
	void *part[6];
};

static void *room_for(struct room *r, size_t i, size_t n, size_t size)
{
	return r->part[i] = xrealloc(r->part[i], n, size);
}

/* Of a frame of activations: the entries of the other features go. */
static void pick_activations(struct sm_reader *in, struct sm_frame *f, const char *layer, const struct picks *p,
	struct room *r)
{
	size_t n = SM_ANY, nnz = SM_ANY, kept = 0;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &nnz);
	const float *value = sm_want(in, f, "value", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *new_indptr = room_for(r, 0, n + 1, 4), *new_feature = room_for(r, 1, nnz, 4);
	float *new_value = room_for(r, 2, nnz, 4);

	new_indptr[0] = 0;
	for (size_t t = 0; t < n; t++) {
		for (size_t i = indptr[t]; i < indptr[t + 1]; i++)
			if (picked(p, layer, feature[i])) {
				new_feature[kept] = feature[i];
				new_value[kept++] = value[i];
			}
		new_indptr[t + 1] = (uint32_t)kept;
	}
	sm_set_tensor(f, "indptr", SM_U4, new_indptr, n + 1);
	sm_set_tensor(f, "feature", SM_U4, new_feature, kept);
	sm_set_tensor(f, "value", SM_F4, new_value, kept);
}

/* Of a batch of distributions: the other features go; the support table stays as it is. */
static void pick_distributions(struct sm_reader *in, struct sm_frame *f, const char *layer, const struct picks *p,
	struct room *r)
{
	size_t n = SM_ANY, nnz = SM_ANY, kept = 0, points = 0;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &n);
	const uint32_t *row = sm_want(in, f, "row", SM_U4, &nnz), *count = sm_want(in, f, "count", SM_U4, &n);
	const float *weight = sm_want(in, f, "weight", SM_F4, &nnz);
	const double *mass = sm_want(in, f, "mass", SM_F8, &n);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *new_feature = room_for(r, 0, n, 4), *new_indptr = room_for(r, 1, n + 1, 4);
	uint32_t *new_row = room_for(r, 2, nnz, 4), *new_count = room_for(r, 3, n, 4);
	float *new_weight = room_for(r, 4, nnz, 4);
	double *new_mass = room_for(r, 5, n, 8);

	new_indptr[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (!picked(p, layer, feature[i]))
			continue;
		size_t k = indptr[i + 1] - indptr[i];
		memcpy(new_row + points, row + indptr[i], k * sizeof *row);
		memcpy(new_weight + points, weight + indptr[i], k * sizeof *weight);
		new_feature[kept] = feature[i];
		new_count[kept] = count[i];
		new_mass[kept] = mass[i];
		points += k;
		new_indptr[++kept] = (uint32_t)points;
	}
	sm_set_tensor(f, "feature", SM_U4, new_feature, kept);
	sm_set_tensor(f, "indptr", SM_U4, new_indptr, kept + 1);
	sm_set_tensor(f, "row", SM_U4, new_row, points);
	sm_set_tensor(f, "weight", SM_F4, new_weight, points);
	sm_set_tensor(f, "mass", SM_F8, new_mass, kept);
	sm_set_tensor(f, "count", SM_U4, new_count, kept);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "featpick --graph G | --list TSV [FILE]",
		"Keeps the features of a list, or those that a graph has nodes for, of activations or distributions.",
		1);
	if (!graph_file == !list_file)
		misuse("exactly one of --graph and --list is needed");
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0}, frame = {0};
	struct picks picks = {0};
	struct room room = {0};

	if (graph_file)
		read_graph_features(&picks);
	else
		read_list(&picks);
	qsort(picks.pick, picks.n, sizeof *picks.pick, by_name);
	while (sm_read_header(in, &header)) {
		bool activations = sm_want_kind(in, &header, "distributions", "activations") == 1;
		const char *layer = sm_get_string(&header, "layer", "");
		size_t listed = count_of(&picks, layer);
		if (listed == 0)
			note("%s: layer '%s' has no features in %s (act-dump --layer names it)",
				sm_reader_name(in), layer, graph_file ? graph_file : list_file);
		sm_set_integer(&header, "picked", (int64_t)listed);
		sm_write_header(out, &header);
		while (sm_read_frame(in, &frame)) {
			if (activations)
				pick_activations(in, &frame, layer, &picks, &room);
			else if (sm_find_field(&frame, "feature"))
				pick_distributions(in, &frame, layer, &picks, &room);
			sm_write_frame(out, &frame);
		}
		sm_write_end(out);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	for (size_t i = 0; i < picks.n; i++)
		free(picks.pick[i].layer);
	free(picks.pick);
	for (size_t i = 0; i < sizeof room.part / sizeof *room.part; i++)
		free(room.part[i]);
	sm_frame_free(&frame);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
