#include "stream/frame_view.h"

#include "base/die.h"
#include "base/text_stream.h"
#include "stream/distances.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void make_view(struct frame_views *, const struct sm_reader *, struct sm_frame *made);

struct view_kind {
	const char *name, *key;		/* frames that have the key are the kind's own table */
	bool names;			/* a first frame without it is what they refer to, ... */
	bool in_view;			/* ... and all of it is in the table */
	make_view *make[MADE_VIEWS];
};

bool is_column(const struct sm_field *x)
{
	return x->kind == SM_STRINGS || (x->kind == SM_TENSOR && x->tensor.rank > 0);
}

size_t column_rows(const struct sm_field *x)
{
	return x->kind == SM_STRINGS ? x->strings.n : x->tensor.shape[0];
}

void spelled_add(struct spelled *s, const struct sm_reader *in, const char *text)
{
	if (!spelled_fits(s, text))
		sm_bad(in, "texts of more than %d bytes for each of %zu entries", SPELLED,
			s->entries);
}

/* Field x of n rows, under its name. */
static void keep_column(struct sm_frame *made, const struct sm_field *x, size_t n)
{
	if (x && x->kind == SM_STRINGS && x->strings.n == n)
		sm_set_strings(made, x->name, n, x->strings.item);
	else if (x && x->kind == SM_TENSOR && x->tensor.rank == 1 && x->tensor.shape[0] == n)
		sm_set_tensor(made, x->name, x->tensor.dtype, x->tensor.data, n);
}

/* The n texts that stand one after another; they become the views'. */
static const char **split(struct frame_views *v, char *texts, size_t n)
{
	const char **text = pool_alloc(&v->pool, n, sizeof *text);
	const char *at = pool_keep(&v->pool, texts);

	for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
		text[i] = at;
	return text;
}

/* -- Activations and distributions ----------------------------------------------------------- */

/* Number at[i] of an array, or i / k where there are no places. */
static const void *pick(struct frame_views *v, const struct sm_tensor *of, const uint32_t *at,
	size_t n, size_t k)
{
	size_t size = sm_dtype_size(of->dtype);
	char *all = pool_alloc(&v->pool, n, size);

	for (size_t i = 0; i < n; i++)
		memcpy(all + i * size, (const char *)of->data + (at ? at[i] : i / k) * size, size);
	return all;
}

/* The entries of a frame of activations, with the token of each. */
static void as_entries(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	static const char *const of_token[] = {"token", "vocab"};
	const struct sm_frame *f = &v->frame;
	size_t nnz = SM_ANY, n = SM_ANY;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *at = pool_alloc(&v->pool, nnz, sizeof *at);

	for (size_t t = 0; t < n; t++)
		for (size_t i = indptr[t]; i < indptr[t + 1]; i++)
			at[i] = (uint32_t)t;
	for (size_t k = 0; k < 2; k++) {
		const struct sm_field *x = sm_find_field(f, of_token[k]);
		if (x && x->kind == SM_TENSOR && x->tensor.rank == 1 && x->tensor.shape[0] == n)
			sm_set_tensor(made, x->name, x->tensor.dtype, pick(v, &x->tensor, at, nnz,
				1), nnz);
	}
	sm_set_tensor(made, "feature", SM_U4, feature, nnz);
	keep_column(made, sm_find_field(f, "value"), nnz);
}

/* What a frame says of each of its features. */
static void as_features(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	static const char *const said[] = {"feature", "count", "mass", "density", "mean", "max"};
	size_t n = SM_ANY;

	sm_want(in, &v->frame, "feature", SM_U4, &n);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		keep_column(made, sm_find_field(&v->frame, said[i]), n);
}

/* The text of a token; NULL: the stream has none. */
static const char *find_text(uint32_t id, const uint32_t *vocab, const char *const *text, size_t n)
{
	size_t low = 0;

	for (size_t high = n; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (vocab[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && vocab[low] == id ? text[low] : NULL;
}

/* The text of each context, one after another. */
static const char **spell_contexts(struct frame_views *v, const struct sm_reader *in, size_t c)
{
	const struct sm_frame *f = &v->frame;
	size_t n = SM_ANY, words = 0, size;
	const uint32_t *id = sm_want(in, f, "id", SM_U4, &n), *vocab = NULL;
	const uint32_t *begin = sm_want_indptr(in, f, "begin", &c, n);
	const char *const *text = NULL;
	char *spelled;
	FILE *to = text_stream(&spelled, &size);

	if (sm_find_field(&v->names, "vocab")) {
		words = SM_ANY;
		vocab = sm_want(in, &v->names, "vocab", SM_U4, &words);
		text = sm_want_strings(in, &v->names, "text", &words).item;
	}
	v->spelled.entries += n;
	for (size_t i = 0; i < c; i++) {
		for (size_t k = begin[i]; k < begin[i + 1]; k++) {
			const char *its = find_text(id[k], vocab, text, words);
			spelled_add(&v->spelled, in, its ? its : "");
			if (its)
				fputs(its, to);
			else
				fprintf(to, "<%u>", id[k]);
		}
		putc('\0', to);
	}
	text_stream_close(to);
	return split(v, spelled, c);
}

/* The contexts of a frame's features. */
static void as_contexts(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	static const char *const said[] = {"range", "token", "peak", "at"};
	const struct sm_frame *f = &v->frame;
	size_t n = SM_ANY, c = SM_ANY;
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &n);

	sm_want(in, f, "range", SM_U1, &c);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, c);
	uint32_t *its = pool_alloc(&v->pool, c, sizeof *its);
	for (size_t i = 0; i < n; i++)
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++)
			its[k] = feature[i];
	sm_set_tensor(made, "feature", SM_U4, its, c);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		keep_column(made, sm_find_field(f, said[i]), c);
	sm_set_strings(made, "context", c, spell_contexts(v, in, c));
}

