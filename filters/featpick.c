/* Keeps the features that are named, in a list or in a graph, and drops the others. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/distances.h"
#include "file/feature_list.h"
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *graph_file, *list_file;

static const struct opt options[] = {
	{"graph", OPT_TEXT, &graph_file, "G",
		"keep the features that are nodes of the graph stream G", 0, 0},
	{"list", OPT_TEXT, &list_file, "TSV",
		"keep the features of a list: layer, tab, feature on each line", 0, 0},
	OPT_END
};

/* The features that a graph has nodes for. An index beyond 32 bits is in no stream, and neither is
 * the largest of 32 bits. */
static void add_graph(struct feature_list *l)
{
	struct sm_reader *in = sm_reader_open(graph_file);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		for (size_t i = 0; i < g.nodes; i++)
			if (g.type[i] == FEATURE_NODE)
				feature_list_add(l, g.layer[i], g.feature[i] < UINT32_MAX
					? (uint32_t)g.feature[i] : UINT32_MAX);
		graph_free(&g);
	}
	sm_frame_free(&header);
	sm_reader_close(in);
}

static struct feature_list read_picks(const char *words)
{
	struct feature_list l = {0};

	if (words)
		feature_list_add_words(&l, words);
	else if (list_file)
		feature_list_add_table(&l, list_file);
	else
		add_graph(&l);
	feature_list_sort(&l);
	return l;
}

/* Room for copies of a frame's arrays, reused from frame to frame. */
struct room {
	void *part[6];
};

static void *room_for(struct room *r, size_t i, size_t n, size_t size)
{
	return r->part[i] = xrealloc(r->part[i], n, size);
}

static void room_free(struct room *r)
{
	for (size_t i = 0; i < sizeof r->part / sizeof *r->part; i++)
		free(r->part[i]);
}

/* Of a frame of activations: the entries of the other features go. */
static void pick_activations(struct sm_reader *in, struct sm_frame *f, struct feature_list *picked,
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
			if (feature_list_find(picked, feature[i])) {
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
static void pick_distributions(struct sm_reader *in, struct sm_frame *f,
	struct feature_list *picked, struct room *r)
{
	size_t n = SM_ANY, nnz = SM_ANY, kept = 0, points = 0;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &n);
	const uint32_t *count = sm_want(in, f, "count", SM_U4, &n);
	const uint32_t *row = sm_want(in, f, "row", SM_U4, &nnz);
	const float *weight = sm_want(in, f, "weight", SM_F4, &nnz);
	const double *mass = sm_want(in, f, "mass", SM_F8, &n);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *new_feature = room_for(r, 0, n, 4), *new_indptr = room_for(r, 1, n + 1, 4);
	uint32_t *new_row = room_for(r, 2, nnz, 4), *new_count = room_for(r, 3, n, 4);
	float *new_weight = room_for(r, 4, nnz, 4);
	double *new_mass = room_for(r, 5, n, 8);

	new_indptr[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (!feature_list_find(picked, feature[i]))
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

/* Writes a stream but for its end mark; *any becomes true where it has frames. */
static void pick_stream(struct sm_reader *in, struct sm_frame *header,
	struct feature_list *all, bool named, bool *any, struct room *room, struct sm_writer *out)
{
	bool activations = sm_want_kind(in, header, "distributions", "activations") == 1;
	struct feature_list its = feature_list_layer(all, sm_get_string(header, "layer", ""));
	size_t picked = its.n;
	struct sm_frame frame = {0};

	if (activations && !named)
		picked = feature_list_find_below(&its, sm_want_size(in, header, "features"));
	sm_set_integer(header, "picked", (int64_t)picked);
	sm_write_header(out, header);
	while (sm_read_frame(in, &frame)) {
		*any = true;
		if (activations)
			pick_activations(in, &frame, &its, room);
		else if (sm_find_field(&frame, "feature"))
			pick_distributions(in, &frame, &its, room);
		sm_write_frame(out, &frame);
	}
	sm_frame_free(&frame);
}

struct streams {
	size_t n;
	struct sm_frame *header;
	bool any;			/* frames in any of them? */
};

/* The header of the next stream, which joins those before. */
static bool next_stream(struct sm_reader *in, struct streams *s)
{
	struct sm_frame header = {0};

	if (!sm_read_header(in, &header)) {
		sm_frame_free(&header);
		return false;
	}
	s->header = xrealloc(s->header, s->n + 1, sizeof *s->header);
	s->header[s->n++] = header;
	want_layer_apart(s->header, s->n, sm_reader_name(in));
	return true;
}

static void streams_free(struct streams *s)
{
	for (size_t k = 0; k < s->n; k++)
		sm_frame_free(&s->header[k]);
	free(s->header);
}

/* Of a list: what no stream has, and which stream has nothing. */
static void tell_absent(struct feature_list *picks, const struct streams *s, const char *input)
{
	const char *list = graph_file ? graph_file : list_file;
	char *where = xasprintf("%s (layer '%s'%s)", input,
		sm_get_string(&s->header[0], "layer", ""), s->n > 1 ? " ..." : "");

	feature_list_tell_absent(picks, list, where, s->any);
	free(where);
	for (size_t k = 0; k < s->n; k++) {
		const char *layer = sm_get_string(&s->header[k], "layer", "");
		if (feature_list_layer(picks, layer).n == 0)
			note("%s: layer '%s' has no features in %s (act-dump --layer names it)",
				input, layer, list);
	}
}

/* The operand that names features, NULL where --graph or --list does; *file becomes the next. */
static const char *named_features(char *const *operand, const char **file)
{
	bool named = !graph_file && !list_file;

	if (graph_file && list_file)
		misuse("--graph and --list cannot be given together");
	if (named && !operand[0])
		misuse("name the features as LAYER:FEATURE, or give --graph or --list");
	if (!named && operand[0] && operand[1])
		misuse("too many operands: %s", operand[1]);
	*file = operand[named];
	if (named && !*file && isatty(STDIN_FILENO))
		misuse("stdin is a terminal: name a FILE, or pipe into it");
	return named ? operand[0] : NULL;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"featpick LAYER:FEATURE[,LAYER:FEATURE]... | --graph G | --list TSV [FILE]",
		"Keeps some features of activations or distributions, and drops the others.", 2);
	const char *file, *words = named_features(operand, &file);
	struct feature_list picks = read_picks(words);

	struct sm_reader *in = sm_reader_open(file);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct streams all = {0};
	struct room room = {0};

	for (bool more = next_stream(in, &all); more; sm_write_end(out)) {
		pick_stream(in, &all.header[all.n - 1], &picks, words, &all.any, &room, out);
		/* What is wrong ends before the last end mark: who reads it fails as well. */
		more = next_stream(in, &all);
		if (!more && words)
			feature_list_check_found(&picks, sm_reader_name(in), false);
		else if (!more)
			tell_absent(&picks, &all, sm_reader_name(in));
	}
	sm_writer_close(out);
	sm_reader_close(in);
	streams_free(&all);
	room_free(&room);
	feature_list_free(&picks);
	free(operand);
	return 0;
}
