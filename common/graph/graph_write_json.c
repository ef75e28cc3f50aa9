#include "graph/graph_write_json.h"

#include "base/die.h"
#include "base/json.h"
#include "base/spelled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const char *text)
{
	json_put(text, strlen(text));
}

static void write_nodes(const struct graph *g)
{
	fputs("[\n", stdout);
	for (size_t i = 0; i < g->nodes; i++) {
		fputs(i ? ",\n" : "", stdout);
		put(g->node_json[i]);
	}
	fputs("\n]", stdout);
}

static void write_link(const char *source, const char *target, double weight)
{
	char text[REAL_TEXT];

	fputs("{\"source\":", stdout);
	put(source);
	fputs(",\"target\":", stdout);
	put(target);
	printf(",\"weight\":%s}", real_text(text, weight));
}

static void write_links(const char *name, const struct graph *g)
{
	char **id = xalloc(g->nodes, sizeof *id);
	struct spelled ids = {.entries = g->links};

	for (size_t i = 0; i < g->nodes; i++)
		id[i] = json_text(json_string(g->node_id[i]));
	for (size_t i = 0; i < g->links; i++)
		if ((!g->link_json || !*g->link_json[i])
				&& !(spelled_fits(&ids, id[g->source[i]])
				&& spelled_fits(&ids, id[g->target[i]])))
			die("%s: ids of more than %d bytes for each of %zu links", name, SPELLED,
				g->links);
	fputs("[\n", stdout);
	for (size_t i = 0; i < g->links; i++) {
		fputs(i ? ",\n" : "", stdout);
		if (g->link_json && *g->link_json[i])
			put(g->link_json[i]);
		else
			write_link(id[g->source[i]], id[g->target[i]], graph_weight(g, i));
	}
	fputs("\n]", stdout);
	for (size_t i = 0; i < g->nodes; i++)
		free(id[i]);
	free(id);
}

void graph_write_json(const char *name, const char *document, const struct graph *g)
{
	struct span nodes = json_find(document, "nodes"), links = json_find(document, "links");
	bool nodes_first = nodes.text < links.text;
	struct span a = nodes_first ? nodes : links, b = nodes_first ? links : nodes;
	const char *between = a.text + a.n, *rest = b.text + b.n;

	json_put(document, (size_t)(a.text - document));
	if (nodes_first)
		write_nodes(g);
	else
		write_links(name, g);
	json_put(between, (size_t)(b.text - between));
	if (nodes_first)
		write_links(name, g);
	else
		write_nodes(g);
	put(rest);
	if (rest[strlen(rest) - 1] != '\n')
		putchar('\n');
}
