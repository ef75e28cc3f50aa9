#include "match/page_view.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS, PAIRS, CHAINS, MERGES };	/* frames of a flow */

/* -- Reading ----------------------------------------------------------------------------------- */

static struct scale want_scale(const struct sm_reader *in, const struct sm_frame *f,
	const char *name)
{
	struct scale s = {.n = SM_ANY};

	if (!sm_find_field(f, name))
		return (struct scale){0};
	s.at = sm_want(in, f, name, SM_F4, &s.n);
	for (size_t i = 0; i < s.n; i++)
		if (isnan(s.at[i]) || (i > 0 && s.at[i] < s.at[i - 1]))
			sm_bad(in, "%s does not ascend", name);
	return s;
}

static void take_matching(struct sm_reader *in, struct page_view *v, struct page_features *p)
{
	struct matching *m = &v->match;

	read_matching(in, &v->header, m);
	v->second = want_scale(in, &m->rest, "second");
	v->random = want_scale(in, &m->rest, "random");
	get_origin(&m->free_row, &v->header, 0);
	get_origin(&m->free_col, &v->header, 1);
	page_add(p, &m->row, 0);
	page_add(p, &m->free_row, 0);
	page_add(p, &m->col, 1);
	page_add(p, &m->free_col, 1);
}

static void take_layers(struct sm_reader *in, struct page_view *v, struct page_features *p)
{
	static const char *const count[] = {"features", "births", "deaths", "through"};
	const struct sm_frame *f = &v->frame[LAYERS];
	size_t l = SM_ANY;
	struct sm_strings layer = sm_want_strings(in, f, "layer", &l), model = {0};

	if (sm_find_field(f, "model"))
		model = sm_want_strings(in, f, "model", &l);
	for (size_t k = 0; k < 4; k++)
		sm_want(in, f, count[k], SM_U4, &l);
	v->dictionary = xalloc(l, sizeof *v->dictionary);
	for (size_t k = 0; k < l; k++) {
		const char *origin[ORIGINS] = {[OF_MODEL] = model.n ? model.item[k] : NULL};
		v->dictionary[k] = page_dictionary(p, layer.item[k], origin, 0, true);
	}
}

static void take_chains(struct sm_reader *in, struct page_view *v, struct page_features *p)
{
	const struct sm_frame *f = &v->frame[CHAINS];
	size_t n = SM_ANY, c = SM_ANY;
	size_t layers = sm_find_field(&v->frame[LAYERS], "layer")->strings.n;
	const uint32_t *layer = sm_want(in, f, "layer", SM_U4, &n);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &n);

	sm_want_indptr(in, f, "indptr", &c, n);
	sm_want(in, f, "cost", SM_F4, &n);
	sm_want(in, f, "margin", SM_F4, &n);
	if (sm_find_field(f, "chance"))
		sm_want(in, f, "chance", SM_F4, &n);
	if (sm_find_field(f, "certified"))
		sm_want(in, f, "certified", SM_U1, &c);
	for (size_t i = 0; i < n; i++) {
		if (layer[i] >= layers)
			sm_bad(in, "layer %u of %zu", layer[i], layers);
		page_add_one(p, v->dictionary[layer[i]], feature[i]);
	}
}

static void check_pairs(struct sm_reader *in, const struct page_view *v)
{
	static const char *const count[] = {"composed", "direct", "both", "agree", "merges",
		"splits"};
	const struct sm_frame *f = &v->frame[PAIRS];
	size_t n = SM_ANY;

	sm_want_strings(in, f, "row_layer", &n);
	sm_want_strings(in, f, "col_layer", &n);
	for (size_t k = 0; k < 6; k++)
		sm_want(in, f, count[k], SM_U4, &n);
}

/* The pairs of the frame of merges, as a matching's. */
static struct matching merged(const struct sm_reader *in, const struct sm_frame *f)
{
	struct matching m = {.row = want_ids(in, f, "row_layer", "row_feature"),
		.col = want_ids(in, f, "col_layer", "col_feature")};
	size_t n = m.row.n;

