#include "graph/graph_json.h"

#include "base/die.h"
#include "base/json.h"
#include "file/graph_node.h"
#include "graph/node_names.h"
#include "graph/supernode_list.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof (list) / sizeof *(list))

/* -- Values by key ---------------------------------------------------------------------------- */

/* The node, link or document that is read, and its members. */
struct item {
	struct json j;
	const char *const *key;
	struct span *value;
};

static bool is_string(struct span value)
{
	return value.n > 0 && *value.text == '"';
}

static bool is_number(struct span value)
{
	return value.n > 0 && strchr("-0123456789", *value.text);
}

/* null, or not there. */
static bool is_null(struct span value)
{
	return value.n == 0 || *value.text == 'n';
}

/* Decodes a string to *to, and moves that behind it. */
static const char *take_text(const struct item *x, size_t k, char **to)
{
	const char *text = *to;

	if (x->value[k].n == 0)
		json_wrong(&x->j, "no %s", x->key[k]);
	if (!is_string(x->value[k]))
		json_wrong(&x->j, "%s is no string", x->key[k]);
	size_t n = json_decode(*to, x->value[k]);
	if (strlen(text) != n)
		json_wrong(&x->j, "%s holds a NUL", x->key[k]);
	*to += n + 1;
	return text;
}

static double take_real(const struct item *x, size_t k)
{
	if (is_null(x->value[k]))
		return NAN;
	if (!is_number(x->value[k]))
		json_wrong(&x->j, "%s is no number", x->key[k]);
	double real = strtod(x->value[k].text, NULL);
	if (fabs(real) > (double)FLT_MAX)
		json_wrong(&x->j, "%s is %g: too large for f4", x->key[k], real);
	return real;
}

static int64_t take_integer(const struct item *x, size_t k)
{
	struct span v = x->value[k];
	char *end;

	if (v.n == 0)
		json_wrong(&x->j, "no %s", x->key[k]);
	errno = 0;
	long long integer = strtoll(v.text, &end, 10);
	if (errno == 0 && end == v.text + v.n)
		return integer;
	double real = is_number(v) ? strtod(v.text, NULL) : NAN;
	if (!(fabs(real) <= 0x1p53) || real != floor(real))
		json_wrong(&x->j, "%s is no whole number of 64 bits", x->key[k]);
	return (int64_t)real;
}

/* -- Nodes ------------------------------------------------------------------------------------ */

enum {
	NODE_ID, JS_NODE_ID, LAYER, FEATURE, CTX_IDX, FEATURE_TYPE, CLERP, INFLUENCE, ACTIVATION,
	NODE_KEYS
};

static const char *const node_key[NODE_KEYS] = {"node_id", "jsNodeId", "layer", "feature",
	"ctx_idx", "feature_type", "clerp", "influence", "activation"};

static enum node_type type_of(const struct item *x, char *room)
{
	return graph_node_type(take_text(x, FEATURE_TYPE, &room));
}

/* The layer gets the word of a second dictionary behind its name. */
static uint64_t feature_of(struct graph *g, const struct item *x, enum node_type type,
	const char *id, const char **layer, int32_t ctx)
{
	struct span word;
	const char *index = graph_node_index(id, *layer, ctx, &word);

	if (!is_null(x->value[FEATURE]) && !is_number(x->value[FEATURE]))
		json_wrong(&x->j, "feature is no number");
	if (index && type == FEATURE_NODE && word.n > 0)
		*layer = pool_keep(&g->pool, xasprintf("%s_%.*s", *layer, (int)word.n, word.text));
	if (index && type != ERROR_NODE)
		return strtoull(index, NULL, 10);
	int64_t feature = is_null(x->value[FEATURE]) ? -1 : take_integer(x, FEATURE);
	return feature < 0 ? NO_FEATURE : (uint64_t)feature;
}

static size_t count_elements(struct json j)
{
	size_t n = 0;

	for (bool more = json_open(&j, '['); more; more = json_more(&j, ']'), n++)
		json_value(&j);
	return n;
}

