/* What is matched with what, and why: pairs of features with their labels and contexts. */
#include "base/die.h"
#include "base/opt.h"
#include "base/standard.h"
#include "base/terminal.h"
#include "base/text.h"
#include "file/feature_list.h"
#include "file/labels.h"
#include "stream/context_view.h"
#include "stream/frame_json.h"
#include "stream/frame_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NARROW = 60 };			/* fewer columns hold one feature above the other */

static const char *label_file[2], *words;
static struct list context_files[2];

static const struct opt options[] = {
	{"contexts", OPT_LIST, &context_files[0], "FILE",
		"show what features fire on, as contexts says", 0, 0},
	{"contexts-b", OPT_LIST, &context_files[1], "FILE", "the same for the columns alone", 0, 0},
	OPT_LABELS(label_file),
	{"feature", OPT_TEXT, &words, "LAYER:FEATURE,...",
		"show these features and pairs of them alone", 0, 0},
	OPT_END
};

/* What is known of features. */
struct knowledge {
	struct labels *label[2];		/* of rows, of columns */
	struct context_streams contexts[2];	/* of all, where the second is empty */
	struct feature_list picks;
	struct view_style style;
	bool shown, asked, found;		/* anything; contexts of any feature, and there */
	bool pairs;				/* has the input any? */
};

static void open_knowledge(struct knowledge *k)
{
	labels_open_sides(k->label, label_file);
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < context_files[side].n; i++)
			read_contexts(context_files[side].item[i], &k->contexts[side]);
	if (words)
		feature_list_add_words(&k->picks, words);
	feature_list_sort(&k->picks);
	size_t columns = terminal_columns();
	k->style = (struct view_style){columns < VIEW_LEAST ? VIEW_LEAST : columns,
		terminal_colours()};
}

static void close_knowledge(struct knowledge *k)
{
	labels_close_sides(k->label);
	for (int side = 0; side < 2; side++)
		context_streams_free(&k->contexts[side]);
	feature_list_free(&k->picks);
}

static bool is_picked(struct knowledge *k, const char *layer, uint32_t feature)
{
	if (!words)
		return true;
	struct feature_list its = feature_list_layer(&k->picks, layer);
	return feature_list_find(&its, feature);
}

/* -- Features ------------------------------------------------------------------------------- */

/* A feature of the rows or the columns, whose model and SAE are given. */
static void view_feature(struct knowledge *k, struct view_lines *v, int side, const char *layer,
	uint32_t feature, const char *const origin[ORIGINS])
{
	const struct context_streams *all = &k->contexts[side && k->contexts[1].n > 0];
	size_t at, stream = context_streams_find(all, layer, origin[OF_MODEL], origin[OF_SAE],
		feature, &at);

	view_name(v, &k->style, layer, feature, labels_find(k->label[side], layer, feature));
	k->found |= stream != SIZE_MAX;
	k->asked |= all->n > 0;
	if (stream != SIZE_MAX)
		view_contexts(v, &k->style, &all->item[stream], at);
	else if (context_streams_find(all, layer, NULL, NULL, feature, &at) != SIZE_MAX)
		view_remark(v, &k->style, "contexts of another model or SAE alone");
	else if (all->n > 0)
		view_remark(v, &k->style, "no contexts");
}

static void begin_block(struct knowledge *k)
{
	if (k->shown)
		putchar('\n');
	k->shown = true;
}

/* All features of the contexts whose header was just read. */
static void show_contexts(struct knowledge *k, struct sm_reader *in, struct sm_frame *header)
{
	static const struct view_lines none;
	struct context_streams all = {0};

	read_context_stream(in, header, &all);
	const struct contexts *x = &all.item[0];
	for (size_t i = 0; i < x->features; i++) {
		struct view_lines v = {0};
		if (!is_picked(k, x->layer, x->feature[i]))
			continue;
		begin_block(k);
		view_name(&v, &k->style, x->layer, x->feature[i],
			labels_find(k->label[0], x->layer, x->feature[i]));
		view_contexts(&v, &k->style, x, i);
		view_print(&v, &none, 0);
		view_lines_free(&v);
	}
	context_streams_free(&all);
}

/* -- Pairs ---------------------------------------------------------------------------------- */

