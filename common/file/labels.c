#include "file/labels.h"

#include "base/die.h"
#include "file/feature_list.h"
#include "file/table.h"

#include <stdlib.h>
#include <string.h>

enum { LAYER, FEATURE, LABEL, NAMES };

/* The labels of one side's features; NULL where there is none. */
struct labels {
	const struct dictionary *features;
	const char **of;
};

/* Where the columns are, from the first line. */
static void find_columns(size_t column[NAMES], struct table *t)
{
	static const char *const name[NAMES] = {"layer", "feature", "label"};

	if (!table_read(t))
		die("%s: no line that names the columns", t->path);
	for (size_t k = 0; k < NAMES; k++) {
		column[k] = SIZE_MAX;
		for (size_t i = 0; i < t->cells; i++)
			if (strcmp(t->cell[i], name[k]) == 0)
				column[k] = i;
		if (column[k] == SIZE_MAX)
			die("%s: no column '%s' in the first line", t->path, name[k]);
	}
}

/* Takes the line's label for the sides from `first` to `last`; counts it. */
static void take_label(struct labels l[2], int first, int last, const struct table *t,
	const size_t column[NAMES], struct absent *absent)
{
	const char *layer = table_text(t, column[LAYER]), *label = table_text(t, column[LABEL]);
	uint32_t feature = table_feature(t, column[FEATURE]);
	bool found = false;

	if (!*label)
		return;
	for (int k = first; k <= last; k++) {
		size_t at = dictionary_find(l[k].features, layer, feature);
		if (at == SIZE_MAX)
			continue;
		if (l[k].of[at])
			die("%s: line %zu: feature %u of layer %s occurs twice", t->path, t->line,
				feature, layer);
		l[k].of[at] = label;
		found = true;
	}
	absent_count(absent, layer, feature, found);
}

/* A table for both sides cannot tell two dictionaries of one layer's name apart. */
static void want_layers_apart(const struct dictionary side[2], const char *path)
{
	const struct ids *row = &side[0].ids, *col = &side[1].ids;

	if (!other_origin(row, col, OF_MODEL) && !other_origin(row, col, OF_SAE))
		return;
	for (size_t k = 0, at = 0; k < side[0].streams; at += side[0].stream[k++].features)
		if (at < row->n && dictionary_find(&side[1], row->layer[at], 0) != SIZE_MAX)
			die("%s: layer %s is of two dictionaries: give --labels twice, for rows "
				"and for columns", path, row->layer[at]);
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
static void number_labels(uint32_t *number[2], const struct labels l[2])
{
	struct numbered *list = xalloc(l[0].features->ids.n + l[1].features->ids.n, sizeof *list);
	size_t n = 0;
	uint32_t label = 1;

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < l[k].features->ids.n; i++) {
			number[k][i] = 0;
			if (l[k].of[i])
				list[n++] = (struct numbered){l[k].of[i], &number[k][i]};
		}
	qsort(list, n, sizeof *list, by_label);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && by_label(&list[i - 1], &list[i]) != 0)
			label++;
		*list[i].number = label;
	}
	free(list);
}

void read_labels(uint32_t *number[2], const struct dictionary side[2], const struct list *files)
{
	struct labels l[2];
	struct table table[2] = {0};
	size_t column[NAMES];

	if (files->n == 1)
		want_layers_apart(side, files->item[0]);
	for (int k = 0; k < 2; k++)
		l[k] = (struct labels){&side[k], xcalloc(side[k].ids.n, sizeof *l[k].of)};
	for (size_t k = 0; k < files->n; k++) {
		table[k] = table_open(files->item[k]);
		struct absent absent = {0};
		find_columns(column, &table[k]);
		while (table_read(&table[k]))
			take_label(l, (int)k, files->n == 1 ? 1 : (int)k, &table[k], column,
				&absent);
		absent_tell(&absent, files->item[k], "the activations", true);
	}
	number_labels(number, l);
	for (int k = 0; k < 2; k++) {
		table_close(&table[k]);
		free(l[k].of);
	}
}
