#include "file/labels.h"

#include "base/die.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/text_stream.h"
#include "file/feature_list.h"
#include "file/graph_node.h"
#include "file/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKED = 8 };			/* layers that are remembered; error lines name so many */

struct label {
	const char *layer, *text;
	size_t number;			/* in the file */
	uint32_t feature;
	bool found;
};

struct layer {
	const char *name;
	size_t begin;			/* of its labels; they end where the next begins */
};

struct labels {
	const char *path;
	const char *model;		/* of explanations, or NULL */
	struct table table;		/* texts point into it, or into the pool */
	struct pool pool;
	struct label *of;		/* (n): by layer, then feature */
	size_t n, room;
	struct layer *layer;		/* (layers + 1): by name */
	size_t layers;
	struct {
		char *name;
		size_t layer;		/* its number; `layers`: none */
	} asked[ASKED];
	size_t asks;
	bool known;			/* is one of all layers asked for in the file? */
};

static void add_label(struct labels *l, const char *layer, uint32_t feature, const char *text,
	size_t number)
{
	if (!*text)
		return;
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->of = xrealloc(l->of, l->room, sizeof *l->of);
	}
	l->of[l->n++] = (struct label){layer, text, number, feature, false};
}

/* -- Tables --------------------------------------------------------------------------------- */

enum { LAYER, FEATURE, LABEL, NAMES };
static const char *const column_name[NAMES] = {"layer", "feature", "label"};

/* The columns that the line names; false where it names none. */
static bool find_columns(size_t column[NAMES], const struct table *t)
{
	bool named = false;

	for (size_t k = 0; k < NAMES; k++) {
		column[k] = SIZE_MAX;
		for (size_t i = 0; i < t->cells; i++)
			if (strcmp(t->cell[i], column_name[k]) == 0)
				column[k] = i;
		named |= column[k] != SIZE_MAX;
	}
	for (size_t k = 0; k < NAMES; k++)
		if (!named)
			column[k] = k;
		else if (column[k] == SIZE_MAX)
			die("%s: no column '%s' in the first line", t->path, column_name[k]);
	return named;
}

static void read_table(struct labels *l)
{
	struct table *t = &l->table;
	size_t column[NAMES];
	uint32_t index;

	if (!table_read(t))
		die("%s: nothing in it, where labels were expected", t->path);
	bool named = find_columns(column, t), more = !named || table_read(t);
	if (!named && !table_index(table_text(t, FEATURE), &index))
		die("%s: the first line names no columns layer, feature and label, and '%s' is no "
			"feature's index", t->path, t->cell[FEATURE]);
	for (; more; more = table_read(t)) {
		const char *text = table_text(t, column[LABEL]);
		add_label(l, table_text(t, column[LAYER]), table_feature(t, column[FEATURE]), text,
			t->line);
	}
}

/* -- JSON ----------------------------------------------------------------------------------- */

enum { MODEL, IN_LAYER, INDEX, DESCRIPTION, NODES, KEYS };
static const char *const key[KEYS] = {"modelId", "layer", "index", "description", "nodes"};
enum { ID, OF_LAYER, NUMBER, CTX_IDX, TYPE, CLERP, NODE_KEYS };
static const char *const node_key[NODE_KEYS] = {"node_id", "layer", "feature", "ctx_idx",
	"feature_type", "clerp"};

/* Strings and numbers as text, in their place in the file; NULL: there is none. */
static void take_texts(const char **text, const struct json *j, const struct span *value,
	const char *const *name, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		char *at = (char *)value[k].text;
		text[k] = value[k].n > 0 && *at != 'n' ? at : NULL;
		if (!text[k])
			continue;
		if (*at != '"' && !strchr("-0123456789", *at))
			json_wrong(j, "%s is neither a string nor a number", name[k]);
		if (*at != '"')
			at[value[k].n] = '\0';
		else if (json_decode(at, value[k]) != strlen(at))
			json_wrong(j, "%s holds a NUL", name[k]);
	}
}

/* The clerp of a graph's node, where that is a feature. */
static void read_node(struct labels *l, struct json *j)
{
	struct span value[NODE_KEYS], word;
	const char *text[NODE_KEYS];
	uint32_t feature;

	json_members(j, value, node_key, NODE_KEYS);
	take_texts(text, j, value, node_key, NODE_KEYS);
	for (size_t k = ID; k < CLERP; k++)
		if (!text[k] && k != NUMBER)
			json_wrong(j, "no %s", node_key[k]);
	if (!text[CLERP] || graph_node_type(text[TYPE]) != FEATURE_NODE)
		return;
	const char *index = graph_node_index(text[ID], text[OF_LAYER],
		(int32_t)strtol(text[CTX_IDX], NULL, 10), &word);
	char *digits = xasprintf("%.*s", (int)strcspn(index ? index : "", "_"), index ? index : "");
	if (index && word.n > 0)
		text[OF_LAYER] = pool_keep(&l->pool, xasprintf("%s_%.*s", text[OF_LAYER],
			(int)word.n, word.text));
	if (table_index(index ? digits : text[NUMBER] ? text[NUMBER] : "", &feature))
		add_label(l, text[OF_LAYER], feature, text[CLERP], j->number);
	free(digits);
}

