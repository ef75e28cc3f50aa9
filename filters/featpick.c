/* Keeps the features of a list, or those that a graph has nodes for, and drops the others. */
#include "die.h"
#include "frame.h"
#include "graph.h"
#include "opt.h"

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
		p->pick = need_more(p->pick, p->room, sizeof *p->pick);
	}
	p->pick[p->n++] = (struct pick){need_text("%s", layer), (uint32_t)feature};
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
	struct reader *in = reader_open(graph_file);
	struct frame header = {0};

	while (read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		for (size_t i = 0; i < g.nodes; i++)
			if (g.type[i] == FEATURE_NODE)
				add(p, g.layer[i], g.feature[i]);
		graph_free(&g);
	}
	frame_free(&header);
	reader_close(in);
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
	return r->part[i] = need_more(r->part[i], n, size);
}

static void check_indptr(struct reader *in, const uint32_t *indptr, size_t n, size_t nnz)
{
	if (indptr[0] != 0 || indptr[n] != nnz)
		bad(in, "indptr runs from %u to %u, not from 0 to %zu", indptr[0], indptr[n], nnz);
	for (size_t i = 0; i < n; i++)
		if (indptr[i] > indptr[i + 1])
			bad(in, "indptr row %zu descends", i);
}

/* Of a frame of activations: the entries of the other features go. */
static void pick_activations(struct reader *in, struct frame *f, const char *layer, const struct picks *p,
	struct room *r)
{
	size_t ends = ANY, nnz = ANY, kept = 0;
	const uint32_t *indptr = want(in, f, "indptr", U4, 1, &ends);
	const uint32_t *feature = want(in, f, "feature", U4, 1, &nnz);
	const float *value = want(in, f, "value", F4, 1, &nnz);
	if (ends == 0)
		bad(in, "indptr is empty");
	uint32_t *new_indptr = room_for(r, 0, ends, 4), *new_feature = room_for(r, 1, nnz, 4);
	float *new_value = room_for(r, 2, nnz, 4);

	check_indptr(in, indptr, ends - 1, nnz);
	new_indptr[0] = 0;
	for (size_t t = 0; t + 1 < ends; t++) {
		for (size_t i = indptr[t]; i < indptr[t + 1]; i++)
			if (picked(p, layer, feature[i])) {
				new_feature[kept] = feature[i];
				new_value[kept++] = value[i];
			}
		new_indptr[t + 1] = (uint32_t)kept;
	}
	set_tensor(f, "indptr", U4, new_indptr, 1, ends);
	set_tensor(f, "feature", U4, new_feature, 1, kept);
	set_tensor(f, "value", F4, new_value, 1, kept);
}

/* Of a batch of distributions: the other features go; the support table stays as it is. */
static void pick_distributions(struct reader *in, struct frame *f, const char *layer, const struct picks *p,
	struct room *r)
{
	size_t n = ANY, nnz = ANY, kept = 0, points = 0;
	const uint32_t *feature = want(in, f, "feature", U4, 1, &n);
	size_t ends = n + 1;
	const uint32_t *indptr = want(in, f, "indptr", U4, 1, &ends);
	const uint32_t *row = want(in, f, "row", U4, 1, &nnz), *count = want(in, f, "count", U4, 1, &n);
	const float *weight = want(in, f, "weight", F4, 1, &nnz);
	const double *mass = want(in, f, "mass", F8, 1, &n);
	uint32_t *new_feature = room_for(r, 0, n, 4), *new_indptr = room_for(r, 1, ends, 4);
	uint32_t *new_row = room_for(r, 2, nnz, 4), *new_count = room_for(r, 3, n, 4);
	float *new_weight = room_for(r, 4, nnz, 4);
	double *new_mass = room_for(r, 5, n, 8);

	check_indptr(in, indptr, n, nnz);
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
	set_tensor(f, "feature", U4, new_feature, 1, kept);
	set_tensor(f, "indptr", U4, new_indptr, 1, kept + 1);
	set_tensor(f, "row", U4, new_row, 1, points);
	set_tensor(f, "weight", F4, new_weight, 1, points);
	set_tensor(f, "mass", F8, new_mass, 1, kept);
	set_tensor(f, "count", U4, new_count, 1, kept);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "featpick --graph G | --list TSV [FILE]",
		"Keeps the features of a list, or those that a graph has nodes for, of activations or distributions.",
		1);
	if (!graph_file == !list_file)
		misuse("exactly one of --graph and --list is needed");
	struct reader *in = reader_open(operand[0]);
	struct writer *out = writer_open();
	struct frame header = {0}, frame = {0};
	struct picks picks = {0};
	struct room room = {0};

	if (graph_file)
		read_graph_features(&picks);
	else
		read_list(&picks);
	qsort(picks.pick, picks.n, sizeof *picks.pick, by_name);
	while (read_header(in, &header)) {
		bool activations = want_kind(in, &header, "distributions", "activations", NULL) == 1;
		const char *layer = get_string(&header, "layer", "");
		size_t listed = count_of(&picks, layer);
		if (listed == 0)
			note("%s: layer '%s' has no features in %s (act-dump --layer names it)",
				reader_name(in), layer, graph_file ? graph_file : list_file);
		set_integer(&header, "picked", (int64_t)listed);
		write_header(out, &header);
		while (read_frame(in, &frame)) {
			if (activations)
				pick_activations(in, &frame, layer, &picks, &room);
			else if (find_field(&frame, "feature"))
				pick_distributions(in, &frame, layer, &picks, &room);
			write_frame(out, &frame);
		}
		write_end(out);
	}
	writer_close(out);
	reader_close(in);
	for (size_t i = 0; i < picks.n; i++)
		free(picks.pick[i].layer);
	free(picks.pick);
	for (size_t i = 0; i < sizeof room.part / sizeof *room.part; i++)
		free(room.part[i]);
	frame_free(&frame);
	frame_free(&header);
	free(operand);
	return 0;
}
