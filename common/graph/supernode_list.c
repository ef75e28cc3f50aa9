#include "graph/supernode_list.h"

#include "base/die.h"
#include "base/input.h"
#include "file/folder.h"
#include "graph/graph_link.h"
#include "graph/node_names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Lists ------------------------------------------------------------------------------------ */

static void check_list(const char *where, const json_t *list)
{
	const json_t *supernode, *text;
	size_t i, k;

	if (list && !json_is_null(list) && !json_is_array(list))
		die("%s: supernodes are no list", where);
	json_array_foreach(list, i, supernode) {
		if (json_array_size(supernode) == 0)
			die("%s: supernode %zu is no list that begins with its name", where, i);
		json_array_foreach(supernode, k, text)
			if (!json_is_string(text))
				die("%s: supernode %zu: item %zu is no string", where, i, k);
	}
}

/* node: the nodes that a supernode names, once each; returns how many. last (nodes): the last
 * supernode that named the node, plus 1. */
static size_t find_members(uint32_t *node, struct supernode_list *x, const json_t *supernode,
	size_t number, const struct node_names *names, size_t *last)
{
	size_t n = 0;

	for (size_t k = 1; k < json_array_size(supernode); k++) {
		uint32_t i = node_named(names, json_string_value(json_array_get(supernode, k)));
		if (i == NO_NODE) {
			x->missing++;
		} else if (last[i] <= number) {
			last[i] = number + 1;
			node[n++] = i;
		}
	}
	x->members += n;
	return n;
}

void supernode_list_read(struct supernode_list *x, const char *where, const json_t *list,
	const struct graph *g, size_t least)
{
	check_list(where, list);
	struct node_names names = node_names_open(list, g);
	uint32_t *node = xalloc(g->nodes, sizeof *node);
	size_t *last = xcalloc(g->nodes, sizeof *last);

	*x = (struct supernode_list){.listed = json_array_size(list),
		.group = xalloc(g->nodes, sizeof *x->group)};
	x->name = xalloc(x->listed, sizeof *x->name);
	memset(x->group, 0xff, g->nodes * sizeof *x->group);		/* -1 */
	for (size_t i = 0; i < x->listed; i++) {
		const json_t *supernode = json_array_get(list, i);
		size_t n = find_members(node, x, supernode, i, &names, last);
		if (n < least)
			continue;
		for (size_t k = 0; k < n; k++)
			if (x->group[node[k]] < 0)
				x->group[node[k]] = (int32_t)x->n;
		x->name[x->n++] = json_string_value(json_array_get(supernode, 0));
	}
	free(last);
	free(node);
	node_names_close(&names);
}

void supernode_list_free(struct supernode_list *x)
{
	free(x->name);
	free(x->group);
	*x = (struct supernode_list){0};
}

/* -- Lists as texts ---------------------------------------------------------------------------- */

static json_t *split_at_commas(const char *text)
{
	json_t *list = json_array();

	for (size_t n; *text; text += n + (text[n] == ',')) {
		n = strcspn(text, ",");
		if (n > 0)
			json_array_append_new(list, json_stringn(text, n));
	}
	return list;
}

bool query_lists(json_t *query)
{
	const json_t *pins = json_object_get(query, "pinnedIds");
	const json_t *supernodes = json_object_get(query, "supernodes");

	if (json_is_string(pins))
		json_object_set_new(query, "pinnedIds", split_at_commas(json_string_value(pins)));
	if (!json_is_string(supernodes))
		return true;
	const char *text = json_string_value(supernodes);
	json_t *list = *text ? json_loads(text, 0, NULL) : json_array();
	bool is_list = json_is_array(list);
	if (is_list)
		json_object_set(query, "supernodes", list);
	json_decref(list);
	return is_list;
}

/* -- Files of lists ---------------------------------------------------------------------------- */

/* Takes a list of what links say, which is a file's, unless there is only one and that names no
 * graph: then what it says is. */
static json_t *as_lists(json_t *list)
{
	json_t *only = json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;

	if (!only || json_object_get(only, "slug"))
		return list;
	json_incref(only);
	json_decref(list);
	return only;
}

static json_t *read_links(const char *path, FILE *file)
{
	json_t *list = json_array();
	char *line = NULL;
	size_t room = 0, number = 0;

	while (getline(&line, &room, file) >= 0) {
		number++;
		size_t n = strlen(line);
		while (n > 0 && isspace((unsigned char)line[n - 1]))
			line[--n] = '\0';
		if (n == 0)
			continue;
		char *where = xasprintf("%s: line %zu", path, number);
		if (!is_link(line))
			die("%s: no link", where);
		json_array_append_new(list, link_read(where, line));
		free(where);
	}
	if (!feof(file))
		die("%s: out of memory", path);
	free(line);
	return as_lists(list);
}

static json_t *read_lists(const char *path, FILE *file)
{
	json_error_t error;
	int first = getc(file), skipped = 0;

	if (first != EOF && sm_begins_stream((char)first))
		die("%s: a stream, where JSON is read", path);
	for (; isspace(first); first = getc(file))
		skipped++;
	ungetc(first, file);
	if (first == 'h')
		return read_links(path, file);
	json_t *json = json_loadf(file, 0, &error);
	if (!json && error.position > 0)
		die("%s: byte %d: %s", path, skipped + error.position, error.text);
	if (!json)
		die("%s: %s", path, error.text);
	return json;
}

struct supernode_file supernode_file_open(const char *spec)
{
	const char *colon = path_exists(spec) ? NULL : strrchr(spec, ':');
	size_t n = colon ? (size_t)(colon - spec) : strlen(spec);

	if (is_link(spec))
		return (struct supernode_file){xasprintf("link"), xasprintf("supernodes"),
			as_lists(json_pack("[o]", link_read("link", spec)))};
	struct supernode_file f = {xasprintf("%.*s", (int)n, spec),
		xasprintf("%s", colon ? colon + 1 : "supernodes"), NULL};
	FILE *file = input_open(f.path);
	f.json = read_lists(f.path, file);
	fclose(file);
	return f;
}

static const json_t *list_in(const struct supernode_file *f, const json_t *json)
{
	if (json_is_array(json))
		return json;
	const json_t *list = json_object_get(json, f->key);
	json_t *query = json_object_get(json, "qParams");
	if (!list && query && !query_lists(query))
		die("%s: supernodes are no list", f->path);
	return list ? list : json_object_get(query, f->key);
}

const json_t *supernode_file_list(const struct supernode_file *f, const char *slug)
{
	bool objects = json_is_object(json_array_get(f->json, 0));
	const json_t *list = objects ? NULL : list_in(f, f->json), *item;
	size_t i;

	json_array_foreach(f->json, i, item) {
		const char *own = json_string_value(json_object_get(item, "slug"));
		if (!list && own && strcmp(own, slug) == 0)
			list = list_in(f, item);
	}
	if (!list)
		list = list_in(f, json_object_get(f->json, slug));
	if (!list)
		die("%s: no list %s, and no entry for the slug %s", f->path, f->key, slug);
	return list;
}

void supernode_file_close(struct supernode_file *f)
{
	json_decref(f->json);
	free(f->path);
	free(f->key);
	*f = (struct supernode_file){0};
}