static void read_nodes(struct labels *l, struct json j, struct span nodes)
{
	j.kind = "node";
	j.at = nodes.text;
	for (bool more = json_open(&j, '['); more; more = json_more(&j, ']'), j.number++)
		read_node(l, &j);
}

/* An explanation, or a whole graph. */
static void read_object(struct labels *l, struct json *j)
{
	struct span value[KEYS];
	const char *text[NODES];
	uint32_t feature;

	json_members(j, value, key, KEYS);
	if (value[NODES].n > 0) {
		read_nodes(l, *j, value[NODES]);
		return;
	}
	take_texts(text, j, value, key, NODES);
	for (size_t k = IN_LAYER; k < DESCRIPTION; k++)
		if (!text[k])
			json_wrong(j, "no %s", key[k]);
	if (!table_index(text[INDEX], &feature))
		json_wrong(j, "index '%s' is no feature's", text[INDEX]);
	if (text[MODEL] && l->model && strcmp(text[MODEL], l->model) != 0)
		json_wrong(j, "modelId is %s, of others %s", text[MODEL], l->model);
	l->model = text[MODEL] ? text[MODEL] : l->model;
	if (text[DESCRIPTION])
		add_label(l, text[IN_LAYER], feature, text[DESCRIPTION], j->number);
}

static void read_json(struct labels *l)
{
	struct json j = {.name = l->path, .kind = "explanation", .text = l->table.rest};
	bool list = *(j.at = j.text + strspn(j.text, " \t\r\n")) == '[';
	bool more = !list || json_open(&j, '[');

	for (; more; j.number++) {
		read_object(l, &j);
		j.at += strspn(j.at, " \t\r\n");
		more = list ? json_more(&j, ']') : *j.at != '\0';
	}
	json_end(&j);
}

/* -- All of a file -------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int order = strcmp(x->layer, y->layer);

	return order ? order : x->feature < y->feature ? -1 : x->feature > y->feature ? 1
		: (x->number > y->number) - (x->number < y->number);
}

/* Sorts the labels and leaves one of each feature. */
static void settle(struct labels *l, bool several)
{
	size_t n = 0, others = 0;

	if (l->n > 0)
		qsort(l->of, l->n, sizeof *l->of, by_name);
	for (size_t i = 0; i < l->n; i++) {
		const struct label *x = &l->of[i], *last = n > 0 ? &l->of[n - 1] : NULL;
		if (!last || last->feature != x->feature || strcmp(last->layer, x->layer) != 0)
			l->of[n++] = *x;
		else if (strcmp(last->text, x->text) != 0 && !several)
			die("%s: line %zu: feature %u of layer %s occurs twice", l->path, x->number,
				x->feature, x->layer);
		else
			others += strcmp(last->text, x->text) != 0;
	}
	if (others > 0)
		note("%s: of %zu labels %zu are other ones of a feature that has one before: the "
			"first counts", l->path, l->n, others);
	l->n = n;
}

static void find_layers(struct labels *l)
{
	size_t room = 0;

	for (size_t i = 0; i <= l->n; i++) {
		if (l->layers == room) {
			room = room ? 2 * room : 16;
			l->layer = xrealloc(l->layer, room + 1, sizeof *l->layer);
		}
		if (i < l->n && (i == 0 || strcmp(l->of[i].layer, l->of[i - 1].layer) != 0))
			l->layer[l->layers++] = (struct layer){l->of[i].layer, i};
	}
	l->layer[l->layers] = (struct layer){"", l->n};
}

struct labels *labels_open(const char *path)
{
	if (!path)
		return NULL;
	struct labels *l = xcalloc(1, sizeof *l);
	l->path = path;
	l->table = table_open(path);
	const char *first = l->table.rest;
	if (first)
		first += strspn(first, " \t\r\n");
	bool json = first && (*first == '{' || *first == '[');
	if (json)
		read_json(l);
	else
		read_table(l);
	settle(l, json);
	find_layers(l);
	return l;
}

void labels_close(struct labels *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->asks; i++)
		free(l->asked[i].name);
	table_close(&l->table);
	pool_free(&l->pool);
	free(l->of);
	free(l->layer);
	free(l);
}

void labels_open_sides(struct labels *l[2], const char *const file[2])
{
	l[0] = labels_open(file[0]);
	l[1] = file[1] ? labels_open(file[1]) : l[0];
}

void labels_close_sides(struct labels *l[2])
{
	labels_close(l[0]);
	if (l[1] != l[0])
		labels_close(l[1]);
}

/* -- Features ------------------------------------------------------------------------------- */

