#include "graph/graph_labels.h"

#include "base/die.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* The node's text with a label as its clerp; it stays as long as the graph. */
static const char *with_clerp(struct graph *g, const char *name, size_t node, const char *label)
{
	json_t *string = json_string(label);
	char *text = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	if (!text)
		die("%s: the label of node %s is not UTF-8", name, g->node_id[node]);
	const char *json = pool_keep(&g->pool, json_with(g->node_json[node], "clerp", text));
	free(text);
	json_decref(string);
	return json;
}

void graph_take_labels(const char *name, struct graph *g, struct labels *labels)
{
	const char **clerp = pool_alloc(&g->pool, g->nodes, sizeof *clerp);
	const char **json = pool_alloc(&g->pool, g->nodes, sizeof *json);

	for (size_t i = 0; i < g->nodes; i++) {
		const char *own = g->clerp[i], *label = NULL;
		if (g->type[i] == FEATURE_NODE && g->feature[i] <= UINT32_MAX)
			label = labels_find(labels, g->layer[i], (uint32_t)g->feature[i]);
		bool takes = label && own[strspn(own, " \t\r\n")] == '\0';
		clerp[i] = takes ? pool_keep(&g->pool, xasprintf("%s", label)) : own;
		json[i] = takes ? with_clerp(g, name, i, label) : g->node_json[i];
	}
	labels_tell(labels, name, false);
	g->clerp = clerp;
	g->node_json = json;
	graph_update_frames(g);
}
