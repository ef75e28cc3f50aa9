#include "file/feature_list.h"

#include "base/die.h"
#include "file/table.h"

#include <stdlib.h>
#include <string.h>

void feature_list_add(struct feature_list *l, const char *layer, uint32_t feature)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->item = xrealloc(l->item, l->room, sizeof *l->item);
	}
	l->item[l->n++] = (struct listed_feature){.layer = xasprintf("%s", layer), .feature =
		feature};
}

void feature_list_add_words(struct feature_list *l, const char *words)
{
	char *text = xasprintf("%s", words), *rest = text, *word;
	uint32_t feature;

	while ((word = strsep(&rest, ","))) {
		char *colon = strrchr(word, ':');
		if (!colon || !table_index(colon + 1, &feature))
			misuse("'%s' is not LAYER:FEATURE", word);
		*colon = '\0';
		feature_list_add(l, word, feature);
	}
	free(text);
}

void feature_list_add_table(struct feature_list *l, const char *path)
{
	struct table t = table_open(path);

	while (table_read(&t)) {
		if (t.cells < 2)
			die("%s: line %zu: no layer and feature with a tab between them", path,
				t.line);
		feature_list_add(l, t.cell[0], table_feature(&t, 1));
	}
	table_close(&t);
}

static int by_name(const void *a, const void *b)
{
	const struct listed_feature *x = a, *y = b;
	int order = strcmp(x->layer, y->layer);

	return order ? order : (x->feature > y->feature) - (x->feature < y->feature);
}

void feature_list_sort(struct feature_list *l)
{
	size_t n = 0;

	if (l->n > 0)
		qsort(l->item, l->n, sizeof *l->item, by_name);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && by_name(&l->item[n - 1], &l->item[i]) == 0)
			free(l->item[i].layer);
		else
			l->item[n++] = l->item[i];
	}
	l->n = n;
}

void feature_list_free(struct feature_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i].layer);
	free(l->item);
}

struct feature_list feature_list_layer(struct feature_list *l, const char *layer)
{
	struct feature_list its = {0};

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->item[i].layer, layer) == 0) {
			its.item = its.n > 0 ? its.item : &l->item[i];
			its.n++;
			l->item[i].asked = true;
		}
	return its;
}

bool feature_list_find(struct feature_list *l, uint32_t feature)
{
	for (size_t low = 0, high = l->n; low < high; ) {
		size_t middle = low + (high - low) / 2;
		if (l->item[middle].feature == feature)
			return l->item[middle].found = true;
		if (l->item[middle].feature < feature)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

void feature_list_check_found(const struct feature_list *l, const char *input, bool pairs)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct listed_feature *f = &l->item[i];
		if (!f->asked)
			die("%s: no stream of layer '%s' (act-dump --layer names it)", input,
				f->layer);
		if (!f->found && pairs)
			die("%s: no pair has feature %u of layer '%s'", input, f->feature,
				f->layer);
		if (!f->found)
			die("%s: layer '%s' holds no feature %u", input, f->layer, f->feature);
	}
}

size_t feature_list_find_below(struct feature_list *l, size_t features)
{
	size_t n = 0;

	while (n < l->n && l->item[n].feature < features)
		l->item[n++].found = true;
	return n;
}

void feature_list_tell_absent(const struct feature_list *l, const char *list, const char *where,
	bool any)
{
	struct absent absent = {0};

	for (size_t i = 0; i < l->n; i++)
		absent_count(&absent, l->item[i].layer, l->item[i].feature, l->item[i].found);
	absent_tell(&absent, list, where, any);
}

/* -- Features that no stream has --------------------------------------------------------------- */

void absent_count(struct absent *a, const char *layer, uint32_t feature, bool found)
{
	a->named++;
	if (!found && a->n++ == 0) {
		a->layer = layer;
		a->feature = feature;
	}
}

void absent_tell(const struct absent *a, const char *file, const char *where, bool any)
{
	if (a->n > 0 && a->n == a->named && any)
		die("%s: none of its %zu features is in %s: it has feature %u of layer '%s' "
			"(act-dump --layer names layers)", file, a->n, where, a->feature, a->layer);
	if (a->n > 0)
		note("%s: %zu of %zu features are not in %s, such as feature %u of layer '%s'",
			file, a->n, a->named, where, a->feature, a->layer);
}
