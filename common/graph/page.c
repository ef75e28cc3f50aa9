#include "graph/page.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/supernode_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char page_template[];	/* page.html and a NUL, made by the Makefile */
static const char place[] = "@GRAPHS@";

/* -- The groups of a document ------------------------------------------------------------------ */

/* What nodes are called in a list, and the items of the list that call them so. */
struct calls {
	struct lookup index;
	const char **text;
	uint32_t *item;
	size_t n;
};

static void add_call(struct calls *x, const json_t *text, size_t item)
{
	if (json_is_string(text)) {
		x->text[x->n] = json_string_value(text);
		x->item[x->n++] = (uint32_t)item;
	}
}

/* Of a list of texts, or of lists: of what they hold behind their names. */
static struct calls calls_in(const json_t *list, bool lists)
{
	const json_t *item, *member;
	size_t i, k, n = json_array_size(list);

	json_array_foreach(list, i, item)
		n += json_array_size(item);
	struct calls x = {.text = xalloc(n, sizeof *x.text), .item = xalloc(n, sizeof *x.item)};
	json_array_foreach(list, i, item) {
		if (!lists)
			add_call(&x, item, i);
		json_array_foreach(item, k, member)
			if (lists && k > 0)
				add_call(&x, member, i);
	}
	x.index = lookup_open(x.text, x.n);
	return x;
}

static void calls_free(struct calls *x)
{
	lookup_close(&x->index);
	free(x->text);
	free(x->item);
}

/* The first item that calls the node by one of its names, or NO_NODE. */
static uint32_t item_for(const struct calls *x, const struct graph *g, size_t node)
{
	const char *const name[] = {g->node_id[node], g->js_node_id[node]};
	uint32_t first = NO_NODE;

	for (size_t i = 0; i < 2; i++) {
		size_t count;
		const uint32_t *number = lookup(&x->index, name[i], strlen(name[i]), &count);
		if (number && x->item[*number] < first)
			first = x->item[*number];
	}
	return first;
}

/* A node is in the first supernode that lists it. Errors, whose ids can be those of features, are in none. */
static void take_supernodes(struct graph *g, const json_t *supernodes)
{
	struct calls calls = calls_in(supernodes, true);
	size_t n = json_array_size(supernodes), groups = 0;
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	int32_t *number = xalloc(n, sizeof *number);
	const char **name = pool_alloc(&g->pool, n, sizeof *name);

	for (size_t i = 0; i < n; i++)
		number[i] = -1;
	for (size_t i = 0; i < g->nodes; i++) {
		uint32_t s = g->type[i] == ERROR_NODE ? NO_NODE : item_for(&calls, g, i);
		group[i] = -1;
		if (s == NO_NODE)
			continue;
		if (number[s] < 0) {
			const json_t *supernode = json_array_get(supernodes, s);
			const char *text = json_string_value(json_array_get(supernode, 0));
			name[groups] = pool_keep(&g->pool, xasprintf("%s", text ? text : ""));
			number[s] = (int32_t)groups++;
		}
		group[i] = number[s];
	}
	free(number);
	calls_free(&calls);
	graph_set_groups(g, group, groups, name);
}

/* -- The graph as JSON ------------------------------------------------------------------------- */

static json_t *numbers(const uint32_t *x, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(x[i]));
	return list;
}

static json_t *reals(const float *x, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, isfinite(x[i]) ? json_real((double)x[i]) : json_null());
	return list;
}

static json_t *texts(const char *name, const char *field, const char *const *text, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(text[i])) != 0)
			die("%s: %s %zu is not UTF-8", name, field, i);
	return list;
}

/* The position, the type and the token's probability of every node. */
static void set_places(json_t *page, const struct graph *g)
{
	json_t *position = json_array(), *type = json_array(), *probability = json_array();

	for (size_t i = 0; i < g->nodes; i++) {
		struct span p = json_find(g->node_json[i], "token_prob");
		struct json j = {.text = p.text, .at = p.text};
		json_array_append_new(position, json_integer(g->ctx_idx[i]));
		json_array_append_new(type, json_integer(g->type[i]));
		json_array_append_new(probability, p.n > 0 && strchr("-0123456789", *p.text)
			? json_tree(&j) : json_null());
	}
	json_object_set_new(page, "ctx_idx", position);
	json_object_set_new(page, "type", type);
	json_object_set_new(page, "token_prob", probability);
}

static json_t *pinned_nodes(const struct graph *g, const json_t *pins)
{
	struct calls calls = calls_in(pins, false);
	json_t *list = json_array();

	for (size_t i = 0; i < g->nodes; i++)
		if (item_for(&calls, g, i) != NO_NODE)
			json_array_append_new(list, json_integer((json_int_t)i));
	calls_free(&calls);
	return list;
}

static json_t *as_json(const char *name, const struct graph *g, const json_t *document)
{
	json_t *page = json_object(), *metadata = json_object_get(document, "metadata");
	json_t *query = json_object_get(document, "qParams");
	uint32_t *unit = xalloc(g->nodes, sizeof *unit);

	json_object_set(page, "slug", json_object_get(metadata, "slug"));
	json_object_set(page, "scan", json_object_get(metadata, "scan"));
	json_object_set(page, "prompt_tokens", json_object_get(metadata, "prompt_tokens"));
	json_object_set_new(page, "node_id", texts(name, "node_id", g->node_id, g->nodes));
	json_object_set_new(page, "layer", texts(name, "layer", g->layer, g->nodes));
	json_object_set_new(page, "clerp", texts(name, "clerp", g->clerp, g->nodes));
	json_object_set_new(page, "influence", reals(g->influence, g->nodes));
	json_object_set_new(page, "activation", reals(g->activation, g->nodes));
	set_places(page, g);
	json_object_set_new(page, "pinned", pinned_nodes(g, json_object_get(query, "pinnedIds")));
	json_object_set_new(page, "links", json_integer((json_int_t)g->links));
	graph_units(unit, g);
	json_object_set_new(page, "unit", numbers(unit, g->nodes));
	json_object_set_new(page, "group_name", texts(name, "group", g->group_name, g->groups));
	json_object_set_new(page, "source", numbers(g->group_link_source, g->group_links));
	json_object_set_new(page, "target", numbers(g->group_link_target, g->group_links));
	json_object_set_new(page, "weight", reals(g->group_link_weight, g->group_links));
	free(unit);
	return page;
}

/* -- The page ---------------------------------------------------------------------------------- */

/* In a script element a '<' could begin its end. In JSON it stands in strings only. */
static int write_escaped(const char *text, size_t n, void *unused)
{
	(void)unused;
	for (size_t i = 0; i < n; i++)
		if (text[i] == '<')
			fputs("\\u003c", stdout);
		else
			putchar(text[i]);
	return 0;
}

/* The template up to the place for the graphs; returns what follows. */
static const char *write_head(bool wanted)
{
	const char *text = (const char *)page_template, *end = strstr(text, place);

	if (wanted)
		fwrite(text, 1, (size_t)(end - text), stdout);
	return end + strlen(place);
}

void page_graph(const char *name, struct graph *g, const json_t *document, size_t number)
{
	if (!g->group)
		take_supernodes(g, json_object_get(json_object_get(document, "qParams"), "supernodes"));
	json_t *page = as_json(name, g, document);

	write_head(number == 0);
	fputs(number == 0 ? "[" : ",\n", stdout);
	json_dump_callback(page, write_escaped, NULL, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(page);
}

void page_end(size_t graphs)
{
	const char *rest = write_head(graphs == 0);

	fputs(graphs == 0 ? "[]" : "]", stdout);
	fputs(rest, stdout);
}
