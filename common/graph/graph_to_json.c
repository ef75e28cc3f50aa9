#include "graph/graph_to_json.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/graph_groups.h"
#include "graph/graph_influence.h"
#include "graph/graph_json.h"
#include "graph/graph_pins.h"
#include "graph/graph_write_json.h"
#include "kernel/topological_order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	const char *const *id;		/* (nodes): the names that viewers read */
	const char *const *written;	/* (nodes): these, in what is written */
	struct node_names names;	/* of pins, as in the document */
};

const char *const *graph_viewer_ids(const struct graph *g, const json_t *document)
{
	static const char known[] = "jackl-circuits-runs-";
	const json_t *metadata = json_object_get(document, "metadata");
	const char *scan = json_string_value(json_object_get(metadata, "scan"));

	return strncmp(scan, known, strlen(known)) == 0 ? g->js_node_id : g->node_id;
}

static struct grouped grouped_open(const struct graph *g, const json_t *document, bool collapse)
{
	const json_t *query = json_object_get(document, "qParams");
	const char *const *id = graph_viewer_ids(g, document);
	struct grouped x = {.g = g, .collapse = collapse,
		.ranked = xalloc(g->nodes, sizeof *x.ranked),
		.leader = xalloc(g->nodes, sizeof *x.leader),
		.unit = xalloc(g->nodes, sizeof *x.unit),
		.member = xalloc(g->nodes, sizeof *x.member),
		.id = id, .written = id,
		.names = node_names_open(json_object_get(query, "pinnedIds"), g)};
	size_t units = graph_units(x.unit, g);
	uint32_t *first = xalloc(units, sizeof *first);

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

static void add_members(json_t *list, const struct grouped *x, int32_t group)
{
	for (size_t i = x->begin[group]; i < x->begin[group + 1]; i++)
		json_array_append_new(list, json_string(x->id[x->member[i]]));
}

/* [[name, member, ...], ...] */
static json_t *supernodes(const struct grouped *x)
{
	json_t *list = json_array();

	for (int32_t i = 0; (size_t)i < x->g->groups && !x->collapse; i++) {
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

static void note_pins(const char *name, const struct graph_pins *pins)
{
	char text[256] = "";
	int n = 0;

	if (pins->left > 0)
		n += snprintf(text + n, sizeof text - (size_t)n,
			"; %zu nodes are not pinned: the limit is %d pins", pins->left, MOST_PINS);
	if (pins->hidden > 0)
		n += snprintf(text + n, sizeof text - (size_t)n,
			"; %zu groups have no pin, and viewers do not show them", pins->hidden);
	if (pins->dangling > 0)
		n += snprintf(text + n, sizeof text - (size_t)n,
			"; %zu pins are not nodes of the graph, and are left out", pins->dangling);
	if (n > 0)
		note("%s: %s", name, text + 2);
}

/* Several nodes can have one name, which is pinned once. */
static json_t *pins(const char *name, const struct grouped *x, const json_t *query)
{
	struct graph_pins pins = graph_pins(x->g, x->id, json_object_get(query, "pinnedIds"),
		x->ranked, x->leader);
	json_t *list = json_array(), *seen = json_object();

	for (size_t i = 0; i < pins.n; i++) {
		const char *id = x->written[pins.node[i]];
		if (json_object_get(seen, id))
			continue;
		json_object_set_new(seen, id, json_true());
		json_array_append_new(list, json_string(id));
	}
	note_pins(name, &pins);
	json_decref(seen);
	return list;
}

/* -- One node per group ------------------------------------------------------------------------ */

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

/* The probability of the logits among a group's members, as their token_prob says; NaN unless each
 * of them says it. */
static double probability(const struct grouped *x, int32_t group)
{
	double sum = 0;

	for (size_t i = x->begin[group]; i < x->begin[group + 1]; i++) {
		size_t node = x->member[i];
		if (x->g->type[node] != LOGIT_NODE)
			continue;
		struct span p = json_find(x->g->node_json[node], "token_prob");
		sum += p.n > 0 && strchr("0123456789", *p.text) ? strtod(p.text, NULL) : NAN;
	}
	return sum;
}

/* The name of a group as a clerp. Viewers look for "(p=" in that of a logit, and stop where there
 * is a clerp without it. */
static json_t *name_as_clerp(const struct grouped *x, size_t node, double p)
{
	const struct graph *g = x->g;
	const char *name = g->group_name[g->group[node]];
	const char *own = strstr(g->clerp[node], "(p=");

	if (g->type[node] != LOGIT_NODE || strstr(name, "(p=") || (isnan(p) && !own))
		return json_string(name);
	char *text = isnan(p) ? xasprintf("%s %s", name, own)
		: xasprintf("%s (p=%.3f)", name, p);
	json_t *clerp = json_string(text);
	free(text);
	return clerp;
}

static char *leader_json(const struct grouped *x, size_t node, const char *id)
{
	const struct graph *g = x->g;
	char *text = xasprintf("%s", g->node_json[node]);

	if (strcmp(id, g->node_id[node]) != 0)
		set_member(&text, "node_id", json_string(id));
	if (g->group[node] >= 0) {
		json_t *members = json_array();
		double p = probability(x, g->group[node]);
		add_members(members, x, g->group[node]);
		set_member(&text, "clerp", name_as_clerp(x, node, p));
		if (g->type[node] == LOGIT_NODE && !isnan(p))
			set_member(&text, "token_prob", json_real(p));
		set_member(&text, "supernode_members", members);
	}
	return text;
}

/* -- Links between groups ---------------------------------------------------------------------- */

/* Has a link of the file's this member with the same text? */
static bool has_member(const char *object, struct span key, struct span value)
{
	struct json j = {.name = object, .text = object, .at = object};

	for (bool more = *object && json_open(&j, '{'); more; more = json_more(&j, '}')) {
		struct span k = json_key(&j), v = json_value(&j);
		if (k.n == key.n && memcmp(k.text, key.text, k.n) == 0)
			return v.n == value.n && memcmp(v.text, value.text, v.n) == 0;
	}
	return false;
}

/* Is it a member that is written anew? */
static bool is_summed(struct span key)
{
	static const char *const summed[] = {"source", "target", "weight", "influence"};
	char *text = xalloc(key.n, 1);
	bool found = false;

	json_decode(text, key);
	for (size_t i = 0; i < sizeof summed / sizeof *summed; i++)
		found |= strcmp(text, summed[i]) == 0;
	free(text);
	return found;
}

/* The other members that n links have in common, each behind a comma; to free(). */
static char *common_members(const struct graph *g, const size_t *link, size_t n)
{
	const char *first = g->link_json ? g->link_json[*link] : "";
	struct json j = {.name = first, .text = first, .at = first};
	char *text = xcalloc(strlen(first) + 1, 1), *to = text;

	for (bool more = *first && json_open(&j, '{'); more; more = json_more(&j, '}')) {
		struct span key = json_key(&j), value = json_value(&j);
		size_t same = 1;
		while (same < n && has_member(g->link_json[link[same]], key, value))
			same++;
		if (same < n || is_summed(key))
			continue;
		*to++ = ',';
		to = stpncpy(to, key.text, key.n);
		*to++ = ':';
		to = stpncpy(to, value.text, value.n);
	}
	*to = '\0';
	return text;
}

/* The place of a link between units, which can be missing in a stream from elsewhere: u.n. */
static size_t place_of(const struct unit_links *u, uint32_t source, uint32_t target)
{
	size_t begin = 0;

	for (size_t end = u->n; begin < end;) {
		size_t middle = begin + (end - begin) / 2;
		if (u->target[middle] < target || (u->target[middle] == target
				&& u->source[middle] < source))
			begin = middle + 1;
		else
			end = middle;
	}
	return begin < u->n && u->source[begin] == source && u->target[begin] == target
		? begin : u->n;
}

/* (group_links), in the pool: the text of each link between units, whose nodes have these ids. */
static const char **link_texts(struct pool *pool, const struct grouped *x, const char *const *id)
{
	const struct graph *g = x->g;
	struct unit_links u = unit_links_open(x->unit, g->source, g->target, g->links);
	const char **text = pool_alloc(pool, g->group_links, sizeof *text);
	char weight[REAL_TEXT], influence[REAL_TEXT];

	for (size_t i = 0; i < g->group_links; i++) {
		size_t k = place_of(&u, g->group_link_source[i], g->group_link_target[i]);
		const float *flow = g->group_link_influence;
		char *more = k < u.n ? common_members(g, u.link + u.begin[k],
			u.begin[k + 1] - u.begin[k]) : NULL;
		char *from = json_text(json_string(id[g->group_link_source[i]]));
		char *to = json_text(json_string(id[g->group_link_target[i]]));
		text[i] = pool_keep(pool, xasprintf(
			"{\"source\":%s,\"target\":%s,\"weight\":%s%s%s%s}", from, to,
			real_text(weight, (double)g->group_link_weight[i]),
			flow ? ",\"influence\":" : "",
			flow ? real_text(influence, (double)flow[i]) : "", more ? more : ""));
		free(more);
		free(from);
		free(to);
	}
	unit_links_close(&u);
	return text;
}

/* The graph of units: what is written of it, that is node_id, node_json and link_json. */
static struct graph collapsed(struct grouped *x)
{
	const struct graph *g = x->g;
	struct graph small = {.links = g->group_links};
	const char **id = pool_alloc(&small.pool, g->nodes, sizeof *id);
	const char **json = pool_alloc(&small.pool, g->nodes, sizeof *json);
	const char **written = pool_alloc(&small.pool, g->nodes, sizeof *written);
	const char **unit_id = pool_alloc(&small.pool, g->nodes, sizeof *unit_id);
	json_t *used = json_object();

	for (size_t i = 0; i < g->nodes; i++) {
		if (x->leader[i] != i)
			continue;
		id[small.nodes] = written[i] = unit_id[x->unit[i]]
			= pool_keep(&small.pool, unique_id(used, g->node_id[i]));
		json[small.nodes] = pool_keep(&small.pool, leader_json(x, i, written[i]));
		small.nodes++;
	}
	if (x->written == g->node_id)
		x->written = written;
	small.node_id = id, small.node_json = json;
	small.link_json = link_texts(&small.pool, x, unit_id);
	json_decref(used);
	return small;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* The document's text with these groups and pins, which it takes, in its qParams. The places of
 * boxes that a viewer left there are those of other groups. */
static char *grouped_document(const struct grouped *x, const json_t *query, json_t *groups,
	json_t *pinned)
{
	const char *clicked = json_string_value(json_object_get(query, "clickedId"));
	struct span old = json_find(x->g->document, "qParams");
	char *text = memcpy(xcalloc(old.n + 1, 1), old.text, old.n);

	set_member(&text, "supernodes", groups);
	set_member(&text, "pinnedIds", pinned);
	if (clicked)
		set_member(&text, "clickedId", json_string(written_name(x, clicked)));
	if (json_object_get(query, "sg_pos"))
		set_member(&text, "sg_pos", json_string(""));
	char *document = json_with(x->g->document, "qParams", text);
	free(text);
	return document;
}

char *graph_grouped_document(const struct graph *g, const json_t *document, json_t *groups,
	json_t *pinned)
{
	struct grouped x = grouped_open(g, document, false);
	char *text = grouped_document(&x, json_object_get(document, "qParams"), groups, pinned);

	grouped_close(&x);
	return text;
}

void graph_to_json(const char *name, const struct graph *g, const json_t *document, bool collapse)
{
	const json_t *query = json_object_get(document, "qParams");

	if (!g->group) {
		graph_write_json(name, g->document, g);
		return;
	}
	struct grouped x = grouped_open(g, document, collapse);
	struct graph small = collapse ? collapsed(&x) : (struct graph){0};
	char *text = grouped_document(&x, query, supernodes(&x), pins(name, &x, query));
	graph_write_json(name, text, collapse ? &small : g);
	free(text);
	graph_free(&small);
	grouped_close(&x);
}
