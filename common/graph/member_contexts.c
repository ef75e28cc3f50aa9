#include "graph/member_contexts.h"

#include "base/die.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* What is written of the contexts so far. */
struct written {
	json_t *text, *number;		/* number: of each text */
	json_t *list, *place;		/* place: of each "stream/feature" in the list */
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

/* The number of a token's text; of one without, of its id. */
static json_t *text_number(struct written *w, const struct contexts *x, uint32_t id)
{
	const char *known = contexts_text(x, id);
	char *text = known ? as_utf8(known) : xasprintf("[%u]", id);
	json_t *number = json_object_get(w->number, text);

	if (!number) {
		number = json_integer((json_int_t)json_array_size(w->text));
		json_array_append_new(w->text, json_string(text));
		json_object_set_new(w->number, text, number);
	}
	free(text);
	return number;
}

static json_t *context(struct written *w, const struct contexts *x, size_t c, float max)
{
	json_t *ids = json_array(), *values = json_array();

	for (size_t t = x->begin[c]; t < x->begin[c + 1]; t++) {
		json_array_append(ids, text_number(w, x, x->id[t]));
		json_array_append_new(values, percent(x->value[t], max));
	}
	return json_pack("[i,o,o]", (int)x->at[c], ids, values);
}

static json_t *feature(struct written *w, const struct contexts *x, size_t i)
{
	json_t *top = json_array();

	for (size_t c = x->indptr[i]; c < x->indptr[i + 1] && x->range[c] == 0
			&& json_array_size(top) < MEMBER_CONTEXTS; c++)
		json_array_append_new(top, context(w, x, c, x->max[i]));
	return json_pack("{s:I,s:f,s:f,s:o}", "count", (json_int_t)x->count[i], "density",
		(double)x->density[i], "max", (double)x->max[i], "top", top);
}

/* The place of a node's contexts in the list, which gets them where they are not yet there; null
 * where there are none. */
static json_t *place_of(struct written *w, const struct graph *g, size_t node,
	const struct context_streams *streams)
{
	size_t i, stream = g->type[node] != FEATURE_NODE || g->feature[node] > UINT32_MAX ? SIZE_MAX
		: context_streams_find(streams, g->layer[node], NULL, NULL,
			(uint32_t)g->feature[node], &i);

	if (stream == SIZE_MAX)
		return json_null();
	char *key = xasprintf("%zu/%zu", stream, i);
	json_t *place = json_object_get(w->place, key);
	if (!place) {
		place = json_integer((json_int_t)json_array_size(w->list));
		json_array_append_new(w->list, feature(w, &streams->item[stream], i));
		json_object_set_new(w->place, key, place);
	}
	free(key);
	return json_incref(place);
}

void set_member_contexts(json_t *page, const char *name, const struct graph *g,
	const struct context_streams *streams)
{
	struct written w = {json_array(), json_object(), json_array(), json_object()};
	json_t *of = json_array();

	for (size_t i = 0; i < g->nodes; i++)
		json_array_append_new(of, place_of(&w, g, i, streams));
	if (json_array_size(w.list) > 0) {
		json_object_set(page, "context_text", w.text);
		json_object_set(page, "context_of", of);
		json_object_set(page, "contexts", w.list);
	} else if (streams->n > 0) {
		note("%s: no feature of the graph has contexts: the streams are of layer %s, the "
			"graph's first node of layer %s", name, streams->item[0].layer,
			g->nodes > 0 ? g->layer[0] : "");
	}
	json_decref(of);
	json_decref(w.text);
	json_decref(w.number);
	json_decref(w.list);
	json_decref(w.place);
}
