#include "graph/graph.h"

#include "base/die.h"
#include "base/json.h"
#include "graph/graph_groups.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- The arrays in their frames ---------------------------------------------------------------- */

enum { NODE_FRAME, LINK_FRAME, DOCUMENT_FRAME, GROUP_FRAME };
#define TEXT SM_DTYPES			/* a list of strings */

static const struct column {
	int frame;
	const char *name;
	enum sm_dtype dtype;
	size_t place, length;
	bool optional;
} columns[] = {
#define COLUMN(frame, name, dtype, length, optional) {frame, #name, dtype, \
	offsetof(struct graph, name), offsetof(struct graph, length), optional}
	COLUMN(NODE_FRAME, node_id, TEXT, nodes, false),
	COLUMN(NODE_FRAME, js_node_id, TEXT, nodes, false),
	COLUMN(NODE_FRAME, layer, TEXT, nodes, false),
	COLUMN(NODE_FRAME, feature, SM_U8, nodes, false),
	COLUMN(NODE_FRAME, ctx_idx, SM_I4, nodes, false),
	COLUMN(NODE_FRAME, type, SM_U1, nodes, false),
	COLUMN(NODE_FRAME, influence, SM_F4, nodes, false),
	COLUMN(NODE_FRAME, activation, SM_F4, nodes, false),
	COLUMN(NODE_FRAME, clerp, TEXT, nodes, false),
	COLUMN(NODE_FRAME, node_json, TEXT, nodes, false),
	COLUMN(LINK_FRAME, source, SM_U4, links, false),
	COLUMN(LINK_FRAME, target, SM_U4, links, false),
	COLUMN(LINK_FRAME, weight, SM_F4, links, false),
	COLUMN(LINK_FRAME, weight_exact, SM_F8, links, true),
	COLUMN(LINK_FRAME, link_json, TEXT, links, true),
	COLUMN(GROUP_FRAME, group, SM_I4, nodes, false),
	COLUMN(GROUP_FRAME, group_name, TEXT, groups, false),
	COLUMN(GROUP_FRAME, group_link_source, SM_U4, group_links, false),
	COLUMN(GROUP_FRAME, group_link_target, SM_U4, group_links, false),
	COLUMN(GROUP_FRAME, group_link_weight, SM_F4, group_links, false),
	COLUMN(GROUP_FRAME, group_link_abs, SM_F4, group_links, false),
	COLUMN(GROUP_FRAME, group_link_influence, SM_F4, group_links, true),
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static void take_columns(struct graph *g, int frame, const struct sm_reader *in,
	const struct sm_frame *f)
{
	for (const struct column *c = columns; c < columns + COLUMNS; c++) {
		if (c->frame != frame || (c->optional && !sm_find_field(f, c->name)))
			continue;
		size_t *length = (size_t *)(void *)((char *)g + c->length);
		const void *data = c->dtype == TEXT ? sm_want_strings(in, f, c->name, length).item
			: sm_want(in, f, c->name, c->dtype, length);
		memcpy((char *)g + c->place, &data, sizeof data);
	}
}

static void set_columns(struct sm_frame *f, int frame, const struct graph *g)
{
	for (const struct column *c = columns; c < columns + COLUMNS; c++) {
		const void *data;
		size_t length;
		memcpy(&data, (const char *)g + c->place, sizeof data);
		memcpy(&length, (const char *)g + c->length, sizeof length);
		if (c->frame != frame || !data)
			continue;
		if (c->dtype == TEXT)
			sm_set_strings(f, c->name, length, data);
		else
			sm_set_tensor(f, c->name, c->dtype, data, length);
	}
}

/* The arrays of a frame whose fields were exchanged for others. */
static void refer_columns(struct graph *g, int frame)
{
	for (const struct column *c = columns; c < columns + COLUMNS; c++) {
		const struct sm_field *f = c->frame == frame
			? sm_find_field(&g->frame[frame], c->name) : NULL;
		if (!f)
			continue;
		const void *data = c->dtype == TEXT ? f->strings.item : f->tensor.data;
		memcpy((char *)g + c->place, &data, sizeof data);
	}
}

static struct sm_frame *add_frame(struct graph *g)
{
	g->frame = xrealloc(g->frame, g->frames + 1, sizeof *g->frame);
	g->frame[g->frames] = (struct sm_frame){0};
	return &g->frame[g->frames++];
}

void graph_free(struct graph *g)
{
	while (g->frames > 0)
		sm_frame_free(&g->frame[--g->frames]);
	free(g->frame);
	pool_free(&g->pool);
	*g = (struct graph){0};
}

/* -- The stream -------------------------------------------------------------------------------- */

/* A logit's text has to be JSON: graph_logit_weights() looks into it. */
static void check_logit(const struct sm_reader *in, const struct graph *g, size_t node)
{
	struct json j = {.name = sm_reader_name(in), .kind = "node", .number = node,
		.text = g->node_json[node], .at = g->node_json[node]};
	struct span none;

	json_members(&j, &none, NULL, 0);
	json_end(&j);
}

