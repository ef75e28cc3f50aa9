#include "file/labels.h"

#include "base/die.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYER, FEATURE, LABEL, NAMES };

static char *whole_file(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (!f)
		die("%s: %s", path, strerror(errno));
	ssize_t n = getdelim(&text, &room, '\0', f);
	if (ferror(f))
		die("%s: %s", path, strerror(errno));
	if (n > 0 && strlen(text) < (size_t)n)
		die("%s: a zero byte, where a table is text", path);
	if (f != stdin)
		fclose(f);
	if (n <= 0)
		die("%s: no line that names the columns", path);
	return text;
}

/* The next line of the text, without what ends it; NULL at the end. */
static char *next_line(char **rest)
{
	char *line = strsep(rest, "\n");

	if (line && *line)
		line[strcspn(line, "\r")] = '\0';
	return line;
}

static void find_columns(size_t column[NAMES], char *line, const char *path)
{
	static const char *const name[NAMES] = {"layer", "feature", "label"};
	size_t at = 0;

	for (size_t k = 0; k < NAMES; k++)
		column[k] = SIZE_MAX;
	for (char *cell; (cell = strsep(&line, "\t")); at++)
		for (size_t k = 0; k < NAMES; k++)
			if (strcmp(cell, name[k]) == 0)
				column[k] = at;
	for (size_t k = 0; k < NAMES; k++)
		if (column[k] == SIZE_MAX)
			die("%s: no column '%s' in the first line", path, name[k]);
}

/* The labels of one side's features; NULL where there is none. */
struct labels {
	const struct dictionary *features;
	const char **of;
};

static void take_line(const struct labels *l, size_t sides, char *line, const size_t column[NAMES], const char *path,
	size_t number)
{
	const char *cell[NAMES] = {NULL};
	char *word, *end;

	for (size_t at = 0; (word = strsep(&line, "\t")); at++)
		for (size_t k = 0; k < NAMES; k++)
			if (column[k] == at)
				cell[k] = word;
	for (size_t k = 0; k < NAMES; k++)
		if (!cell[k])
			die("%s: line %zu: fewer cells than columns", path, number);
	unsigned long long feature = strtoull(cell[FEATURE], &end, 10);
	if (*cell[FEATURE] < '0' || *cell[FEATURE] > '9' || *end)
		die("%s: line %zu: '%s' is no feature's index", path, number, cell[FEATURE]);
	for (; sides-- > 0; l++) {
		size_t at = feature > UINT32_MAX ? SIZE_MAX : dictionary_find(l->features, cell[LAYER], (uint32_t)feature);
		if (at == SIZE_MAX || !*cell[LABEL])
			continue;
		if (l->of[at])
			die("%s: line %zu: feature %llu of layer %s once more", path, number, feature, cell[LAYER]);
		l->of[at] = cell[LABEL];
	}
}

/* The labels point into the text. */
static void take_table(const struct labels *l, size_t sides, char *text, const char *path)
{
	char *rest = text, *line = next_line(&rest);
	size_t column[NAMES], number = 1;

	find_columns(column, line, path);
	while ((line = next_line(&rest))) {
		number++;
		if (*line)
			take_line(l, sides, line, column, path, number);
	}
}

struct numbered {
	const char *label;
	uint32_t *number;
};

static int by_label(const void *a, const void *b)
{
	return strcmp(((const struct numbered *)a)->label, ((const struct numbered *)b)->label);
}

static void number_labels(uint32_t *number[2], const struct labels l[2])
{
	struct numbered *list = xalloc(l[0].features->ids.n + l[1].features->ids.n, sizeof *list);
	size_t n = 0;
	uint32_t next = 1;

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < l[k].features->ids.n; i++) {
			number[k][i] = 0;
			if (l[k].of[i])
				list[n++] = (struct numbered){l[k].of[i], &number[k][i]};
		}
	qsort(list, n, sizeof *list, by_label);
	for (size_t i = 0; i < n; i++)
		*list[i].number = next += i > 0 && by_label(&list[i - 1], &list[i]) != 0;
	free(list);
}

void read_labels(uint32_t *number[2], const struct dictionary side[2], const struct list *files)
{
	struct labels l[2];
	char *text[2] = {NULL};

	for (int k = 0; k < 2; k++)
		l[k] = (struct labels){&side[k], xcalloc(side[k].ids.n, sizeof *l[k].of)};
	for (size_t k = 0; k < files->n; k++) {
		text[k] = whole_file(files->item[k]);
		take_table(l + k, files->n == 1 ? 2 : 1, text[k], files->item[k]);
	}
	number_labels(number, l);
	for (int k = 0; k < 2; k++) {
		free(text[k]);
		free(l[k].of);
	}
}
