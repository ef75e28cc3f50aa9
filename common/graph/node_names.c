#include "graph/node_names.h"

#include "base/die.h"

#include <stdlib.h>
#include <string.h>

struct node_index node_index_open(const struct graph *g, const char *const *name)
{
	struct node_index x = {name, name_index_open(name, g->nodes),
		xalloc(g->nodes, sizeof *x.chosen)};
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

void node_index_close(struct node_index *x)
{
	name_index_close(&x->index);
	free(x->chosen);
	*x = (struct node_index){0};
}

uint32_t node_index_find(const struct node_index *x, const char *name, size_t n)
{
	size_t count;
	const uint32_t *number = name_index_find(&x->index, name, n, &count);

	return number ? x->chosen[number - x->index.number] : NO_NODE;
}

/* How many texts of a list, or of its lists without their first, are names of nodes. */
static size_t count_found(const struct node_index *x, const json_t *list, size_t first)
{
	size_t n = 0;

	for (size_t i = first; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_string_value(item);
		if (name)
			n += node_index_find(x, name, strlen(name)) != NO_NODE;
		else
			n += count_found(x, item, 1);
	}
	return n;
}

struct node_names node_names_open(const json_t *list, const struct graph *g)
{
	struct node_index id = node_index_open(g, g->node_id);
	struct node_index js = node_index_open(g, g->js_node_id);

	return count_found(&js, list, 0) > count_found(&id, list, 0)
		? (struct node_names){js, id} : (struct node_names){id, js};
}

void node_names_close(struct node_names *x)
{
	node_index_close(&x->first);
	node_index_close(&x->second);
}

uint32_t node_named(const struct node_names *x, const char *name)
{
	size_t n = strlen(name);
	uint32_t node = node_index_find(&x->first, name, n);

	return node != NO_NODE ? node : node_index_find(&x->second, name, n);
}