/* What the table says of a pair beside its features. */
static void print_numbers(const struct sm_frame *f, size_t n, size_t i)
{
	static const char *const left_out[] = {"row", "col", "row_feature", "col_feature", "iters",
		"residual", "lower", "upper"};
	const char *space = "";

	for (const struct sm_field *x = f->field; x < f->field + f->n; x++) {
		bool said = x->kind == SM_TENSOR && x->tensor.rank == 1 && x->tensor.shape[0] == n;
		for (size_t k = 0; k < sizeof left_out / sizeof *left_out; k++)
			said &= strcmp(x->name, left_out[k]) != 0;
		if (!said)
			continue;
		char *name = text_safe(x->name);
		printf("%s%s %.4g", space, name, sm_to_double(x->tensor.data, x->tensor.dtype, i));
		free(name);
		space = "   ";
	}
	putchar('\n');
}

static void show_pair(struct knowledge *k, const struct ids pair[2], size_t i)
{
	struct view_lines v[2] = {{0}, {0}}, none = {0};
	size_t all = k->style.columns, left = (all - 3) / 2;

	for (int side = 0; side < 2; side++) {
		if (all >= NARROW)
			k->style.columns = side ? all - left - 3 : left;
		view_feature(k, &v[side], side, pair[side].layer[i], pair[side].feature[i],
			pair[side].origin);
	}
	k->style.columns = all;
	if (all >= NARROW) {
		view_print(&v[0], &v[1], left + 1);
	} else {
		view_print(&v[0], &none, 0);
		view_print(&v[1], &none, 0);
	}
	view_lines_free(&v[0]);
	view_lines_free(&v[1]);
}

static void show_pairs(struct knowledge *k, struct sm_reader *in, const struct sm_frame *header,
	const struct sm_frame *f)
{
	struct ids pair[2] = {want_ids(in, f, "row_layer", "row_feature"),
		want_ids(in, f, "col_layer", "col_feature")};

	if (pair[0].n != pair[1].n)
		sm_bad(in, "%zu rows with %zu columns", pair[0].n, pair[1].n);
	for (int side = 0; side < 2; side++)
		get_origin(&pair[side], header, side);
	labels_want_apart(k->label, &pair[0], &pair[1]);
	k->pairs = true;
	for (size_t i = 0; i < pair[0].n; i++) {
		bool row = is_picked(k, pair[0].layer[i], pair[0].feature[i]);
		bool col = is_picked(k, pair[1].layer[i], pair[1].feature[i]);
		if (!row && !col)
			continue;
		begin_block(k);
		print_numbers(f, pair[0].n, i);
		show_pair(k, pair, i);
	}
}

/* Shows the stream whose header was just read; false when it has no pairs of features. */
static bool show_stream(struct knowledge *k, struct sm_reader *in, struct sm_frame *header)
{
	struct frame_views v = {0};
	bool any = false, empty = true;

	if (strcmp(sm_get_string(header, "kind", ""), "contexts") == 0) {
		show_contexts(k, in, header);
		return true;
	}
	frame_views_open(&v, header);
	while (frame_views_read(&v, in)) {
		bool found = false;
		empty = false;
		for (size_t i = 0; i < v.n && !found; i++) {
			found = sm_find_field(v.view[i], "row_feature")
				&& sm_find_field(v.view[i], "col_feature");
			if (found)
				show_pairs(k, in, header, v.view[i]);
		}
		any |= found;
	}
	frame_views_free(&v);
	return any || empty;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "show [OPTION]... [FILE]",
		"Shows pairs of features, or features, with what they fire on.", 1);
	struct knowledge k = {0};
	struct sm_frame header = {0};

	open_knowledge(&k);
	struct sm_reader *in = sm_reader_open(operand[0]);
	while (sm_read_header(in, &header))
		if (!show_stream(&k, in, &header))
			die("%s: a stream of kind %s, which pairs no features: distances, "
				"matchings and contexts can be shown", sm_reader_name(in),
				sm_get_string(&header, "kind", ""));
	if (words)
		feature_list_check_found(&k.picks, sm_reader_name(in), k.pairs);
	text_close();
	if (k.asked && !k.found)
		die("%s: no contexts of any of its features: layer, model and SAE have to be those "
			"that the contexts name (framecat --header)", sm_reader_name(in));
	labels_tell_sides(k.label, sm_reader_name(in), false);
	sm_reader_close(in);
	close_knowledge(&k);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
