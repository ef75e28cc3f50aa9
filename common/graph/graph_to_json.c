#include "graph/graph_to_json.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/graph_groups.h"
#include "graph/graph_influence.h"
#include "graph/graph_json.h"
#include "graph/node_names.h"
#include "kernel/topological_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PINS = 200 };

/* -- What the texts hold ----------------------------------------------------------------------- */

static void check_utf8(const char *name, const char *kind, size_t number, const char *text)
{
	json_t *string = json_string(text);

	if (!string)
		die("%s: %s %zu: a name that is not UTF-8", name, kind, number);
	json_decref(string);
}

static void check_texts(const char *name, const struct graph *g)
{
	static const char *const changed[] = {"node_id", "clerp", "supernode_members"};
	struct json j = {.name = name, .kind = "node"};
	struct span value[sizeof changed / sizeof *changed];

	for (j.number = 0; j.number < g->nodes; j.number++) {
		j.text = j.at = g->node_json[j.number];
		json_members(&j, value, changed, sizeof changed / sizeof *changed);
		json_end(&j);
	}
	j.kind = "link";
	for (j.number = 0; g->link_json && j.number < g->links; j.number++) {
		j.text = j.at = g->link_json[j.number];
		if (*j.text == '\0')
			continue;
		json_members(&j, value, NULL, 0);
		json_end(&j);
	}
}

json_t *graph_check(const char *name, const struct graph *g)
{
	json_t *document = graph_document(name, g);

	check_texts(name, g);
	for (size_t i = 0; i < g->nodes; i++) {
		check_utf8(name, "node", i, g->node_id[i]);
		check_utf8(name, "node", i, g->js_node_id[i]);
	}
	for (size_t i = 0; i < g->groups; i++)
		check_utf8(name, "group", i, g->group_name[i]);
	return document;
}

/* -- Groups ------------------------------------------------------------------------------------ */

/* A graph with its groups, on its way to JSON. */
struct grouped {
	const struct graph *g;
	bool collapse;
	uint32_t *ranked;		/* (nodes): most influential first */
	uint32_t *leader;		/* (nodes): the node that is written for it */
	uint32_t *unit;			/* (nodes) */
	size_t *member;			/* (nodes), by units */
	size_t *begin;			/* (units + 1): where those of each begin in member */
	struct node_names names;	/* of pins, as in the document */
	const char *const *written;	/* (nodes): the name of each in what is written */
};

static struct grouped grouped_open(const struct graph *g, const json_t *query, bool collapse)
{
	struct grouped x = {.g = g, .collapse = collapse,
		.ranked = xalloc(g->nodes, sizeof *x.ranked),
		.leader = xalloc(g->nodes, sizeof *x.leader),
		.unit = xalloc(g->nodes, sizeof *x.unit),
		.member = xalloc(g->nodes, sizeof *x.member),
		.names = node_names_open(json_object_get(query, "pinnedIds"), g)};
	size_t units = graph_units(x.unit, g);
	uint32_t *first = xalloc(units, sizeof *first);

	x.written = x.names.first.name;
	x.begin = xalloc(units + 1, sizeof *x.begin);
	links_by_node(x.member, x.begin, x.unit, units, g->nodes);
	graph_rank(x.ranked, g);
	for (size_t i = g->nodes; i-- > 0;)
		first[x.unit[x.ranked[i]]] = x.ranked[i];
	for (size_t i = 0; i < g->nodes; i++)
		x.leader[i] = collapse ? first[x.unit[i]] : (uint32_t)i;
	free(first);
	return x;
}

static void grouped_close(struct grouped *x)
{
	free(x->ranked);
	free(x->leader);
	free(x->unit);
	free(x->member);
	free(x->begin);
	node_names_close(&x->names);
}

/* A group of two nodes or more. */
static bool is_supernode(const struct grouped *x, int32_t group)
{
	return group >= 0 && x->begin[group + 1] - x->begin[group] > 1;
}

static void add_members(json_t *list, const struct grouped *x, int32_t group)
{
	for (size_t i = x->begin[group]; i < x->begin[group + 1]; i++)
		json_array_append_new(list, json_string(x->names.first.name[x->member[i]]));
}

