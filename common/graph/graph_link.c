#include "graph/graph_link.h"

#include "base/die.h"
#include "base/text_stream.h"
#include "graph/graph_influence.h"
#include "graph/graph_pins.h"
#include "graph/graph_to_json.h"
#include "graph/supernode_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* What servers take of a link, at least and at most. */
enum { SHORT_LINK = 8000, LONG_LINK = 16000 };

/* -- Writing ----------------------------------------------------------------------------------- */

/* What a graph's link is made of. */
struct parts {
	const struct graph *g;
	enum link_viewer viewer;
	const char *scan, *slug;
	const char *const *id;		/* (nodes) */
	struct graph_pins pins;
};

/* Percent-encoded; as often as the viewer decodes it. */
static void put_encoded(FILE *to, const char *text, enum link_viewer viewer)
{
	for (; *text; text++)
		if (strchr(letters, *text) || strchr("-_.~", *text))
			putc(*text, to);
		else if (*text == '%' && viewer == LINK_CIRCUIT_TRACER)
			fputs("%2525", to);
		else
			fprintf(to, "%%%02X", (unsigned)(unsigned char)*text);
}

/* Takes the text; an empty list is left out. */
static void put_value(FILE *to, const char *key, char *text, enum link_viewer viewer)
{
	if (!text)
		die("out of memory");
	if (*text && strcmp(text, "[]") != 0) {
		fprintf(to, "&%s=", key);
		put_encoded(to, text, viewer);
	}
	free(text);
}

/* "a,b", of the first n pins; to free(). */
static char *pin_text(const struct parts *x, size_t n)
{
	size_t room = 1;

	for (size_t i = 0; i < n; i++)
		room += strlen(x->id[x->pins.node[i]]) + 1;
	char *text = xcalloc(room, 1), *to = text;
	for (size_t i = 0; i < n; i++)
		to = stpcpy(stpcpy(to, i ? "," : ""), x->id[x->pins.node[i]]);
	return text;
}

/* [[name, member, ...], ...] of the first n pins, as JSON; to free(). */
static char *group_text(const struct parts *x, size_t n)
{
	const struct graph *g = x->g;
	json_t *every = json_array(), *list = json_array();

	for (size_t i = 0; i < g->groups; i++)
		json_array_append_new(every, json_pack("[s]", g->group_name[i]));
	for (size_t i = 0; i < n; i++) {
		uint32_t node = x->pins.node[i];
		if (g->group[node] >= 0)
			json_array_append_new(json_array_get(every, (size_t)g->group[node]),
				json_string(x->id[node]));
	}
	for (size_t i = 0; i < g->groups; i++)
		if (json_array_size(json_array_get(every, i)) > 1)
			json_array_append(list, json_array_get(every, i));
	char *text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	json_decref(every);
	return text;
}

/* The link that names the first n pins. */
static char *with_pins(const struct parts *x, size_t n)
{
	char *link = NULL;
	size_t size;
	FILE *to = text_stream(&link, &size);

	if (x->viewer == LINK_NEURONPEDIA)
		fprintf(to, "https://www.neuronpedia.org/%s/graph?slug=", x->scan);
	else
		fputs("http://localhost:8032/index.html?slug=", to);
	put_encoded(to, x->slug, x->viewer);
	put_value(to, "pinnedIds", pin_text(x, n), x->viewer);
	put_value(to, "supernodes", group_text(x, n), x->viewer);
	text_stream_close(to);
	return link;
}

static void check_names(const char *name, const struct parts *x)
{
	static const char *const key[] = {"slug", "scan"};
	const char *const value[] = {x->slug, x->scan};
	char known[sizeof letters + 3];

	sprintf(known, "%s-_.", letters);
	if (!*x->slug)
		die("%s: the graph's metadata has no slug: no viewer can open it by a link", name);
	for (size_t i = 0; i < 2 && x->viewer == LINK_NEURONPEDIA; i++)
		if (strlen(value[i]) == 0 || value[i][strspn(value[i], known)])
			die("%s: the %s '%s' is none of Neuronpedia's: it has letters, digits, "
				"'_', '.' and '-'", name, key[i], value[i]);
}

static const char *metadata_text(const json_t *document, const char *key)
{
	return json_string_value(json_object_get(json_object_get(document, "metadata"), key));
}

