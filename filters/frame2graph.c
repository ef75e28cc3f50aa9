/* frame2graph: an attribution graph from a stream to JSON. */
#include "base/die.h"
#include "base/json.h"
#include "base/opt.h"
#include "graph/graph_json.h"
#include "graph/page.h"
#include "graph/supernode_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PINS = 200 };

static bool collapse, html;

static const struct opt options[] = {
	{"collapse", OPT_FLAG, &collapse, NULL, "one node per group, summed links", 0, 0},
	{"html", OPT_FLAG, &html, NULL, "a page to look at, with all graphs", 0, 0},
	OPT_END
};

/* -- What the texts hold ----------------------------------------------------------------------- */

static void check_utf8(const char *name, const char *kind, size_t number, const char *text)
{
	json_t *string = json_string(text);

	if (!string)
		die("%s: %s %zu: a name that is not UTF-8", name, kind, number);
	json_decref(string);
}

/* Nothing is written of a stream whose texts are no JSON. Returns the document. */
static json_t *check_all(const char *name, const struct graph *g)
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

struct groups {
	uint32_t *ranked;		/* (nodes): most influential first */
	uint32_t *leader;		/* (nodes): the node that is written for it */
	uint32_t *member;		/* the grouped nodes, by group, ascending; group i's ... */
	size_t *begin;			/* (groups + 1): ... from begin[i] up to begin[i + 1] */
	struct names name;		/* for pins, as in the stream */
	const char *const *written;	/* (nodes): and as written */
};

static void sort_members(struct groups *x, const struct graph *g)
{
	x->begin = xcalloc(g->groups + 2, sizeof *x->begin);
	size_t *next = x->begin + 1;
	for (size_t i = 0; i < g->nodes; i++)
		if (g->group[i] >= 0)
			next[g->group[i] + 1]++;
	for (size_t i = 0; i < g->groups; i++)
		next[i + 1] += next[i];
	for (size_t i = 0; i < g->nodes; i++)
		if (g->group[i] >= 0)
			x->member[next[g->group[i]]++] = (uint32_t)i;
}

static struct groups find_groups(const struct graph *g, const json_t *query)
{
	struct groups x = {.ranked = xalloc(g->nodes, sizeof *x.ranked),
		.leader = xalloc(g->nodes, sizeof *x.leader), .member = xalloc(g->nodes, sizeof *x.member),
		.name = names_in(json_object_get(query, "pinnedIds"), g)};
	uint32_t *first = xalloc(g->groups, sizeof *first);

	x.written = x.name.of;
	sort_members(&x, g);
	graph_rank(x.ranked, g);
	for (size_t i = g->nodes; i-- > 0;)
		if (g->group[x.ranked[i]] >= 0)
			first[g->group[x.ranked[i]]] = x.ranked[i];
	for (size_t i = 0; i < g->nodes; i++)
		x.leader[i] = collapse && g->group[i] >= 0 ? first[g->group[i]] : (uint32_t)i;
	free(first);
	return x;
}

static void free_groups(struct groups *x)
{
	free(x->ranked);
	free(x->leader);
	free(x->member);
	free(x->begin);
	names_free(&x->name);
}

static bool is_supernode(const struct groups *x, int32_t group)
{
	return group >= 0 && x->begin[group + 1] - x->begin[group] > 1;
}

static void add_members(json_t *list, const struct groups *x, int32_t group)
{
	for (size_t i = x->begin[group]; i < x->begin[group + 1]; i++)
		json_array_append_new(list, json_string(x->name.of[x->member[i]]));
}

/* [[name, member, ...], ...] for groups of two or more. */
static json_t *supernodes(const struct graph *g, const struct groups *x)
{
	json_t *list = json_array();

	for (int32_t i = 0; (size_t)i < g->groups && !collapse; i++)
		if (is_supernode(x, i)) {
			json_t *supernode = json_pack("[s]", g->group_name[i]);
			add_members(supernode, x, i);
			json_array_append_new(list, supernode);
		}
	return list;
}

/* The name that is written for the node of this name, or the name itself when it is no node's. */
static const char *written_name(const struct groups *x, const char *name)
{
	uint32_t node = node_named(&x->name, name);

	return node != NO_NODE ? x->written[x->leader[node]] : name;
}

