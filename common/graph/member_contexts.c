#include "graph/member_contexts.h"

#include "base/die.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* What a graph adds to the page. */
struct added {
	struct member_contexts *to;
	json_t *text, *feature;
};

enum { REPLACEMENT = 0xfffd };

/* The text with that character for every byte that is no UTF-8, which JSON has no way to say; to
 * free(). */
static char *as_utf8(const char *text)
{
	char *clean = xalloc(3 * strlen(text) + 1, 1), *to = clean;

	while (*text) {
		uint32_t c = utf8_next(&text);
		to += utf8_put(to, c >= 0xdc80 && c < 0xdd00 ? REPLACEMENT : c);
	}
	*to = '\0';
	return clean;
}

/* From 0 to 100. */
static json_t *percent(float value, float max)
{
	float share = max > 0 ? value / max : 0;

	return json_integer((json_int_t)(100 * (share < 1 ? share : 1) + .5f));
}

/* Numbers the key as the last one. */
static json_t *next_number(json_t *numbers, const char *key)
{
	json_t *number = json_integer((json_int_t)json_object_size(numbers));

	json_object_set_new(numbers, key, number);
	return number;
}

/* The number of a token's text; of one without, of its id. */
static json_t *text_number(struct added *a, const struct contexts *x, uint32_t id)
{
	const char *known = contexts_text(x, id);
	char *text = known ? as_utf8(known) : xasprintf("[%u]", id);
	json_t *number = json_object_get(a->to->text, text);

	if (!number) {
		json_array_append_new(a->text, json_string(text));
		number = next_number(a->to->text, text);
	}
	free(text);
	return number;
}

static json_t *context(struct added *a, const struct contexts *x, size_t c, float max)
{
	json_t *ids = json_array(), *values = json_array();

	for (size_t t = x->begin[c]; t < x->begin[c + 1]; t++) {
		json_array_append(ids, text_number(a, x, x->id[t]));
		json_array_append_new(values, percent(x->value[t], max));
	}
	return json_pack("[i,o,o]", (int)x->at[c], ids, values);
}

static json_t *feature(struct added *a, const struct contexts *x, size_t i)
{
	json_t *top = json_array();

	for (size_t c = x->indptr[i]; c < x->indptr[i + 1] && x->range[c] == 0
			&& json_array_size(top) < MEMBER_CONTEXTS; c++)
		json_array_append_new(top, context(a, x, c, x->max[i]));
	return json_pack("{s:I,s:f,s:f,s:o}", "count", (json_int_t)x->count[i], "density",
		(double)x->density[i], "max", (double)x->max[i], "top", top);
}

/* The number of a node's feature, which is added where no graph has it; null where it has no
 * contexts. */
static json_t *feature_number(struct added *a, const struct graph *g, size_t node)
{
	const struct context_streams *streams = &a->to->streams;
	size_t i, stream = g->type[node] != FEATURE_NODE || g->feature[node] > UINT32_MAX ? SIZE_MAX
		: context_streams_find(streams, g->layer[node], NULL, NULL,
			(uint32_t)g->feature[node], &i);

	if (stream == SIZE_MAX)
		return json_null();
	char *key = xasprintf("%zu/%zu", stream, i);
	json_t *number = json_object_get(a->to->feature, key);
	if (!number) {
		json_array_append_new(a->feature, feature(a, &streams->item[stream], i));
		number = next_number(a->to->feature, key);
	}
	free(key);
	return json_incref(number);
}

void set_member_contexts(json_t *page, const char *name, const struct graph *g,
	struct member_contexts *m)
{
	const struct context_streams *streams = &m->streams;
	struct added a = {m, json_array(), json_array()};
	json_t *of = json_array();
	bool any = false;

	m->text = m->text ? m->text : json_object();
	m->feature = m->feature ? m->feature : json_object();
	for (size_t i = 0; i < g->nodes; i++) {
		json_t *number = feature_number(&a, g, i);
		any |= !json_is_null(number);
		json_array_append_new(of, number);
	}
	if (any) {
		json_object_set(page, "context_text", a.text);
		json_object_set(page, "context_of", of);
		json_object_set(page, "contexts", a.feature);
	} else if (streams->n > 0) {
		note("%s: no feature of the graph has contexts: the streams are of layer %s, the "
			"graph's first node of layer %s", name, streams->item[0].layer,
			g->nodes > 0 ? g->layer[0] : "");
	}
	json_decref(of);
	json_decref(a.text);
	json_decref(a.feature);
}

void member_contexts_free(struct member_contexts *m)
{
	context_streams_free(&m->streams);
	json_decref(m->text);
	json_decref(m->feature);
	*m = (struct member_contexts){0};
}
