#include "stream/activations.h"

#include "base/die.h"
#include "base/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A header may claim so many, or so many for each activation: all of them are rows of results. */
enum { FEATURES_MOST = 1 << 24, FEATURES_FREE = 1 << 20, FEATURES_EACH = 64 };

/* One of the tokens that all streams are over, or another of the first stream's. */
static void take_token(struct sm_reader *in, struct activations *s, struct activation_streams *all,
	uint32_t token, const uint32_t *vocab)
{
	struct token_list *list = &all->tokens;
	size_t t = s->tokens++;

	if (t == UINT32_MAX)
		sm_bad(in, "more than %u tokens", UINT32_MAX);
	if (t + 2 > s->token_room) {
		s->token_room = s->token_room ? 2 * s->token_room : 1024;
		s->by_token.indptr = xrealloc(s->by_token.indptr, s->token_room,
			sizeof *s->by_token.indptr);
		if (!list->name)
			list->token = all->own = xrealloc(all->own, s->token_room,
				sizeof *all->own);
	}
	if (t > 0 && token <= list->token[t - 1])
		sm_bad(in, "token %u after token %u: tokens have to ascend", token,
			list->token[t - 1]);
	if (!list->name) {
		all->own[t] = token;
		return;
	}
	if (t >= list->n)
		sm_bad(in, "token %u, beyond the last of %s: the tokens have to be the same", token,
			list->name);
	if (token != list->token[t])
		sm_bad(in, "token %u, where %s has %u: the tokens have to be the same", token,
			list->name, list->token[t]);
	if (vocab && list->vocab && *vocab != list->vocab[t])
		sm_bad(in, "token %u is %u of the vocabulary, %s has %u: the texts differ", token,
			*vocab, list->name, list->vocab[t]);
}

void want_no_negative(const struct sm_reader *in, size_t negative)
{
	if (negative > 0)
		die("%s: %zu activations are negative: act-dump --signed splits each such feature "
			"in two, takes |a|, or leaves them out", sm_reader_name(in), negative);
}

static void take_frame(struct sm_reader *in, const struct sm_frame *f, struct activations *s,
	struct activation_streams *all)
{
	size_t n = SM_ANY, nnz = SM_ANY, at = s->by_token.indptr[s->tokens];
	const uint32_t *token = sm_want(in, f, "token", SM_U4, &n);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &nnz);
	const float *value = sm_want(in, f, "value", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	const uint32_t *vocab = all->tokens.vocab && sm_find_field(f, "vocab")
		? sm_want(in, f, "vocab", SM_U4, &n) : NULL;

	if (at + nnz > s->entry_room) {
		s->entry_room = 2 * (at + nnz);
		s->by_token.index = xrealloc(s->by_token.index, s->entry_room,
			sizeof *s->by_token.index);
		s->by_token.value = xrealloc(s->by_token.value, s->entry_room,
			sizeof *s->by_token.value);
	}
	for (size_t i = 0; i < n; i++) {
		take_token(in, s, all, token[i], vocab ? vocab + i : NULL);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (feature[k] >= s->features)
				sm_bad(in, "feature %u of %zu", feature[k], s->features);
			if (!isfinite(value[k]))
				sm_bad(in, "the activation of feature %u on token %u is not finite",
					feature[k], token[i]);
			s->negative += value[k] < 0;
			if (!(value[k] > 0))
				continue;
			if (s->seen[feature[k]] == s->tokens)
				sm_bad(in, "feature %u stands twice on token %u", feature[k],
					token[i]);
			s->seen[feature[k]] = (uint32_t)s->tokens;
			s->by_token.index[at] = feature[k];
			s->by_token.value[at++] = value[k];
		}
		s->by_token.indptr[s->tokens] = at;
	}
	if (n > 0)
		progress_to((size_t)token[n - 1] + 1);
}

static void remove_means(struct activations *s)
{
	size_t *count = xalloc(s->features, sizeof *count);
	double *sum = xalloc(s->features, sizeof *sum);
	double *square = xalloc(s->features, sizeof *square);

	s->mean_removed = xalloc(s->features, sizeof *s->mean_removed);
	sparse_column_moments(count, sum, square, &s->by_token, s->tokens, s->features, NULL);
	for (size_t i = 0; i < s->features; i++)
		s->mean_removed[i] = count[i] == s->tokens && s->tokens > 0
			? (float)(sum[i] / (double)s->tokens) : 0;
	sparse_subtract_columns(&s->by_token, s->mean_removed, s->tokens);
	free(count);
	free(sum);
	free(square);
}

