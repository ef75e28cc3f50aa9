#include "stream/contexts.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OF_FEATURES, OF_CONTEXTS, OF_TOKENS };

/* -- Room ------------------------------------------------------------------------------------- */

static bool grown(size_t *room, size_t n)
{
	if (n <= *room)
		return false;
	*room = n < *room * 2 ? *room * 2 : n;
	return true;
}

/* For n more features, contexts or tokens. */
static void room_for_features(struct contexts *x, size_t n)
{
	size_t *room = &x->room[OF_FEATURES];

	if (!grown(room, x->features + n) && x->indptr)
		return;
	x->feature = xrealloc(x->feature, *room, sizeof *x->feature);
	x->count = xrealloc(x->count, *room, sizeof *x->count);
	x->density = xrealloc(x->density, *room, sizeof *x->density);
	x->mean = xrealloc(x->mean, *room, sizeof *x->mean);
	x->max = xrealloc(x->max, *room, sizeof *x->max);
	x->indptr = xrealloc(x->indptr, *room + 1, sizeof *x->indptr);
	x->indptr[x->features] = (uint32_t)x->contexts;
}

static void room_for_contexts(struct contexts *x, size_t n)
{
	size_t *room = &x->room[OF_CONTEXTS];

	if (!grown(room, x->contexts + n) && x->begin)
		return;
	x->range = xrealloc(x->range, *room, sizeof *x->range);
	x->token = xrealloc(x->token, *room, sizeof *x->token);
	x->at = xrealloc(x->at, *room, sizeof *x->at);
	x->peak = xrealloc(x->peak, *room, sizeof *x->peak);
	x->begin = xrealloc(x->begin, *room + 1, sizeof *x->begin);
	x->begin[x->contexts] = (uint32_t)x->tokens;
}

static void room_for_tokens(struct contexts *x, size_t n)
{
	size_t *room = &x->room[OF_TOKENS];

	if (!grown(room, x->tokens + n) && x->id)
		return;
	x->id = xrealloc(x->id, *room, sizeof *x->id);
	x->value = xrealloc(x->value, *room, sizeof *x->value);
}

void contexts_free(struct contexts *x)
{
	free(x->feature);
	free(x->count);
	free(x->density);
	free(x->mean);
	free(x->max);
	free(x->indptr);
	free(x->range);
	free(x->token);
	free(x->at);
	free(x->peak);
	free(x->begin);
	free(x->id);
	free(x->value);
	sm_frame_free(&x->vocabulary);
	sm_frame_free(&x->header);
	*x = (struct contexts){0};
}

/* -- Writing ---------------------------------------------------------------------------------- */

void contexts_add_feature(struct contexts *x, uint32_t feature, uint32_t count, float density,
	float mean, float max)
{
	size_t i = x->features;

	room_for_features(x, 1);
	x->feature[i] = feature;
	x->count[i] = count;
	x->density[i] = density;
	x->mean[i] = mean;
	x->max[i] = max;
	x->features++;
	x->indptr[i + 1] = (uint32_t)x->contexts;
}

void contexts_add(struct contexts *x, size_t range, uint32_t token, float peak, size_t at, size_t n,
	const uint32_t *id, const float *value)
{
	size_t c = x->contexts;

	room_for_contexts(x, 1);
	room_for_tokens(x, n);
	x->range[c] = (uint8_t)range;
	x->token[c] = token;
	x->peak[c] = peak;
	x->at[c] = (uint32_t)at;
	memcpy(x->id + x->tokens, id, n * sizeof *id);
	memcpy(x->value + x->tokens, value, n * sizeof *value);
	x->tokens += n;
	x->contexts++;
	x->begin[c + 1] = (uint32_t)x->tokens;
	x->indptr[x->features] = (uint32_t)x->contexts;
}