	if (m.col.n != n)
		sm_bad(in, "%zu rows are merged with %zu columns", n, m.col.n);
	m.cost = sm_want(in, f, "cost", SM_F4, &n);
	return m;
}

static void take_flow(struct sm_reader *in, struct page_view *v, struct page_features *p)
{
	struct sm_frame more = {0};

	v->flow = true;
	while (v->frames < FLOW_FRAMES && sm_read_frame(in, &v->frame[v->frames])) {
		switch (v->frames++) {
		case LAYERS:
			take_layers(in, v, p);
			break;
		case PAIRS:
			check_pairs(in, v);
			break;
		case CHAINS:
			take_chains(in, v, p);
			break;
		default:
			v->match = merged(in, &v->frame[MERGES]);
			page_add(p, &v->match.row, 0);
			page_add(p, &v->match.col, 0);
		}
	}
	if (v->frames == FLOW_FRAMES && sm_read_frame(in, &more))
		sm_bad(in, "a fifth frame, where a flow has four");
	sm_frame_free(&more);
}

void page_views_read(struct page_views *views, char *const *operand, struct page_features *p)
{
	for (size_t i = 0; i == 0 || operand[i]; i++) {
		struct sm_reader *in = sm_reader_open(operand[i]);
		struct page_view v = {0};
		for (; sm_read_header(in, &v.header); v = (struct page_view){0}) {
			if (sm_want_kind(in, &v.header, "matching", "flow") == 0)
				take_matching(in, &v, p);
			else
				take_flow(in, &v, p);
			views->item = xrealloc(views->item, views->n + 1, sizeof *views->item);
			views->item[views->n++] = v;
		}
		sm_frame_free(&v.header);
		sm_reader_close(in);
	}
}

/* -- Writing ----------------------------------------------------------------------------------- */

static void write_value(struct html *h, const struct sm_value *v)
{
	switch (v->kind) {
	case SM_IS_TEXT:
		html_bytes(h, NULL, v->bytes, v->n);
		break;
	case SM_IS_LIST:
		html_open(h, NULL, '[');
		for (size_t i = 0; i < v->n; i++)
			write_value(h, &v->item[i]);
		html_close(h, ']');
		break;
	default:
		html_text(h, NULL, NULL);
	}
}

/* What a header says: its texts and numbers, and the history. */
static void write_header(struct html *h, const struct sm_frame *header)
{
	const struct sm_field *history = sm_find_field(header, "history");

	html_open(h, "header", '{');
	for (const struct sm_field *f = header->field; f < header->field + header->n; f++)
		if (f->kind == SM_STRING)
			html_text(h, f->name, f->string);
		else if (f->kind == SM_INTEGER)
			html_integer(h, f->name, f->integer);
		else if (f->kind == SM_REAL)
			html_real(h, f->name, f->real);
	html_close(h, '}');
	html_open(h, "history", '[');
	if (history && history->kind == SM_OTHER && history->value.kind == SM_IS_LIST)
		for (size_t i = 0; i < history->value.n; i++)
			write_value(h, &history->value.item[i]);
	html_close(h, ']');
}

static void write_numbers(struct html *h, const char *key, struct page_features *p,
	const struct ids *ids, int side)
{
	uint32_t *number = page_numbers(p, ids, side);

	html_naturals(h, key, number, ids->n);
	free(number);
}

static void write_matching_view(struct html *h, const struct page_view *v, struct page_features *p)
{
	const struct matching *m = &v->match;
	size_t n = m->row.n;

	write_numbers(h, "row", p, &m->row, 0);
	write_numbers(h, "col", p, &m->col, 1);
	write_numbers(h, "free_row", p, &m->free_row, 0);
	write_numbers(h, "free_col", p, &m->free_col, 1);
	html_floats(h, "cost", m->cost, n);
	html_floats(h, "margin", m->margin, n);
	if (m->error)
		html_floats(h, "error", m->error, n);
	if (m->certified)
		html_octets(h, "certified", m->certified, n);
	if (m->chance)
		html_floats(h, "chance", m->chance, n);
	html_floats(h, "second", v->second.at, v->second.n);
	html_floats(h, "random", v->random.at, v->random.n);
}