/* -- Distances and couplings ------------------------------------------------------------------ */

/* The names of rows or columns, beside each pair that `at` says; at: (n) numbers of them. */
static void name_pairs(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made,
	int side, const uint32_t *at, size_t n)
{
	static const char *const name[2][3] = {{"row_layer", "row_node", "row_feature"},
		{"col_layer", "col_node", "col_feature"}};
	size_t all = SM_ANY;
	const uint32_t *feature = sm_want(in, &v->names, name[side][2], SM_U4, &all);
	uint32_t *of_pair = pool_alloc(&v->pool, n, sizeof *of_pair);

	for (size_t i = 0; i < n; i++) {
		if (at[i] >= all)
			sm_bad(in, "%s %u of %zu", side ? "column" : "row", at[i], all);
		of_pair[i] = feature[at[i]];
	}
	for (int k = 0; k < 2; k++) {
		if (k == 1 && !sm_find_field(&v->names, name[side][k]))
			continue;
		const char *const *text = sm_want_strings(in, &v->names, name[side][k], &all).item;
		const char **its = pool_alloc(&v->pool, n, sizeof *its);
		v->spelled.entries += n;
		for (size_t i = 0; i < n; i++) {
			its[i] = text[at[i]];
			spelled_add(&v->spelled, in, its[i]);
		}
		sm_set_strings(made, name[side][k], n, its);
		if (k == 0)
			sm_set_tensor(made, name[side][2], SM_U4, of_pair, n);
	}
}

/* Of n pairs, how often a random pair is as near; NULL where the stream has no random pairs. */
static float *as_random(struct frame_views *v, const struct sm_reader *in, const float *dist,
	size_t n)
{
	size_t pairs = SM_ANY;

	if (!sm_find_field(&v->names, "random"))
		return NULL;
	const float *random = sm_want(in, &v->names, "random", SM_F4, &pairs);
	float *share = pool_alloc(&v->pool, n, sizeof *share);
	for (size_t i = 0; i < n; i++)
		share[i] = pairs > 0 ? share_as_near(random, pairs, dist[i]) : NAN;
	return share;
}

/* A block of distances as a table of pairs, with what it says of a row beside each of the row's. */
static void as_distances(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	const struct sm_frame *f = &v->frame;
	size_t first = sm_want_size(in, f, "row0"), b = SM_ANY, k = SM_ANY, cols = SM_ANY;
	const struct sm_field *listed = sm_find_field(f, "col");

	const float *dist = sm_want(in, f, "dist", SM_F4, &b, &k);
	sm_want(in, &v->names, "col_feature", SM_U4, &cols);
	const uint32_t *col = listed ? sm_want(in, f, "col", SM_U4, &b, &k) : NULL;
	if (!listed && k != cols)
		sm_bad(in, "%zu distances a row, of %zu columns", k, cols);
	uint32_t *at[2];
	for (int side = 0; side < 2; side++)
		at[side] = pool_alloc(&v->pool, b * sizeof **at, k);
	for (size_t i = 0; i < b * k; i++) {
		size_t row = first + i / k;
		at[0][i] = row < UINT32_MAX ? (uint32_t)row : UINT32_MAX;
		at[1][i] = col ? col[i] : (uint32_t)(i % k);
	}
	for (int side = 0; side < 2; side++)
		name_pairs(v, in, made, side, at[side], b * k);
	for (const struct sm_field *x = f->field; x < f->field + f->n; x++) {
		const struct sm_tensor *t = &x->tensor;
		bool of_row = x->kind == SM_TENSOR && t->shape[0] == b;
		if (of_row && t->rank == 2 && t->shape[1] == k && x != listed)
			sm_set_tensor(made, x->name, t->dtype, t->data, b * k);
		if (of_row && t->rank == 1)
			sm_set_tensor(made, x->name, t->dtype, pick(v, t, NULL, b * k, k), b * k);
	}
	float *random = as_random(v, in, dist, b * k);
	if (random)
		sm_set_tensor(made, "random", SM_F4, random, b * k);
}