void write_context_texts(struct sm_writer *out, size_t n, const uint32_t *id,
	const char *const *text)
{
	struct sm_frame frame = {0};

	sm_set_tensor(&frame, "vocab", SM_U4, id, n);
	sm_set_strings(&frame, "text", n, text);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

void write_contexts(struct sm_writer *out, struct contexts *x)
{
	struct sm_frame frame = {0};
	size_t b = x->features, c = x->contexts, n = x->tokens;

	room_for_features(x, 0);
	room_for_contexts(x, 0);
	sm_set_tensor(&frame, "feature", SM_U4, x->feature, b);
	sm_set_tensor(&frame, "count", SM_U4, x->count, b);
	sm_set_tensor(&frame, "density", SM_F4, x->density, b);
	sm_set_tensor(&frame, "mean", SM_F4, x->mean, b);
	sm_set_tensor(&frame, "max", SM_F4, x->max, b);
	sm_set_tensor(&frame, "indptr", SM_U4, x->indptr, b + 1);
	sm_set_tensor(&frame, "range", SM_U1, x->range, c);
	sm_set_tensor(&frame, "token", SM_U4, x->token, c);
	sm_set_tensor(&frame, "peak", SM_F4, x->peak, c);
	sm_set_tensor(&frame, "at", SM_U4, x->at, c);
	sm_set_tensor(&frame, "begin", SM_U4, x->begin, c + 1);
	sm_set_tensor(&frame, "id", SM_U4, x->id, n);
	sm_set_tensor(&frame, "value", SM_F4, x->value, n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	x->features = x->contexts = x->tokens = 0;
	x->indptr[0] = x->begin[0] = 0;
}

/* -- Reading ---------------------------------------------------------------------------------- */

static void take_texts(struct sm_reader *in, struct contexts *x)
{
	const struct sm_frame *f = &x->vocabulary;
	size_t n = SM_ANY;

	x->vocab = sm_want(in, f, "vocab", SM_U4, &n);
	x->text = sm_want_strings(in, f, "text", &n).item;
	x->ids = n;
	for (size_t i = 1; i < n; i++)
		if (x->vocab[i] <= x->vocab[i - 1])
			sm_bad(in, "id %u after id %u: vocab has to ascend", x->vocab[i],
				x->vocab[i - 1]);
}

/* Copies n numbers of a frame behind those that x has. */
static void take_u4(struct sm_reader *in, const struct sm_frame *f, const char *name, uint32_t *to,
	size_t n)
{
	const uint32_t *from = sm_want(in, f, name, SM_U4, &n);

	memcpy(to, from, n * sizeof *to);
}

/* Such numbers are no less than `least`, and finite. */
static void take_f4(struct sm_reader *in, const struct sm_frame *f, const char *name, float *to,
	size_t n, float least)
{
	const float *from = sm_want(in, f, name, SM_F4, &n);

	for (size_t i = 0; i < n; i++)
		if (!(from[i] >= least && isfinite(from[i])))
			sm_bad(in, "%s %zu is %g", name, i, (double)from[i]);
	memcpy(to, from, n * sizeof *to);
}

/* Ends of rows, which begin at `base`. */
static void take_ends(struct sm_reader *in, const struct sm_frame *f, const char *name,
	uint32_t *to, size_t n, size_t entries, size_t base)
{
	const uint32_t *from = sm_want_indptr(in, f, name, &n, entries);

	for (size_t i = 0; i <= n; i++)
		to[i] = (uint32_t)base + from[i];
}

static void check_features(struct sm_reader *in, const struct contexts *x, size_t first, size_t n)
{
	size_t most = sm_get_size(&x->header, "features");

	for (size_t i = first; i < first + n; i++) {
		uint32_t feature = x->feature[i];
		if (i > 0 && feature <= x->feature[i - 1])
			sm_bad(in, "feature %u after feature %u: they have to ascend", feature,
				x->feature[i - 1]);
		if (sm_find_field(&x->header, "features") && feature >= most)
			sm_bad(in, "feature %u of %zu", feature, most);
		for (size_t c = x->indptr[i]; c < x->indptr[i + 1]; c++) {
			if (x->range[c] >= CONTEXT_RANGES
					|| (c > x->indptr[i] && x->range[c] < x->range[c - 1]))
				sm_bad(in, "context %zu of feature %u is of range %u: ranges are "
					"0 to 2, and ascend", c - x->indptr[i], feature,
					x->range[c]);
			if (x->at[c] >= x->begin[c + 1] - x->begin[c])
				sm_bad(in, "context %zu of feature %u has its peak at %u of %u "
					"tokens", c - x->indptr[i], feature, x->at[c],
					x->begin[c + 1] - x->begin[c]);
		}
	}
}

static void take_features(struct sm_reader *in, const struct sm_frame *f, struct contexts *x)
{
	size_t b = SM_ANY, c = SM_ANY, n = SM_ANY, i = x->features, k = x->contexts, t = x->tokens;

	sm_want(in, f, "feature", SM_U4, &b);
	const uint8_t *range = sm_want(in, f, "range", SM_U1, &c);
	sm_want(in, f, "id", SM_U4, &n);
	if (k + c >= UINT32_MAX || t + n >= UINT32_MAX)
		sm_bad(in, "more than %u contexts or tokens", UINT32_MAX - 1);
	room_for_features(x, b);
	room_for_contexts(x, c);
	room_for_tokens(x, n);
	take_u4(in, f, "feature", x->feature + i, b);
	take_u4(in, f, "count", x->count + i, b);
	take_f4(in, f, "density", x->density + i, b, 0);
	take_f4(in, f, "mean", x->mean + i, b, 0);
	take_f4(in, f, "max", x->max + i, b, 0);
	take_ends(in, f, "indptr", x->indptr + i, b, c, k);
	memcpy(x->range + k, range, c);
	take_u4(in, f, "token", x->token + k, c);
	take_u4(in, f, "at", x->at + k, c);
	take_f4(in, f, "peak", x->peak + k, c, 0);
	take_ends(in, f, "begin", x->begin + k, c, n, t);
	take_u4(in, f, "id", x->id + t, n);
	take_f4(in, f, "value", x->value + t, n, 0);
	check_features(in, x, i, b);
	x->features += b;
	x->contexts += c;
	x->tokens += n;
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

static bool may_be(const struct contexts *x, const char *layer, const char *model, const char *sae)
{
	return strcmp(x->layer, layer) == 0 && !differ(x->model, model) && !differ(x->sae, sae);
}

/* The last of all streams; its header was just read. */
static void take_stream(struct sm_reader *in, struct context_streams *all)
{
	struct contexts *x = &all->item[all->n - 1];
	struct sm_frame frame = {0};

	sm_want_kind(in, &x->header, "contexts");
	x->layer = sm_get_string(&x->header, "layer", "");
	x->model = sm_get_string(&x->header, "model", NULL);
	x->sae = sm_get_string(&x->header, "sae", NULL);
	x->tokens_read = sm_get_size(&x->header, "tokens_read");
	for (size_t k = 0; k + 1 < all->n; k++)
		if (may_be(&all->item[k], x->layer, x->model, x->sae))
			sm_bad(in, "a second stream of contexts of layer '%s'", x->layer);
	while (sm_read_frame(in, &frame))
		if (sm_find_field(&frame, "feature")) {
			take_features(in, &frame, x);
		} else {
			if (x->vocab || x->features > 0)
				sm_bad(in, "texts, which stand in the first frame alone");
			x->vocabulary = frame;
			frame = (struct sm_frame){0};
			take_texts(in, x);
		}
	room_for_features(x, 0);
	room_for_contexts(x, 0);
	sm_frame_free(&frame);
}

void read_context_stream(struct sm_reader *in, struct sm_frame *header,
	struct context_streams *all)
{
	all->item = xrealloc(all->item, all->n + 1, sizeof *all->item);
	all->item[all->n++] = (struct contexts){.header = *header};
	*header = (struct sm_frame){0};
	take_stream(in, all);
}

void read_contexts(const char *path, struct context_streams *all)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		read_context_stream(in, &header, all);
	sm_frame_free(&header);
	sm_reader_close(in);
}

void context_streams_free(struct context_streams *all)
{
	for (size_t k = 0; k < all->n; k++)
		contexts_free(&all->item[k]);
	free(all->item);
	*all = (struct context_streams){0};
}

/* -- Finding ---------------------------------------------------------------------------------- */

static size_t find_number(const uint32_t *number, size_t n, uint32_t wanted)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (number[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && number[low] == wanted ? low : SIZE_MAX;
}

size_t contexts_find(const struct contexts *x, uint32_t feature)
{
	return find_number(x->feature, x->features, feature);
}

const char *contexts_text(const struct contexts *x, uint32_t id)
{
	size_t i = find_number(x->vocab, x->ids, id);

	return i == SIZE_MAX ? NULL : x->text[i];
}

size_t context_streams_find(const struct context_streams *all, const char *layer,
	const char *model, const char *sae, uint32_t feature, size_t *i)
{
	for (size_t k = 0; k < all->n; k++)
		if (may_be(&all->item[k], layer, model, sae)) {
			*i = contexts_find(&all->item[k], feature);
			return *i == SIZE_MAX ? SIZE_MAX : k;
		}
	return SIZE_MAX;
}