size_t graph_twin(const struct graph *g, const struct name_index *ids, size_t *first)
{
	for (size_t d = 0; d < ids->distinct; d++) {
		*first = g->nodes;
		for (size_t i = ids->begin[d]; i < ids->begin[d + 1]; i++) {
			if (g->type[ids->number[i]] != FEATURE_NODE)
				continue;
			if (*first < g->nodes)
				return ids->number[i];
			*first = ids->number[i];
		}
	}
	return g->nodes;
}

static void check_nodes(const struct sm_reader *in, const struct graph *g)
{
	if (g->nodes > INT32_MAX)
		sm_bad(in, "%zu nodes: the limit is %d", g->nodes, INT32_MAX);
	for (size_t i = 0; i < g->nodes; i++) {
		if (g->type[i] >= NODE_TYPES)
			sm_bad(in, "node %zu is of type %u", i, g->type[i]);
		if (g->type[i] == LOGIT_NODE)
			check_logit(in, g, i);
	}
	struct name_index ids = name_index_open(g->node_id, g->nodes);
	size_t first, twin = graph_twin(g, &ids, &first);
	if (twin < g->nodes)
		sm_bad(in, "node_id %s is that of nodes %zu and %zu", g->node_id[twin], first,
			twin);
	name_index_close(&ids);
}

static void check_links(const struct sm_reader *in, const struct graph *g)
{
	for (size_t i = 0; i < g->links; i++) {
		if (g->source[i] >= g->nodes || g->target[i] >= g->nodes)
			sm_bad(in, "link %zu joins nodes %u and %u of %zu", i, g->source[i],
				g->target[i], g->nodes);
		if (!isfinite(g->weight[i]) || (g->weight_exact
				&& !(fabs(g->weight_exact[i]) <= (double)FLT_MAX)))
			sm_bad(in, "link %zu: the weight is no number of f4", i);
	}
}

static void check_groups(const struct sm_reader *in, const struct graph *g)
{
	size_t units = g->groups;
	bool *used = xcalloc(g->groups, sizeof *used);

	for (size_t i = 0; i < g->nodes; i++) {
		if (g->group[i] < -1 || (g->group[i] >= 0 && (size_t)g->group[i] >= g->groups))
			sm_bad(in, "node %zu is in group %d of %zu", i, g->group[i], g->groups);
		if (g->group[i] < 0)
			units++;
		else
			used[g->group[i]] = true;
	}
	for (size_t i = 0; i < g->groups; i++)
		if (!used[i])
			sm_bad(in, "group %zu is empty", i);
	free(used);
	for (size_t i = 0; i < g->group_links; i++) {
		if (g->group_link_source[i] >= units || g->group_link_target[i] >= units)
			sm_bad(in, "group link %zu joins units %u and %u of %zu", i,
				g->group_link_source[i], g->group_link_target[i], units);
		if (!isfinite(g->group_link_weight[i]) || !isfinite(g->group_link_abs[i])
				|| (g->group_link_influence
					&& !isfinite(g->group_link_influence[i])))
			sm_bad(in, "group link %zu: the weight is no number", i);
	}
}

void read_graph(struct sm_reader *in, const struct sm_frame *header, struct graph *g)
{
	static const char *const what[] = {"nodes", "links", "document"};

	*g = (struct graph){.nodes = SM_ANY, .links = SM_ANY};
	sm_want_kind(in, header, "graph");
	while (sm_read_frame(in, add_frame(g))) {
		const struct sm_frame *f = &g->frame[g->frames - 1];
		if (g->frames - 1 == NODE_FRAME) {
			take_columns(g, NODE_FRAME, in, f);
			check_nodes(in, g);
		} else if (g->frames - 1 == LINK_FRAME) {
			take_columns(g, LINK_FRAME, in, f);
			check_links(in, g);
		} else if (g->frames - 1 == DOCUMENT_FRAME) {
			g->document = sm_want_string(in, f, "json");
		} else if (sm_find_field(f, "group")) {
			if (g->group)
				sm_bad(in, "a second frame of groups");
			g->groups = g->group_links = SM_ANY;
			take_columns(g, GROUP_FRAME, in, f);
			check_groups(in, g);
		}
	}
	sm_frame_free(&g->frame[--g->frames]);
	if (g->frames == 0)
		g->nodes = g->links = 0;
	else if (g->frames <= DOCUMENT_FRAME)
		sm_bad(in, "the graph ends before its frame of %s", what[g->frames]);
}

void graph_set_frames(struct graph *g)
{
	set_columns(add_frame(g), NODE_FRAME, g);
	set_columns(add_frame(g), LINK_FRAME, g);
	sm_set_string(add_frame(g), "json", g->document);
}