/* room: what the list's text takes is enough for all strings in it. */
static void read_nodes(struct graph *g, char *text, struct json j, size_t room)
{
	struct span value[NODE_KEYS];
	struct item x = {j, node_key, value};
	size_t n = g->nodes = count_elements(j), i = 0;
	const char **id = pool_alloc(&g->pool, n, sizeof *id);
	const char **js_id = pool_alloc(&g->pool, n, sizeof *js_id);
	const char **layer = pool_alloc(&g->pool, n, sizeof *layer);
	const char **clerp = pool_alloc(&g->pool, n, sizeof *clerp);
	const char **json = pool_alloc(&g->pool, n, sizeof *json);
	uint64_t *feature = pool_alloc(&g->pool, n, sizeof *feature);
	int32_t *ctx_idx = pool_alloc(&g->pool, n, sizeof *ctx_idx);
	uint8_t *type = pool_alloc(&g->pool, n, sizeof *type);
	float *influence = pool_alloc(&g->pool, n, sizeof *influence);
	float *activation = pool_alloc(&g->pool, n, sizeof *activation);
	char *to = pool_alloc(&g->pool, room, 1);

	x.j.kind = "node";
	for (bool more = json_open(&x.j, '['); more; i++) {
		x.j.number = i;
		json[i] = x.j.at;
		json_members(&x.j, value, node_key, NODE_KEYS);
		size_t end = (size_t)(x.j.at - text);
		id[i] = take_text(&x, NODE_ID, &to);
		js_id[i] = is_null(value[JS_NODE_ID]) ? id[i] : take_text(&x, JS_NODE_ID, &to);
		layer[i] = is_number(value[LAYER]) ? pool_keep(&g->pool, xasprintf("%jd",
			(intmax_t)take_integer(&x, LAYER))) : take_text(&x, LAYER, &to);
		clerp[i] = is_null(value[CLERP]) ? "" : take_text(&x, CLERP, &to);
		int64_t position = take_integer(&x, CTX_IDX);
		if (position < INT32_MIN || position > INT32_MAX)
			json_wrong(&x.j, "ctx_idx is beyond 32 bits");
		ctx_idx[i] = (int32_t)position;
		type[i] = (uint8_t)type_of(&x, to);
		feature[i] = feature_of(g, &x, type[i], id[i], &layer[i], ctx_idx[i]);
		influence[i] = (float)take_real(&x, INFLUENCE);
		activation[i] = (float)take_real(&x, ACTIVATION);
		more = json_more(&x.j, ']');
		text[end] = '\0';
	}
	g->node_id = id, g->js_node_id = js_id, g->layer = layer, g->clerp = clerp;
	g->node_json = json;
	g->feature = feature, g->ctx_idx = ctx_idx, g->type = type;
	g->influence = influence, g->activation = activation;
}

/* -- Links ------------------------------------------------------------------------------------ */

enum { SOURCE, TARGET, WEIGHT, LINK_KEYS };

static const char *const link_key[LINK_KEYS] = {"source", "target", "weight"};

static uint32_t node_of(const struct item *x, size_t k, const struct node_index *ids, char **room)
{
	struct span v = x->value[k];
	bool plain = is_string(v) && !memchr(v.text + 1, '\\', v.n - 2);
	char *to = plain ? NULL : (*room = xrealloc(*room, v.n + 1, 1));
	const char *id = plain ? v.text + 1 : take_text(x, k, &to);
	size_t n = plain ? v.n - 2 : strlen(id);
	uint32_t node = node_index_find(ids, id, n);
	if (node == NO_NODE)
		json_wrong(&x->j, "%s %.*s is no node", x->key[k], n < 100 ? (int)n : 100, id);
	return node;
}

/* Sets *source to the first node of its name within [low, high), if any. Is it the only one? */
static bool settle(const struct node_index *ids, uint32_t *source, size_t low, size_t high)
{
	const char *id = ids->name[*source];
	size_t count, begin = 0;
	const uint32_t *number = name_index_find(&ids->index, id, strlen(id), &count);

	for (size_t end = count; begin < end;) {
		size_t middle = begin + (end - begin) / 2;
		if (number[middle] < low)
			begin = middle + 1;
		else
			end = middle;
	}
	if (begin == count || number[begin] >= high)
		return false;
	*source = number[begin];
	return begin + 1 == count || number[begin + 1] >= high;
}

/* shared (nodes): has the node a node_id that others have? */
static void find_shared(bool *shared, const struct name_index *ids)
{
	for (size_t d = 0; d < ids->distinct; d++)
		for (size_t i = ids->begin[d]; i < ids->begin[d + 1]; i++)
			shared[ids->number[i]] = ids->begin[d + 1] - ids->begin[d] > 1;
}

/* An error's node_id, 0_{layer}_{position}, can be that of a feature of layer 0. Exporters write
 * the links of one target in the order of their sources, so the right source is the one that lies
 * between its neighbours. Targets need no such care: nothing flows into an error. */