/* [[name, member, ...], ...] */
static json_t *supernodes(const struct grouped *x)
{
	json_t *list = json_array();

	for (int32_t i = 0; (size_t)i < x->g->groups && !x->collapse; i++)
		if (is_supernode(x, i)) {
			json_t *supernode = json_pack("[s]", x->g->group_name[i]);
			add_members(supernode, x, i);
			json_array_append_new(list, supernode);
		}
	return list;
}

/* The name that is written for the node of this name, or the name itself when it is no node's. */
static const char *written_name(const struct grouped *x, const char *name)
{
	uint32_t node = node_named(&x->names, name);

	return node != NO_NODE ? x->written[x->leader[node]] : name;
}

static bool is_end(const struct grouped *x, const char *name)
{
	uint32_t node = node_named(&x->names, name);

	return node != NO_NODE && (x->g->type[node] == LOGIT_NODE
		|| x->g->type[node] == EMBEDDING_NODE);
}

/* Once each, up to the limit; false beyond it. */
static bool add_pin(json_t *pins, json_t *seen, const char *name)
{
	if (json_object_get(seen, name))
		return true;
	if (json_array_size(pins) == MOST_PINS)
		return false;
	json_object_set_new(seen, name, json_true());
	json_array_append_new(pins, json_string(name));
	return true;
}

/* The pins that there were, logits and embeddings first; then members of groups, most influential
 * first. */
static json_t *pins(const char *name, const struct grouped *x, const json_t *query)
{
	const json_t *old = json_object_get(query, "pinnedIds");
	json_t *list = json_array(), *seen = json_object();
	size_t left = 0;

	for (size_t i = 0; i < 2 * json_array_size(old); i++) {
		bool ends = i < json_array_size(old);
		const json_t *pin = json_array_get(old, i % json_array_size(old));
		const char *text = json_string_value(pin);
		if (is_end(x, text) == ends)
			left += !add_pin(list, seen, written_name(x, text));
	}
	for (size_t i = 0; i < x->g->nodes; i++) {
		uint32_t node = x->ranked[i];
		if (is_supernode(x, x->g->group[node]) && x->leader[node] == node)
			left += !add_pin(list, seen, x->written[node]);
	}
	if (left > 0)
		note("%s: %zu nodes are not pinned: the limit is %d pins", name, left, MOST_PINS);
	json_decref(seen);
	return list;
}

/* -- One node per group ------------------------------------------------------------------------ */

static char *json_text(json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	if (!text)
		die("out of memory");
	json_decref(json);
	return text;
}

/* Replaces the object's text by one with another value, taking both. */
static void set_member(char **object, const char *key, json_t *value)
{
	char *text = json_text(value), *changed = json_with(*object, key, text);

	free(text);
	free(*object);
	*object = changed;
}

/* An id that is not in `used` yet, where it gets to: an error's can be that of a feature. What
 * `used` has of an id is the last number that was given to it. */
static char *unique_id(json_t *used, const char *wanted)
{
	const json_t *last = json_object_get(used, wanted);
	json_int_t k = last ? json_integer_value(last) : 1;
	char *text = xasprintf("%s", wanted);

	while (json_object_get(used, text)) {
		free(text);
		text = xasprintf("%s_%lld", wanted, (long long)++k);
	}
	json_object_set_new(used, wanted, json_integer(k));
	json_object_set_new(used, text, json_integer(1));
	return text;
}

static char *leader_json(const struct grouped *x, size_t node, const char *id)
{
	const struct graph *g = x->g;
	char *text = xasprintf("%s", g->node_json[node]);

	if (strcmp(id, g->node_id[node]) != 0)
		set_member(&text, "node_id", json_string(id));
	if (is_supernode(x, g->group[node])) {
		json_t *members = json_array();
		add_members(members, x, g->group[node]);
		set_member(&text, "clerp", json_string(g->group_name[g->group[node]]));
		set_member(&text, "supernode_members", members);
	}
	return text;
}

/* The graph of units: what is written of it, that is node_id, node_json and the links. */
static struct graph collapsed(struct grouped *x)
{
	const struct graph *g = x->g;
	struct graph small = {.links = g->group_links, .weight = g->group_link_weight};
	const char **id = pool_alloc(&small.pool, g->nodes, sizeof *id);
	const char **json = pool_alloc(&small.pool, g->nodes, sizeof *json);
	const char **written = pool_alloc(&small.pool, g->nodes, sizeof *written);
	uint32_t *number = xalloc(g->nodes, sizeof *number);		/* of units */
	uint32_t *source = pool_alloc(&small.pool, g->group_links, sizeof *source);
	uint32_t *target = pool_alloc(&small.pool, g->group_links, sizeof *target);
	json_t *used = json_object();
	uint32_t n = 0;