static bool is_end(const struct graph *g, const struct groups *x, const char *name)
{
	uint32_t node = node_named(&x->name, name);

	return node != NO_NODE && (g->type[node] == LOGIT_NODE || g->type[node] == EMBEDDING_NODE);
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
static json_t *pins(const char *name, const struct graph *g, const struct groups *x,
	const json_t *query)
{
	const json_t *old = json_object_get(query, "pinnedIds"), *pin;
	json_t *list = json_array(), *seen = json_object();
	size_t i, left = 0;

	json_array_foreach(old, i, pin)
		if (is_end(g, x, json_string_value(pin)))
			left += !add_pin(list, seen, written_name(x, json_string_value(pin)));
	json_array_foreach(old, i, pin)
		if (!is_end(g, x, json_string_value(pin)))
			left += !add_pin(list, seen, written_name(x, json_string_value(pin)));
	for (i = 0; i < g->nodes; i++) {
		uint32_t node = x->ranked[i];
		if (is_supernode(x, g->group[node]) && x->leader[node] == node)
			left += !add_pin(list, seen, x->written[node]);
	}
	if (left > 0)
		note("%s: %zu nodes are not pinned: %d pins are the most", name, left, MOST_PINS);
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

/* An id that is not in `used` yet, where it gets to: an error's can be that of a feature. What `used` has of an
 * id is the last number that was given to it. */
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

static char *leader_json(const struct graph *g, const struct groups *x, size_t node, const char *id)
{
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
static struct graph collapsed(const struct graph *g, struct groups *x)
{
	struct graph small = {.links = g->group_links};
	const char **id = pool_alloc(&small.pool, g->nodes, sizeof *id);
	const char **json = pool_alloc(&small.pool, g->nodes, sizeof *json);
	const char **written = pool_alloc(&small.pool, g->nodes, sizeof *written);
	uint32_t *unit = xalloc(g->nodes, sizeof *unit), *number = xalloc(g->nodes, sizeof *number);
	uint32_t *source = pool_alloc(&small.pool, g->group_links, sizeof *source);
	uint32_t *target = pool_alloc(&small.pool, g->group_links, sizeof *target);
	json_t *used = json_object();
	size_t n = 0;

	graph_units(unit, g);
	for (size_t i = 0; i < g->nodes; i++) {
		if (x->leader[i] != i)
			continue;
		id[n] = written[i] = pool_keep(&small.pool, unique_id(used, g->node_id[i]));
		json[n] = pool_keep(&small.pool, leader_json(g, x, i, id[n]));
		number[unit[i]] = (uint32_t)n++;
	}
	for (size_t i = 0; i < g->group_links; i++) {
		source[i] = number[g->group_link_source[i]];
		target[i] = number[g->group_link_target[i]];
	}
	if (x->name.of == g->node_id)
		x->written = written;
	small.nodes = n;
	small.node_id = id;
	small.node_json = json;
	small.source = source;
	small.target = target;
	small.weight = g->group_link_weight;
	small.group_link_influence = g->group_link_influence;
	json_decref(used);
	free(number);
	free(unit);
	return small;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* The document's text with the groups in its qParams. */
static char *grouped_document(const char *name, const struct graph *g, const struct groups *x,
	const json_t *query)
{
	const char *clicked = json_string_value(json_object_get(query, "clickedId"));
	struct span old = json_find(g->document, "qParams");
	char *text = memcpy(xcalloc(old.n + 1, 1), old.text, old.n);

	set_member(&text, "supernodes", supernodes(g, x));
	set_member(&text, "pinnedIds", pins(name, g, x, query));
	if (clicked)
		set_member(&text, "clickedId", json_string(written_name(x, clicked)));
	char *document = json_with(g->document, "qParams", text);
	free(text);
	return document;
}

static void write_nodes(const struct graph *g)
{
	for (size_t i = 0; i < g->nodes; i++)
		printf("%s%s", i ? ",\n" : "", g->node_json[i]);
}

static void write_links(const struct graph *g)
{
	char **id = xalloc(g->nodes, sizeof *id), text[REAL_TEXT];

	for (size_t i = 0; i < g->nodes; i++)
		id[i] = json_text(json_string(g->node_id[i]));
	for (size_t i = 0; i < g->links; i++) {
		fputs(i ? ",\n" : "", stdout);
		if (g->link_json && *g->link_json[i]) {
			fputs(g->link_json[i], stdout);
			continue;
		}
		printf("{\"source\":%s,\"target\":%s,\"weight\":%s", id[g->source[i]], id[g->target[i]],
			real_text(text, exact_weight(g, i)));
		if (collapse && g->group_link_influence)
			printf(",\"influence\":%s", real_text(text, (double)g->group_link_influence[i]));
		putchar('}');
	}
	for (size_t i = 0; i < g->nodes; i++)
		free(id[i]);
	free(id);
}

static void write_list(const struct graph *g, void (*write)(const struct graph *))
{
	fputs("[\n", stdout);
	write(g);
	fputs("\n]", stdout);
}

static void write_json(const char *document, const struct graph *g)
{
	struct span nodes = json_find(document, "nodes"), links = json_find(document, "links");
	bool nodes_first = nodes.text < links.text;
	struct span a = nodes_first ? nodes : links, b = nodes_first ? links : nodes;
	const char *between = a.text + a.n, *rest = b.text + b.n;

	fwrite(document, 1, (size_t)(a.text - document), stdout);
	write_list(g, nodes_first ? write_nodes : write_links);
	fwrite(between, 1, (size_t)(b.text - between), stdout);
	write_list(g, nodes_first ? write_links : write_nodes);
	fputs(rest, stdout);
	if (rest[strlen(rest) - 1] != '\n')
		putchar('\n');
}

static void write_grouped(const char *name, const struct graph *g, const json_t *query)
{
	struct groups x = find_groups(g, query);
	struct graph small = collapse ? collapsed(g, &x) : (struct graph){0};
	char *document = grouped_document(name, g, &x, query);

	write_json(document, collapse ? &small : g);
	free(document);
	free_groups(&x);
	graph_free(&small);
}

static void write_graph_as_text(const char *name, struct graph *g, size_t number)
{
	json_t *document = check_all(name, g);

	if (html)
		page_graph(name, g, document, number);
	else if (g->group)
		write_grouped(name, g, json_object_get(document, "qParams"));
	else if (collapse)
		die("%s: no groups to collapse: pipe the graph through supernode first", name);
	else
		write_json(g->document, g);
	json_decref(document);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2graph [OPTION]... [FILE]",
		"Turns a stream of graphs into JSON for Neuronpedia, or a page.", 1);
	if (collapse && html)
		misuse("--collapse and --html exclude each other");

	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_frame header = {0};
	struct graph g;
	size_t graphs = 0;

	while (sm_read_header(in, &header)) {
		read_graph(in, &header, &g);
		if (g.document)
			write_graph_as_text(sm_reader_name(in), &g, graphs++);
		graph_free(&g);
	}
	if (html)
		page_end(graphs);
	if (ferror(stdout) || fclose(stdout) != 0)
		die("stdout: %s", strerror(errno));
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