static void settle_sources(const struct graph *g, const char *name, const struct node_index *ids,
	uint32_t *source)
{
	const uint32_t *target = g->target;
	bool *shared = xcalloc(g->nodes, sizeof *shared);
	size_t unsettled = 0, next;

	find_shared(shared, &ids->index);
	for (size_t i = 0; i < g->links; i = next) {
		next = i;
		while (next < g->links && target[next] == target[i] && shared[source[next]])
			next++;
		bool after = next < g->links && target[next] == target[i];
		size_t high = after ? source[next] : g->nodes;
		for (size_t k = i; k < next; k++) {
			bool before = k > 0 && target[k - 1] == target[k];
			size_t low = before ? source[k - 1] + (size_t)1 : 0;
			unsettled += !settle(ids, &source[k], low, high);
		}
		next += next == i;
	}
	if (unsettled > 0)
		note("%s: %zu links come from a node_id that several nodes bear, and their order "
			"does not tell from which", name, unsettled);
	free(shared);
}

static void refuse_twins(const struct graph *g, struct json j, const struct name_index *ids)
{
	size_t first;

	j.kind = "node";
	j.number = graph_twin(g, ids, &first);
	if (j.number < g->nodes)
		json_wrong(&j, "node_id %s is that of node %zu, too", g->node_id[j.number], first);
}

/* Can the link be written again from its source, target and weight? */
static bool is_plain(const struct span *v, size_t members, double weight)
{
	char text[REAL_TEXT];

	return members == LINK_KEYS
		&& v[SOURCE].text < v[TARGET].text && v[TARGET].text < v[WEIGHT].text
		&& !memchr(v[SOURCE].text, '\\', v[SOURCE].n)
		&& !memchr(v[TARGET].text, '\\', v[TARGET].n)
		&& strlen(real_text(text, weight)) == v[WEIGHT].n
		&& memcmp(text, v[WEIGHT].text, v[WEIGHT].n) == 0;
}

static void read_links(struct graph *g, char *text, struct json j)
{
	struct span value[LINK_KEYS];
	struct item x = {j, link_key, value};
	struct node_index ids = node_index_open(g, g->node_id);
	size_t n = g->links = count_elements(j), i = 0;
	uint32_t *source = pool_alloc(&g->pool, n, sizeof *source);
	uint32_t *target = pool_alloc(&g->pool, n, sizeof *target);
	float *weight = pool_alloc(&g->pool, n, sizeof *weight);
	double *exact = pool_alloc(&g->pool, n, sizeof *exact);
	const char **json = pool_alloc(&g->pool, n, sizeof *json);
	char *room = NULL;

	refuse_twins(g, j, &ids.index);
	x.j.kind = "link";
	for (bool more = json_open(&x.j, '['); more; i++) {
		const char *begin = x.j.at;
		x.j.number = i;
		size_t members = json_members(&x.j, value, link_key, LINK_KEYS);
		size_t end = (size_t)(x.j.at - text);
		source[i] = node_of(&x, SOURCE, &ids, &room);
		target[i] = node_of(&x, TARGET, &ids, &room);
		exact[i] = take_real(&x, WEIGHT);
		if (isnan(exact[i]))
			json_wrong(&x.j, "no weight");
		weight[i] = (float)exact[i];
		json[i] = is_plain(value, members, exact[i]) ? "" : begin;
		if (*json[i])
			g->link_json = json;
		more = json_more(&x.j, ']');
		text[end] = '\0';
	}
	g->source = source, g->target = target, g->weight = weight, g->weight_exact = exact;
	settle_sources(g, j.name, &ids, source);
	node_index_close(&ids);
	free(room);
}

/* -- The document ----------------------------------------------------------------------------- */

enum { NODES, LINKS, METADATA, QUERY, PARTS };
enum { SLUG, SCAN, METADATA_KEYS };
enum { PINS, SUPERNODES, CLICKED, QUERY_KEYS };

static const char *const part_key[PARTS] = {"nodes", "links", "metadata", "qParams"};
static const char *const metadata_key[METADATA_KEYS] = {"slug", "scan"};
static const char *const query_key[QUERY_KEYS] = {"pinnedIds", "supernodes", "clickedId"};

static struct json at(struct json j, struct span value)
{
	j.at = value.text;
	return j;
}

static void check_id(const struct json *j, struct span id)
{
	char *text = xalloc(id.n, 1);

	if (is_string(id) && json_decode(text, id) != strlen(text))
		json_wrong(j, "qParams: a pin or clickedId holds a NUL");
	free(text);
}