void graph_update_frames(struct graph *g)
{
	set_columns(&g->frame[NODE_FRAME], NODE_FRAME, g);
	set_columns(&g->frame[LINK_FRAME], LINK_FRAME, g);
}

void graph_set_group_frame(struct graph *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->frames; i++)
		if (i >= GROUP_FRAME && sm_find_field(&g->frame[i], "group"))
			sm_frame_free(&g->frame[i]);
		else
			g->frame[n++] = g->frame[i];
	g->frames = n;
	set_columns(add_frame(g), GROUP_FRAME, g);
}

void write_graph(struct sm_writer *out, const struct graph *g)
{
	for (size_t i = 0; i < g->frames; i++)
		sm_write_frame(out, &g->frame[i]);
	sm_write_end(out);
}

/* -- Part of a graph --------------------------------------------------------------------------- */

/* Keeps `left` of the n rows of a field that has so many. */
static void keep_rows(struct graph *g, struct sm_field *f, const bool *kept, size_t n, size_t left)
{
	size_t to = 0, size = 1;

	if (f->kind == SM_STRINGS && f->strings.n == n) {
		const char **item = pool_alloc(&g->pool, left, sizeof *item);
		for (size_t i = 0; i < n; i++)
			if (kept[i])
				item[to++] = f->strings.item[i];
		f->strings = (struct sm_strings){left, item};
	} else if (f->kind == SM_TENSOR && f->tensor.rank > 0 && f->tensor.shape[0] == n) {
		for (size_t k = 1; k < f->tensor.rank; k++)
			size *= f->tensor.shape[k];
		size *= sm_dtype_size(f->tensor.dtype);
		char *data = pool_alloc(&g->pool, left, size);
		for (size_t i = 0; i < n; i++)
			if (kept[i])
				memcpy(data + to++ * size,
					(const char *)f->tensor.data + i * size, size);
		f->tensor.data = data;
		f->tensor.shape[0] = left;
	}
}

/* Of the arrays of a frame and of all else in it that has a row for each of n. */
static void keep_part(struct graph *g, int frame, const bool *kept, size_t n, size_t left)
{
	struct sm_frame *f = &g->frame[frame];

	for (size_t i = 0; i < f->n; i++)
		keep_rows(g, &f->field[i], kept, n, left);
	refer_columns(g, frame);
}

static uint32_t *renumbered(struct graph *g, const uint32_t *node, const uint32_t *number)
{
	uint32_t *to = pool_alloc(&g->pool, g->links, sizeof *to);

	for (size_t i = 0; i < g->links; i++)
		to[i] = number[node[i]];
	return to;
}

/* The groups of the n nodes that the graph had, without those that have none left. */
static void keep_groups(struct graph *g, const bool *kept, size_t n)
{
	int32_t *group = pool_alloc(&g->pool, g->nodes, sizeof *group);
	int32_t *number = xalloc(g->groups, sizeof *number);
	bool *any = xcalloc(g->groups, sizeof *any);
	const char **name = pool_alloc(&g->pool, g->groups, sizeof *name);
	size_t groups = 0, nodes = 0;

	for (size_t i = 0; i < n; i++)
		if (kept[i] && g->group[i] >= 0)
			any[g->group[i]] = true;
	for (size_t i = 0; i < g->groups; i++)
		if (any[i]) {
			name[groups] = pool_keep(&g->pool, xasprintf("%s", g->group_name[i]));
			number[i] = (int32_t)groups++;
		}
	for (size_t i = 0; i < n; i++)
		if (kept[i])
			group[nodes++] = g->group[i] < 0 ? -1 : number[g->group[i]];
	free(any);
	free(number);
	graph_set_groups(g, group, groups, name);
}

void graph_keep_only(struct graph *g, const bool *node, const bool *link)
{
	size_t nodes = g->nodes, links = g->links, n = 0, l = 0;
	uint32_t *number = xalloc(nodes, sizeof *number);
	bool *kept = xalloc(links, sizeof *kept);

	for (size_t i = 0; i < nodes; i++) {
		number[i] = (uint32_t)n;
		n += node[i];
	}
	for (size_t i = 0; i < links; i++)
		l += kept[i] = link[i] && node[g->source[i]] && node[g->target[i]];
	if (g->frames > 0) {
		g->nodes = n;
		g->links = l;
		keep_part(g, NODE_FRAME, node, nodes, n);
		keep_part(g, LINK_FRAME, kept, links, l);
		g->source = renumbered(g, g->source, number);
		g->target = renumbered(g, g->target, number);
		graph_update_frames(g);
		g->order = NULL;
		g->cyclic = false;
	}
	if (g->group)
		keep_groups(g, node, nodes);
	free(kept);
	free(number);
}

/* -- Weights ----------------------------------------------------------------------------------- */

double graph_weight(const struct graph *g, size_t link)
{
	return g->weight_exact ? g->weight_exact[link] : (double)g->weight[link];
}