static struct graph_pins every_pin(const struct graph *g, const char *const *id,
	const json_t *document)
{
	const json_t *query = json_object_get(document, "qParams");
	uint32_t *ranked = xalloc(g->nodes, sizeof *ranked);
	uint32_t *leader = xalloc(g->nodes, sizeof *leader);

	for (size_t i = 0; i < g->nodes; i++)
		leader[i] = (uint32_t)i;
	graph_rank(ranked, g);
	struct graph_pins pins = graph_pins(g, id, json_object_get(query, "pinnedIds"), ranked,
		leader);
	free(leader);
	free(ranked);
	return pins;
}

char *graph_link(const char *name, const struct graph *g, const json_t *document,
	enum link_viewer viewer)
{
	struct parts x = {g, viewer, metadata_text(document, "scan"),
		metadata_text(document, "slug"), viewer == LINK_NEURONPEDIA
			? graph_viewer_ids(g, document) : g->node_id, {0}};

	check_names(name, &x);
	x.pins = every_pin(g, x.id, document);
	size_t n = x.pins.n;
	char *link = with_pins(&x, n);
	while (strlen(link) > SHORT_LINK && n > x.pins.needed) {
		free(link);
		link = with_pins(&x, --n);
	}
	size_t size = strlen(link), left = x.pins.left + x.pins.n - n;
	if (size > SHORT_LINK)
		note("%s: the link has %zu bytes: %s servers take no more than %d", name, size,
			size > LONG_LINK ? "most" : "many", size > LONG_LINK ? LONG_LINK
				: SHORT_LINK);
	if (left > 0)
		note("%s: the link leaves out %zu members of groups%s", name, left,
			x.pins.hidden > 0 ? ", and with them whole groups" : "");
	return link;
}

/* -- Reading ----------------------------------------------------------------------------------- */

bool is_link(const char *text)
{
	return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

/* Decodes in place; false, and nothing changes, where no two digits follow a % or they stand for a
 * NUL. */
static bool decode(char *text, bool plus)
{
	char *to = text;

	for (const char *p = text; (p = strchr(p, '%')); p += 3)
		if (hex(p[1]) < 0 || hex(p[2]) < 0 || (p[1] == '0' && p[2] == '0'))
			return false;
	for (const char *p = text; *p; p++)
		if (*p == '%') {
			*to++ = (char)(hex(p[1]) * 16 + hex(p[2]));
			p += 2;
		} else {
			*to++ = plus && *p == '+' ? ' ' : *p;
		}
	*to = '\0';
	return true;
}

/* The value of a key in a link's query, to free(); NULL when there is none. */
static char *value_of(const char *name, const char *link, const char *key, bool twice)
{
	const char *end = link + strcspn(link, "#"), *at = link + strcspn(link, "?");
	size_t n = strlen(key);

	while (at < end) {
		at++;
		size_t length = strcspn(at, "&#");
		if (length > n && strncmp(at, key, n) == 0 && at[n] == '=') {
			char *text = xasprintf("%.*s", (int)(length - n - 1), at + n + 1);
			if (!decode(text, true))
				die("%s: %s: no percent-encoding", name, key);
			if (twice)
				decode(text, false);
			return text;
		}
		at += length;
	}
	return NULL;
}

json_t *link_read(const char *name, const char *link)
{
	size_t path = strcspn(link, "?#");
	bool twice = path < 6 || strncmp(link + path - 6, "/graph", 6) != 0;
	static const char *const keys[] = {"slug", "pinnedIds", "supernodes"};
	json_t *query = json_object();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char *text = value_of(name, link, keys[i], twice);
		json_t *value = text ? json_string(text) : NULL;
		if (text && !value)
			die("%s: %s: no UTF-8", name, keys[i]);
		if (value)
			json_object_set_new(query, keys[i], value);
		free(text);
	}
	char *subgraph = value_of(name, link, "subgraph", twice);
	if (!json_object_get(query, "supernodes") && subgraph)
		die("%s: its groups are not in the link, but at Neuronpedia: subgraph %s", name,
			subgraph);
	if (json_object_size(query) == 0)
		die("%s: no link to a graph, like https://www.neuronpedia.org/MODEL/graph?slug=...",
			name);
	if (!json_object_get(query, "supernodes"))
		json_object_set_new(query, "supernodes", json_array());
	if (!query_lists(query))
		die("%s: supernodes are no list", name);
	free(subgraph);
	return query;
}