	for (size_t i = 0; i < g->nodes; i++) {
		if (x->leader[i] != i)
			continue;
		id[n] = written[i] = pool_keep(&small.pool, unique_id(used, g->node_id[i]));
		json[n] = pool_keep(&small.pool, leader_json(x, i, id[n]));
		number[x->unit[i]] = n++;
	}
	for (size_t i = 0; i < g->group_links; i++) {
		source[i] = number[g->group_link_source[i]];
		target[i] = number[g->group_link_target[i]];
	}
	if (x->written == g->node_id)
		x->written = written;
	small.nodes = n;
	small.node_id = id, small.node_json = json;
	small.source = source, small.target = target;
	json_decref(used);
	free(number);
	return small;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* The document's text with the groups in its qParams. */
static char *grouped_document(const char *name, const struct grouped *x, const json_t *query)
{
	const char *clicked = json_string_value(json_object_get(query, "clickedId"));
	struct span old = json_find(x->g->document, "qParams");
	char *text = memcpy(xcalloc(old.n + 1, 1), old.text, old.n);

	set_member(&text, "supernodes", supernodes(x));
	set_member(&text, "pinnedIds", pins(name, x, query));
	if (clicked)
		set_member(&text, "clickedId", json_string(written_name(x, clicked)));
	char *document = json_with(x->g->document, "qParams", text);
	free(text);
	return document;
}

static void write_nodes(const struct graph *g)
{
	fputs("[\n", stdout);
	for (size_t i = 0; i < g->nodes; i++)
		printf("%s%s", i ? ",\n" : "", g->node_json[i]);
	fputs("\n]", stdout);
}

/* influence (links), or NULL */
static void write_links(const struct graph *g, const float *influence)
{
	char **id = xalloc(g->nodes, sizeof *id), text[REAL_TEXT];

	for (size_t i = 0; i < g->nodes; i++)
		id[i] = json_text(json_string(g->node_id[i]));
	fputs("[\n", stdout);
	for (size_t i = 0; i < g->links; i++) {
		fputs(i ? ",\n" : "", stdout);
		if (g->link_json && *g->link_json[i]) {
			fputs(g->link_json[i], stdout);
			continue;
		}
		printf("{\"source\":%s,\"target\":%s,\"weight\":%s", id[g->source[i]],
			id[g->target[i]], real_text(text, graph_weight(g, i)));
		if (influence)
			printf(",\"influence\":%s", real_text(text, (double)influence[i]));
		putchar('}');
	}
	fputs("\n]", stdout);
	for (size_t i = 0; i < g->nodes; i++)
		free(id[i]);
	free(id);
}

/* The document's text with both lists, which are empty in it. */
static void write_json(const char *document, const struct graph *g, const float *influence)
{
	struct span nodes = json_find(document, "nodes"), links = json_find(document, "links");
	bool nodes_first = nodes.text < links.text;
	struct span a = nodes_first ? nodes : links, b = nodes_first ? links : nodes;
	const char *between = a.text + a.n, *rest = b.text + b.n;

	fwrite(document, 1, (size_t)(a.text - document), stdout);
	if (nodes_first)
		write_nodes(g);
	else
		write_links(g, influence);
	fwrite(between, 1, (size_t)(b.text - between), stdout);
	if (nodes_first)
		write_links(g, influence);
	else
		write_nodes(g);
	fputs(rest, stdout);
	if (rest[strlen(rest) - 1] != '\n')
		putchar('\n');
}

void graph_to_json(const char *name, const struct graph *g, const json_t *document, bool collapse)
{
	const json_t *query = json_object_get(document, "qParams");

	if (!g->group) {
		write_json(g->document, g, NULL);
		return;
	}
	struct grouped x = grouped_open(g, query, collapse);
	struct graph small = collapse ? collapsed(&x) : (struct graph){0};
	char *text = grouped_document(name, &x, query);
	write_json(text, collapse ? &small : g, collapse ? g->group_link_influence : NULL);
	free(text);
	graph_free(&small);
	grouped_close(&x);
}