/* Lists, or the texts that query_lists() makes lists of. */
static void check_query(struct json j)
{
	struct span value[QUERY_KEYS];
	struct json pins = j, tree = j;
	size_t i = 0;

	json_members(&j, value, query_key, QUERY_KEYS);
	for (size_t k = PINS; k <= SUPERNODES; k++)
		if (!is_null(value[k]) && *value[k].text != '[' && !is_string(value[k]))
			json_wrong(&j, "qParams: %s is no list", query_key[k]);
	check_id(&j, value[CLICKED]);
	check_id(&j, value[PINS]);
	json_t *query = json_tree(&tree);
	if (!query_lists(query))
		json_wrong(&j, "qParams: supernodes is no list");
	json_decref(query);
	if (is_null(value[PINS]) || is_string(value[PINS]))
		return;
	pins.at = value[PINS].text;
	for (bool more = json_open(&pins, '['); more; more = json_more(&pins, ']'), i++) {
		struct span pin = json_value(&pins);
		if (!is_string(pin))
			json_wrong(&j, "qParams: pin %zu is no string", i);
		check_id(&j, pin);
	}
}

/* What a graph consists of, and whether all is there that is read of it. */
static void read_parts(struct json j, struct span *part, struct span *metadata)
{
	json_members(&j, part, part_key, PARTS);
	json_end(&j);
	for (size_t k = NODES; k <= LINKS; k++) {
		if (part[k].n == 0)
			json_wrong(&j, "no %s: not an attribution graph", part_key[k]);
		if (*part[k].text != '[')
			json_wrong(&j, "%s is no list", part_key[k]);
	}
	for (size_t k = METADATA; k <= QUERY; k++)
		if (part[k].n == 0 || *part[k].text != '{')
			json_wrong(&j, "no %s, an object, as in Neuronpedia's graphs",
				part_key[k]);
	struct json inner = at(j, part[METADATA]);
	json_members(&inner, metadata, metadata_key, METADATA_KEYS);
	if (!is_string(metadata[SLUG]) || !is_string(metadata[SCAN]))
		json_wrong(&j, "no metadata with a slug and a scan");
	check_query(at(j, part[QUERY]));
}

static void set_names(struct graph *g, struct sm_frame *header, struct json j, struct span *value)
{
	struct item x = {j, metadata_key, value};

	sm_set_string(header, "kind", "graph");
	for (size_t k = 0; k < METADATA_KEYS; k++) {
		char *to = pool_alloc(&g->pool, value[k].n, 1);
		sm_set_string(header, metadata_key[k], take_text(&x, k, &to));
	}
}

/* The text with its two lists emptied. */
static char *outline(const struct json *j, const struct span *part)
{
	bool nodes_first = part[NODES].text < part[LINKS].text;
	struct span a = part[nodes_first ? NODES : LINKS], b = part[nodes_first ? LINKS : NODES];
	const char *begin = j->at, *between = a.text + a.n, *rest = b.text + b.n;
	char *text = xalloc(strlen(begin) - a.n - b.n + sizeof "[][]", 1);
	char *to = stpcpy(stpncpy(text, begin, (size_t)(a.text - begin)), "[]");

	strcpy(stpcpy(stpncpy(to, between, (size_t)(b.text - between)), "[]"), rest);
	return text;
}

void graph_from_json(struct graph *g, struct sm_frame *header, const char *name, char *text,
	size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";	/* of UTF-8, from Windows */
	size_t skipped = strncmp(text, mark, 3) == 0 ? 3 : 0;
	struct json j = {.name = name, .text = text, .at = text + skipped};
	struct span part[PARTS], metadata[METADATA_KEYS];
	const char *nul = memchr(text, '\0', n);

	*g = (struct graph){0};
	if (sm_begins_stream(text[0]))
		json_wrong(&j, "a stream, where JSON is read");
	if (strncmp(text, "\x1f\x8b", 2) == 0)
		json_wrong(&j, "compressed by gzip: give it to gunzip first");
	if (n > 1 && (!text[0] != !text[1] || strncmp(text, "\xff\xfe", 2) == 0
			|| strncmp(text, "\xfe\xff", 2) == 0))
		json_wrong(&j, "UTF-16: iconv -f UTF-16 -t UTF-8 makes UTF-8 of it");
	if (nul)
		json_wrong(&j, "byte %zu: a NUL in JSON", (size_t)(nul - text));
	read_parts(j, part, metadata);
	set_names(g, header, j, metadata);
	g->document = pool_keep(&g->pool, outline(&j, part));
	read_nodes(g, text, at(j, part[NODES]), part[NODES].n);
	read_links(g, text, at(j, part[LINKS]));
	graph_set_frames(g);
}

json_t *graph_document(const char *name, const struct graph *g)
{
	struct json j = {.name = name, .text = g->document, .at = g->document};
	struct span part[PARTS], metadata[METADATA_KEYS];

	read_parts(j, part, metadata);
	json_t *document = json_tree(&j);
	query_lists(json_object_get(document, "qParams"));
	return document;
}