/* The last of the streams. */
static void take_stream(struct sm_reader *in, struct activation_streams *all)
{
	const struct sm_frame *header = &all->header[all->n - 1];
	struct activations *s = &all->item[all->n - 1];
	struct sm_frame frame = {0};

	sm_want_kind(in, header, "activations");
	*s = (struct activations){.name = sm_reader_name(in),
		.features = sm_want_size(in, header, "features")};
	if (s->features > FEATURES_MOST)
		sm_bad(in, "%zu features: the limit is %d", s->features, FEATURES_MOST);
	want_layer(in, header);
	s->seen = xcalloc(s->features, sizeof *s->seen);
	s->by_token.indptr = xcalloc(1, sizeof *s->by_token.indptr);
	progress_begin(sm_get_size(header, "tokens"), "tokens read");
	while (sm_read_frame(in, &frame))
		take_frame(in, &frame, s, all);
	progress_end();
	want_no_negative(in, s->negative);
	if (!all->tokens.name)
		all->tokens = (struct token_list){s->name, s->tokens, all->own, NULL};
	if (s->tokens != all->tokens.n)
		sm_bad(in, "%zu tokens, where %s has %zu: the tokens have to be the same",
			s->tokens, all->tokens.name, all->tokens.n);
	free(s->seen);
	s->seen = NULL;
	sm_frame_free(&frame);
	s->entries = s->by_token.indptr[s->tokens];
	if (s->features > FEATURES_FREE && s->features / FEATURES_EACH > s->entries)
		sm_bad(in, "%zu features by the header, and %zu activations of them", s->features,
			s->entries);
	remove_means(s);
}

void read_activations(const char *path, struct activation_streams *all)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0};

	for (; sm_read_header(in, &header); header = (struct sm_frame){0}) {
		all->item = xrealloc(all->item, all->n + 1, sizeof *all->item);
		all->header = xrealloc(all->header, all->n + 1, sizeof *all->header);
		all->header[all->n++] = header;
		take_stream(in, all);
	}
	sm_frame_free(&header);
	sm_reader_close(in);
}

/* A second stream of a layer's name would have each of its features once more. */
static void want_new_layer(const struct activation_streams *all, size_t from, size_t stream)
{
	const char *layer = sm_get_string(&all->header[stream], "layer", "");

	for (size_t k = from; k < stream; k++)
		if (strcmp(layer, sm_get_string(&all->header[k], "layer", "")) == 0)
			die("%s: a second stream of layer '%s': act-dump --layer gives names that "
				"differ", all->item[stream].name, layer);
}

struct dictionary dictionary_of(const struct activation_streams *all, size_t from, size_t to)
{
	struct dictionary d = {.stream = all->item + from, .streams = to - from,
		.tokens = &all->tokens};
	size_t n = 0;

	for (size_t k = from; k < to; k++)
		n += all->item[k].features;
	d.ids.n = n;
	if (to > from)
		origin_of_streams(&d.ids, all->header + from, to - from, all->item[from].name);
	for (size_t k = from; k < to; k++)
		want_new_layer(all, from, k);
	ids_room(&d.ids, n, false);
	d.of = xalloc(n, sizeof *d.of);
	n = 0;
	for (size_t k = from; k < to; k++)
		for (size_t i = 0; i < all->item[k].features; i++, n++) {
			d.ids.own.layer[n] = sm_get_string(&all->header[k], "layer", "");
			d.ids.own.feature[n] = (uint32_t)i;
			d.of[n] = &all->item[k];
		}
	return d;
}

size_t dictionary_find(const struct dictionary *d, const char *layer, uint32_t feature)
{
	size_t first = 0;

	for (size_t k = 0; k < d->streams; first += d->stream[k++].features)
		if (feature < d->stream[k].features && strcmp(d->ids.layer[first], layer) == 0)
			return first + feature;
	return SIZE_MAX;
}

void dictionary_free(struct dictionary *d)
{
	ids_free(&d->ids);
	free(d->of);
}

static void sparse_free(struct sparse *x)
{
	free(x->indptr);
	free(x->index);
	free(x->value);
	*x = (struct sparse){0};
}

void activations_transpose(struct activations *s, bool keep)
{
	s->by_feature = (struct sparse){xalloc(s->features + 1, sizeof(size_t)),
		xalloc(s->entries, sizeof(uint32_t)), xalloc(s->entries, sizeof(float))};
	sparse_transpose(&s->by_feature, &s->by_token, s->tokens, s->features);
	if (!keep)
		sparse_free(&s->by_token);
}

void activation_streams_free(struct activation_streams *all)
{
	for (size_t k = 0; k < all->n; k++) {
		struct activations *s = &all->item[k];
		sparse_free(&s->by_token);
		sparse_free(&s->by_feature);
		free(s->mean_removed);
		sm_frame_free(&all->header[k]);
	}
	free(all->item);
	free(all->header);
	free(all->own);
}
