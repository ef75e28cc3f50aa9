#include "graph/page_document.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/graph_influence.h"
#include "graph/graph_pins.h"
#include "graph/graph_to_json.h"

#include <stdlib.h>
#include <string.h>

static void set_texts(json_t *page, const char *key, const char *name, const char *const *text,
	size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(text[i])) != 0)
			die("%s: %s %zu is not UTF-8", name, key, i);
	json_object_set_new(page, key, list);
}

static void set_numbers(json_t *page, const char *key, const uint32_t *x, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(x[i]));
	json_object_set_new(page, key, list);
}

/* -- Pins -------------------------------------------------------------------------------------- */

/* Without groups, logits and embeddings are pinned first. */
static void set_pins(json_t *page, const struct graph *g, const char *const *id,
	const json_t *pinned)
{
	uint32_t *ranked = xalloc(g->nodes, sizeof *ranked);
	uint32_t *self = xalloc(g->nodes, sizeof *self);
	int32_t *none = xalloc(g->nodes, sizeof *none);
	struct graph alone = *g;
	size_t ends = 0;

	for (size_t i = 0; i < g->nodes; i++) {
		self[i] = (uint32_t)i;
		none[i] = -1;
	}
	alone.group = none;
	alone.groups = alone.group_links = 0;
	graph_rank(ranked, g);
	struct graph_pins pins = graph_pins(&alone, id, pinned, ranked, self);
	while (ends < pins.n && (g->type[pins.node[ends]] == LOGIT_NODE
			|| g->type[pins.node[ends]] == EMBEDDING_NODE))
		ends++;
	set_numbers(page, "rank", ranked, g->nodes);
	set_numbers(page, "ends", pins.node, ends);
	free(none);
	free(self);
	free(ranked);
}

/* -- The text around the lists ----------------------------------------------------------------- */

struct piece {
	const char *key;
	struct span at;
};

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->at.text > y->at.text) - (x->at.text < y->at.text);
}

/* The document with groups in its qParams, in pieces. */
static json_t *pieces_of(const char *text)
{
	const char *query = json_find(text, "qParams").text;
	struct piece piece[] = {
		{"nodes", json_find(text, "nodes")}, {"links", json_find(text, "links")},
		{"supernodes", json_find(query, "supernodes")},
		{"pinnedIds", json_find(query, "pinnedIds")}
	};
	const size_t n = sizeof piece / sizeof *piece;
	json_t *list = json_array();

	qsort(piece, n, sizeof *piece, compare_pieces);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list,
			json_stringn(text, (size_t)(piece[i].at.text - text)));
		json_array_append_new(list, json_pack("[s]", piece[i].key));
		text = piece[i].at.text + piece[i].at.n;
	}
	json_array_append_new(list, json_sprintf("%s%s", text,
		text[strlen(text) - 1] == '\n' ? "" : "\n"));
	return list;
}

/* -- Links ------------------------------------------------------------------------------------- */

static void set_links(json_t *page, const char *name, const struct graph *g)
{
	json_t *weight = json_array();
	char text[REAL_TEXT];

	for (size_t i = 0; i < g->links; i++)
		json_array_append_new(weight, json_string(real_text(text, graph_weight(g, i))));
	set_numbers(page, "link_source", g->source, g->links);
	set_numbers(page, "link_target", g->target, g->links);
	json_object_set_new(page, "link_weight", weight);
	if (g->link_json)
		set_texts(page, "link_json", name, g->link_json, g->links);
}

void page_set_document(json_t *page, const char *name, const struct graph *g,
	const json_t *document)
{
	const json_t *query = json_object_get(document, "qParams");
	const char *const *id = graph_viewer_ids(g, document);

	if (g->links > MOST_PAGE_LINKS) {
		note("%s: %zu links are too many to edit the graph in the page", name, g->links);
		return;
	}
	set_texts(page, "id", name, id, g->nodes);
	set_texts(page, "node_json", name, g->node_json, g->nodes);
	set_pins(page, g, id, json_object_get(query, "pinnedIds"));
	set_links(page, name, g);
	char *text = graph_grouped_document(g, document, json_array(), json_array());
	json_object_set_new(page, "document", pieces_of(text));
	free(text);
}