/* The tensor of a frame, where it is there, as a column. */
static void write_column(struct html *h, const struct sm_frame *f, const char *name)
{
	const struct sm_field *field = sm_find_field(f, name);

	if (!field)
		return;
	size_t n = field->tensor.shape[0];
	if (field->tensor.dtype == SM_F4)
		html_floats(h, name, field->tensor.data, n);
	else if (field->tensor.dtype == SM_U4)
		html_naturals(h, name, field->tensor.data, n);
	else
		html_octets(h, name, field->tensor.data, n);
}

static void write_columns(struct html *h, const struct sm_frame *f, const char *const *name)
{
	for (; *name; name++)
		write_column(h, f, *name);
}

static void write_chains(struct html *h, const struct page_view *v, const struct page_features *p)
{
	static const char *const columns[] = {"indptr", "cost", "margin", "chance", "certified",
		NULL};
	const struct sm_frame *f = &v->frame[CHAINS];
	const struct sm_tensor *layer = &sm_find_field(f, "layer")->tensor;
	const uint32_t *of = layer->data, *feature = sm_find_field(f, "feature")->tensor.data;
	uint32_t *number = xalloc(layer->shape[0], sizeof *number);

	for (size_t i = 0; i < layer->shape[0]; i++)
		number[i] = page_feature(p, v->dictionary[of[i]], feature[i]);
	html_open(h, "chains", '{');
	html_naturals(h, "feature", number, layer->shape[0]);
	html_naturals(h, "layer", of, layer->shape[0]);
	write_columns(h, f, columns);
	html_close(h, '}');
	free(number);
}

static void write_flow_view(struct html *h, const struct page_view *v, struct page_features *p)
{
	static const char *const counts[] = {"features", "births", "deaths", "through", NULL};
	static const char *const pairs[] = {"composed", "direct", "both", "agree", "merges",
		"splits", NULL};
	const struct sm_frame *f = v->frame;

	html_open(h, "dictionaries", '[');
	for (size_t k = 0; v->frames > LAYERS && k < sm_find_field(f, "layer")->strings.n; k++)
		html_integer(h, NULL, (int64_t)v->dictionary[k]);
	html_close(h, ']');
	if (v->frames > LAYERS)
		write_columns(h, &f[LAYERS], counts);
	if (v->frames > PAIRS) {
		const struct sm_strings *row = &sm_find_field(&f[PAIRS], "row_layer")->strings;
		const struct sm_strings *col = &sm_find_field(&f[PAIRS], "col_layer")->strings;
		html_open(h, "pairs", '{');
		html_texts(h, "row_layer", row->item, row->n);
		html_texts(h, "col_layer", col->item, col->n);
		write_columns(h, &f[PAIRS], pairs);
		html_close(h, '}');
	}
	if (v->frames > CHAINS)
		write_chains(h, v, p);
	if (v->frames > MERGES) {
		html_open(h, "merges", '{');
		write_numbers(h, "row", p, &v->match.row, 0);
		write_numbers(h, "col", p, &v->match.col, 0);
		html_floats(h, "cost", v->match.cost, v->match.row.n);
		html_close(h, '}');
	}
}

void page_views_write(struct html *h, const char *key, const struct page_views *views,
	struct page_features *p)
{
	html_open(h, key, '[');
	for (size_t i = 0; i < views->n; i++) {
		const struct page_view *v = &views->item[i];
		html_open(h, NULL, '{');
		html_text(h, "kind", v->flow ? "flow" : "matching");
		write_header(h, &v->header);
		if (v->flow)
			write_flow_view(h, v, p);
		else
			write_matching_view(h, v, p);
		html_close(h, '}');
	}
	html_close(h, ']');
}

void page_views_free(struct page_views *views)
{
	for (size_t i = 0; i < views->n; i++) {
		struct page_view *v = &views->item[i];
		sm_frame_free(&v->header);
		matching_free(&v->match);
		for (size_t k = 0; k < FLOW_FRAMES; k++)
			sm_frame_free(&v->frame[k]);
		free(v->dictionary);
	}
	free(views->item);
	*views = (struct page_views){0};
}