/* A block of a coupling as a table of pairs of tokens. */
static void as_pairs(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	static const char *const of[] = {"row_token", "col_token", "row_vocab", "col_vocab"};
	const struct sm_frame *f = &v->frame;
	size_t side[2] = {SM_ANY, SM_ANY}, n = SM_ANY, nnz = SM_ANY;
	size_t first = sm_want_size(in, f, "row0");
	const uint32_t *col = sm_want(in, f, "col", SM_U4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *row = pool_alloc(&v->pool, nnz, sizeof *row);

	for (int k = 0; k < 2; k++)
		sm_want(in, &v->names, of[k], SM_U4, &side[k]);
	for (size_t i = 0; i < n; i++) {
		if (first >= side[0] || i >= side[0] - first)
			sm_bad(in, "row %zu of %zu", first + i, side[0]);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (col[k] >= side[1])
				sm_bad(in, "column %u of %zu", col[k], side[1]);
			row[k] = (uint32_t)(first + i);
		}
	}
	for (int k = 0; k < 4; k++) {
		const struct sm_field *x = sm_find_field(&v->names, of[k]);
		if (k == 2)
			sm_set_tensor(made, "weight", SM_F4, sm_want(in, f, "weight", SM_F4, &nnz),
				nnz);
		if (x) {
			sm_want(in, &v->names, of[k], SM_U4, &side[k % 2]);
			sm_set_tensor(made, of[k], SM_U4, pick(v, &x->tensor, k % 2 ? col : row,
				nnz, 1), nnz);
		}
	}
}

/* -- Flows ------------------------------------------------------------------------------------ */

/* The features of each chain as layer:feature, one after another. */
static const char **spell(struct frame_views *v, const struct sm_reader *in, size_t *n)
{
	const struct sm_frame *f = &v->frame;
	size_t layers = SM_ANY, entries = SM_ANY, size;
	const char *const *name = sm_want_strings(in, &v->names, "layer", &layers).item;
	const uint32_t *layer = sm_want(in, f, "layer", SM_U4, &entries);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &entries);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", n, entries);
	char *spelled;
	FILE *text = text_stream(&spelled, &size);

	v->spelled.entries += entries;
	for (size_t i = 0; i < *n; i++) {
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (layer[k] >= layers)
				sm_bad(in, "layer %u of %zu", layer[k], layers);
			spelled_add(&v->spelled, in, name[layer[k]]);
			fprintf(text, "%s%s:%u", k > indptr[i] ? " " : "", name[layer[k]],
				feature[k]);
		}
		putc('\0', text);
	}
	text_stream_close(text);
	return split(v, spelled, *n);
}

/* The chains of a flow as a table of them: their features and what the frame says of each. */
static void as_chains(struct frame_views *v, const struct sm_reader *in, struct sm_frame *made)
{
	static const char *const said[] = {"length", "weakest", "weakest_layer", "dearest",
		"certified"};
	size_t n = SM_ANY;
	const char **chain = spell(v, in, &n);

	sm_set_strings(made, "chain", n, chain);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		keep_column(made, sm_find_field(&v->frame, said[i]), n);
}

/* -- Frames and streams ----------------------------------------------------------------------- */

static const struct view_kind kinds[] = {
	{"activations", "value", false, false, {as_entries}},
	{"distributions", "feature", false, false, {as_features}},
	{"distances", "dist", true, true, {as_distances}},
	{"coupling", "weight", true, true, {as_pairs}},
	{"flow", "indptr", true, false, {as_chains}},
	{"contexts", "feature", true, false, {as_features, as_contexts}},
};

void frame_views_open(struct frame_views *v, const struct sm_frame *header)
{
	const char *name = sm_get_string(header, "kind", "");

	v->kind = NULL;
	v->begun = false;
	v->names.n = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			v->kind = &kinds[i];
}

/* Makes the frame that was read the names that others refer to. */
static void keep_names(struct frame_views *v)
{
	struct sm_frame names = v->frame;

	v->frame = v->names;
	v->names = names;
}

bool frame_views_read(struct frame_views *v, struct sm_reader *in)
{
	v->n = 0;
	v->first = !v->kind;
	pool_clear(&v->pool);
	if (!sm_read_frame(in, &v->frame))
		return false;
	bool its = v->kind && sm_find_field(&v->frame, v->kind->key);
	bool names = v->kind && v->kind->names && !v->begun && !its;
	v->begun = true;
	if (names) {
		keep_names(v);
		if (v->kind->in_view)
			return frame_views_read(v, in);
	}
	for (size_t i = 0; its && i < MADE_VIEWS && v->kind->make[i]; i++) {
		v->first = true;
		v->made[i].n = 0;
		v->kind->make[i](v, in, &v->made[i]);
		v->view[v->n++] = &v->made[i];
	}
	v->view[v->n++] = names ? &v->names : &v->frame;
	return true;
}

void frame_views_free(struct frame_views *v)
{
	sm_frame_free(&v->names);
	sm_frame_free(&v->frame);
	for (size_t i = 0; i < MADE_VIEWS; i++)
		sm_frame_free(&v->made[i]);
	pool_free(&v->pool);
	*v = (struct frame_views){0};
}