/* The first layer whose first n bytes are not before those of the name. */
static size_t lower_layer(const struct labels *l, const char *name, size_t n)
{
	size_t low = 0;

	for (size_t high = l->layers; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (strncmp(l->layer[middle].name, name, n) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t find_layer(const struct labels *l, const char *name)
{
	size_t digits = strlen(name), at = lower_layer(l, name, digits + 1);

	if (at < l->layers && strcmp(l->layer[at].name, name) == 0)
		return at;
	if (digits == 0 || strspn(name, "0123456789") < digits)
		return l->layers;
	char *hyphened = xasprintf("%s-", name);
	at = lower_layer(l, hyphened, digits + 1);
	if (at < l->layers && strncmp(l->layer[at].name, hyphened, digits + 1) != 0)
		at = l->layers;
	if (at + 1 < l->layers && strncmp(l->layer[at + 1].name, hyphened, digits + 1) == 0)
		die("%s: layer %s is %s and %s: leave the labels of one", l->path, name,
			l->layer[at].name, l->layer[at + 1].name);
	free(hyphened);
	return at;
}

static size_t ask_layer(struct labels *l, const char *name)
{
	for (size_t i = 0; i < l->asks; i++)
		if (strcmp(l->asked[i].name, name) == 0)
			return l->asked[i].layer;
	size_t layer = find_layer(l, name);
	l->known |= layer < l->layers;
	if (l->asks < ASKED) {
		l->asked[l->asks].name = xasprintf("%s", name);
		l->asked[l->asks++].layer = layer;
	}
	return layer;
}

const char *labels_find(struct labels *l, const char *layer, uint32_t feature)
{
	if (!l)
		return NULL;
	size_t k = ask_layer(l, layer);
	if (k == l->layers)
		return NULL;
	for (size_t low = l->layer[k].begin, high = l->layer[k + 1].begin; low < high;) {
		size_t middle = low + (high - low) / 2;
		if (l->of[middle].feature == feature) {
			l->of[middle].found = true;
			return l->of[middle].text;
		}
		if (l->of[middle].feature < feature)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static char *list_layers(const struct labels *l, bool asked)
{
	size_t n = asked ? l->asks : l->layers, size;
	char *text;
	FILE *list = text_stream(&text, &size);

	for (size_t i = 0; i < n && i < ASKED; i++)
		fprintf(list, "%s%s", i ? ", " : "", asked ? l->asked[i].name : l->layer[i].name);
	fputs(n > ASKED || (asked && n == ASKED) ? ", ..." : "", list);
	text_stream_close(list);
	return text;
}

void labels_tell(const struct labels *l, const char *where, bool whole)
{
	struct absent absent = {0};

	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		absent_count(&absent, l->of[i].layer, l->of[i].feature, l->of[i].found);
	if (l->n > 0 && l->asks > 0 && absent.n == l->n && (whole || !l->known))
		die("%s: none of its %zu labels is of a feature of %s: it has labels of layer %s, "
			"those features are of layer %s (act-dump --layer names layers)", l->path,
			l->n, where, list_layers(l, false), list_layers(l, true));
	if (whole && l->asks > 0)
		absent_tell(&absent, l->path, where, true);
}

void labels_tell_sides(struct labels *const l[2], const char *where, bool whole)
{
	labels_tell(l[0], where, whole);
	if (l[1] != l[0])
		labels_tell(l[1], where, whole);
}

/* -- Two sides ------------------------------------------------------------------------------ */

static bool run_begins(const struct ids *x, size_t i)
{
	return i == 0 || strcmp(x->layer[i], x->layer[i - 1]) != 0;
}

void labels_want_apart(struct labels *const l[2], const struct ids *row, const struct ids *col)
{
	if (!l[0] || l[0] != l[1]
			|| (!other_origin(row, col, OF_MODEL) && !other_origin(row, col, OF_SAE)))
		return;
	for (size_t i = 0; i < row->n; i++)
		for (size_t k = 0; run_begins(row, i) && k < col->n; k++)
			if (run_begins(col, k) && strcmp(row->layer[i], col->layer[k]) == 0)
				die("%s: layer %s is of two dictionaries: give the labels of the "
					"columns by --labels-b", l[0]->path, row->layer[i]);
}

struct numbered {
	const char *label;
	uint32_t *number;
};

static int by_label(const void *a, const void *b)
{
	return strcmp(((const struct numbered *)a)->label, ((const struct numbered *)b)->label);
}

/* From 1 on, in the order of the texts. */
void labels_number(uint32_t *const number[2], const struct ids side[2], struct labels *const l[2])
{
	struct numbered *list = xalloc(side[0].n + side[1].n, sizeof *list);
	size_t n = 0;
	uint32_t last = 1;

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < side[k].n; i++) {
			const char *label = labels_find(l[k], side[k].layer[i],
				side[k].feature[i]);
			number[k][i] = 0;
			if (label)
				list[n++] = (struct numbered){label, &number[k][i]};
		}
	qsort(list, n, sizeof *list, by_label);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && by_label(&list[i - 1], &list[i]) != 0)
			last++;
		*list[i].number = last;
	}
	free(list);
}
