#include "graph/supernode_list.h"

#include "base/die.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Nodes by name ------------------------------------------------------------------------------ */

struct names names_of(const struct graph *g, const char *const *name)
{
	struct names x = {name, lookup_open(name, g->nodes), xalloc(g->nodes, sizeof *x.chosen)};
	const uint32_t *number = x.index.number;

	for (size_t d = 0; d < x.index.distinct; d++) {
		size_t begin = x.index.begin[d], end = x.index.begin[d + 1], first = begin;
		while (first < end && g->type[number[first]] != FEATURE_NODE)
			first++;
		for (size_t i = begin; i < end; i++)
			x.chosen[i] = number[first < end ? first : begin];
	}
	return x;
}

void names_free(struct names *x)
{
	lookup_close(&x->index);
	free(x->chosen);
	*x = (struct names){0};
}

uint32_t node_spelled(const struct names *x, const char *name, size_t n)
{
	size_t count;
	const uint32_t *number = lookup(&x->index, name, n, &count);

	return number ? x->chosen[number - x->index.number] : NO_NODE;
}

uint32_t node_named(const struct names *x, const char *name)
{
	return node_spelled(x, name, strlen(name));
}

/* How many texts of a list, or of its lists without their first, are names of nodes. */
static size_t found(const struct names *x, const json_t *list, size_t first)
{
	size_t n = 0;

	for (size_t i = first; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (json_is_string(item))
			n += node_named(x, json_string_value(item)) != NO_NODE;
		else
			n += found(x, item, 1);
	}
	return n;
}

struct names names_in(const json_t *list, const struct graph *g)
{
	struct names id = names_of(g, g->node_id), js = names_of(g, g->js_node_id);
	bool by_js = found(&js, list, 0) > found(&id, list, 0);

	names_free(by_js ? &id : &js);
	return by_js ? js : id;
}

/* -- Supernodes by name ------------------------------------------------------------------------- */

/* Returns how many texts there are, names of supernodes included. */
static size_t check_list(const char *where, const json_t *list)
{
	const json_t *supernode, *text;
	size_t i, k, texts = 0;

	if (list && !json_is_null(list) && !json_is_array(list))
		die("%s: supernodes are no list", where);
	json_array_foreach(list, i, supernode) {
		if (json_array_size(supernode) == 0)
			die("%s: supernode %zu is no list that begins with its name", where, i);
		json_array_foreach(supernode, k, text)
			if (!json_is_string(text))
				die("%s: supernode %zu: item %zu is no string", where, i, k);
		texts += k;
	}
	return texts;
}

void read_named(struct named *x, const char *where, const json_t *list, const struct graph *g)
{
	size_t texts = check_list(where, list), groups = json_array_size(list), n = 0;
	struct names names = names_in(list, g);
	size_t *seen = xcalloc(g->nodes, sizeof *seen);		/* the last group that had the node, plus 1 */

	*x = (struct named){groups, xalloc(groups, sizeof *x->name), xalloc(groups + 1, sizeof *x->indptr),
		xalloc(texts, sizeof *x->node), 0};
	for (size_t i = 0; i < groups; i++) {
		const json_t *supernode = json_array_get(list, i);
		x->name[i] = json_string_value(json_array_get(supernode, 0));
		x->indptr[i] = n;
		for (size_t k = 1; k < json_array_size(supernode); k++) {
			uint32_t node = node_named(&names, json_string_value(json_array_get(supernode, k)));
			if (node == NO_NODE) {
				x->missing++;
			} else if (seen[node] <= i) {
				seen[node] = i + 1;
				x->node[n++] = node;
			}
		}
	}
	x->indptr[groups] = n;
	free(seen);
	names_free(&names);
}

void named_free(struct named *x)
{
	free(x->name);
	free(x->indptr);
	free(x->node);
	*x = (struct named){0};
}

void named_groups(int32_t *group, size_t nodes, const struct named *x)
{
	for (size_t i = 0; i < nodes; i++)
		group[i] = -1;
	for (size_t i = 0; i < x->groups; i++)
		for (size_t k = x->indptr[i]; k < x->indptr[i + 1]; k++)
			if (group[x->node[k]] < 0)
				group[x->node[k]] = (int32_t)i;
}

/* -- Files of lists ----------------------------------------------------------------------------- */

struct named_file named_open(const char *spec)
{
	const char *colon = access(spec, F_OK) == 0 ? NULL : strrchr(spec, ':');
	size_t n = colon ? (size_t)(colon - spec) : strlen(spec);
	struct named_file f = {xasprintf("%.*s", (int)n, spec), xasprintf("%s", colon ? colon + 1 : "supernodes"),
		NULL};
	json_error_t error;

	FILE *file = fopen(f.path, "rb");
	if (!file)
		die("%s: %s", f.path, strerror(errno));
	int first = getc(file);
	if (first != EOF && sm_begins_stream((char)first))
		die("%s: a stream, where JSON is read", f.path);
	ungetc(first, file);
	f.json = json_loadf(file, 0, &error);
	fclose(file);
	if (!f.json && error.position > 0)
		die("%s: byte %d: %s", f.path, error.position, error.text);
	if (!f.json)
		die("%s: %s", f.path, error.text);
	return f;
}

static const json_t *list_in(const json_t *json, const char *key)
{
	if (json_is_array(json))
		return json;
	const json_t *list = json_object_get(json, key);
	return list ? list : json_object_get(json_object_get(json, "qParams"), key);
}

const json_t *named_list(const struct named_file *f, const char *slug)
{
	const json_t *list = json_is_object(json_array_get(f->json, 0)) ? NULL : list_in(f->json, f->key), *item;
	size_t i;

	json_array_foreach(f->json, i, item) {
		const char *own = json_string_value(json_object_get(item, "slug"));
		if (!list && own && strcmp(own, slug) == 0)
			list = list_in(item, f->key);
	}
	if (!list)
		list = list_in(json_object_get(f->json, slug), f->key);
	if (!list)
		die("%s: no %s, nor any for the slug %s", f->path, f->key, slug);
	return list;
}

void named_close(struct named_file *f)
{
	json_decref(f->json);
	free(f->path);
	free(f->key);
	*f = (struct named_file){0};
}
