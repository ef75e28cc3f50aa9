#include "graph/page.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/graph_groups.h"
#include "graph/graph_influence.h"
#include "graph/node_names.h"
#include "graph/page_document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char page_template[];	/* page.html and a NUL, made by the Makefile */
static const char placeholder[] = "@GRAPHS@";

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

/* The index in its layer of every feature, or null. */
static json_t *indices(const struct graph *g)
{
	json_t *list = json_array();

	for (size_t i = 0; i < g->nodes; i++)
		json_array_append_new(list, g->type[i] == FEATURE_NODE
			&& g->feature[i] != NO_FEATURE ? json_integer((json_int_t)g->feature[i])
			: json_null());
	return list;
}

/* What metadata tells of the place where Neuronpedia shows the features. */
static json_t *sources(const json_t *metadata)
{
	static const char key[] = "neuronpedia_source_set";
	const json_t *details = json_object_get(metadata, "feature_details");
	const json_t *info = json_object_get(metadata, "info");
	const json_t *set = json_object_get(details, key);

	return json_pack("{s:O*,s:O*}", "set", set ? set : json_object_get(info, key),
		"urls", json_object_get(info, "source_urls"));
}

/* The position, the type, the token's probability and the weight as a logit of every node. */
static void set_places(json_t *page, const struct graph *g)
{
	json_t *position = json_array(), *type = json_array(), *probability = json_array();
	json_t *output = json_array();
	double *logit = graph_logit_weights(g);

	for (size_t i = 0; i < g->nodes; i++) {
		struct span p = json_find(g->node_json[i], "token_prob");
		struct json j = {.text = p.text, .at = p.text};
		json_array_append_new(position, json_integer(g->ctx_idx[i]));
		json_array_append_new(type, json_integer(g->type[i]));
		json_array_append_new(probability, p.n > 0 && strchr("-0123456789", *p.text)
			? json_tree(&j) : json_null());
		json_array_append_new(output, logit[i] > 0 ? json_real(logit[i]) : json_integer(0));
	}
	json_object_set_new(page, "ctx_idx", position);
	json_object_set_new(page, "type", type);
	json_object_set_new(page, "token_prob", probability);
	json_object_set_new(page, "output", output);
	free(logit);
}

static json_t *pinned_nodes(const struct graph *g, const json_t *pins)
{
	struct node_names names = node_names_open(pins, g);
	bool *pinned = xcalloc(g->nodes, sizeof *pinned);
	json_t *list = json_array();
	const json_t *pin;
	size_t i;

	json_array_foreach(pins, i, pin) {
		uint32_t node = node_named(&names, json_string_value(pin));
		if (node != NO_NODE)
			pinned[node] = true;
	}
	for (i = 0; i < g->nodes; i++)
		if (pinned[i])
			json_array_append_new(list, json_integer((json_int_t)i));
	free(pinned);
	node_names_close(&names);
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
	json_object_set_new(page, "sources", sources(metadata));
	json_object_set_new(page, "feature", indices(g));
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
	const char *text = (const char *)page_template, *end = strstr(text, placeholder);

	if (wanted)
		fwrite(text, 1, (size_t)(end - text), stdout);
	return end + strlen(placeholder);
}

void page_graph(const char *name, struct graph *g, const json_t *document, size_t number,
	struct member_contexts *contexts)
{
	if (!g->group) {
		const json_t *query = json_object_get(document, "qParams");
		struct graph_groups had = graph_groups_of(name, g, query);
		if (had.missing > 0)
			note("%s: %zu members of supernodes are not nodes of the graph", name,
				had.missing);
		graph_set_groups(g, had.group, had.n, had.name);
	}
	json_t *page = as_json(name, g, document);

	page_set_document(page, name, g, document);
	set_member_contexts(page, name, g, contexts);
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
