#include "file/table.h"

#include "base/die.h"
#include "base/input.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table table_open(const char *path)
{
	static const char mark[] = "\xef\xbb\xbf";		/* some editors' for UTF-8 */
	FILE *f = input_open(path);
	struct table t = {.path = path};
	size_t room = 0;
	ssize_t n = getdelim(&t.text, &room, '\0', f);

	if (n < 0 && !feof(f))
		die("%s: out of memory", path);
	fclose(f);
	if (n > 0 && strlen(t.text) < (size_t)n)
		die("%s: a zero byte, where a table is text", path);
	t.rest = n > 0 ? t.text : NULL;
	if (n > 0 && strncmp(t.text, mark, 3) == 0)
		t.rest += 3;
	return t;
}

void table_close(struct table *t)
{
	free(t->text);
	free(t->cell);
}

bool table_read(struct table *t)
{
	char *line;

	do {
		if (!(line = strsep(&t->rest, "\n")))
			return false;
		t->line++;
		char *end = line + strcspn(line, "\r");
		if (end[0] && end[1])
			die("%s: line %zu: a carriage return within it: lines end with a newline",
				t->path, t->line);
		*end = '\0';
	} while (!*line);
	t->cells = 0;
	for (char *cell; (cell = strsep(&line, "\t")); t->cell[t->cells++] = cell)
		if (t->cells == t->room) {
			t->room = t->room ? 2 * t->room : 16;
			t->cell = xrealloc(t->cell, t->room, sizeof *t->cell);
		}
	return true;
}

const char *table_text(const struct table *t, size_t cell)
{
	if (cell >= t->cells)
		die("%s: line %zu: fewer cells than columns", t->path, t->line);
	return t->cell[cell];
}

uint32_t table_feature(const struct table *t, size_t cell)
{
	uint32_t feature;

	if (!table_index(table_text(t, cell), &feature))
		die("%s: line %zu: '%s' is no feature's index", t->path, t->line, t->cell[cell]);
	return feature;
}

bool table_index(const char *text, uint32_t *index)
{
	char *end;

	errno = 0;
	unsigned long long x = strtoull(text, &end, 10);
	*index = (uint32_t)x;
	return isdigit((unsigned char)*text) && !*end && errno == 0 && x <= UINT32_MAX;
}
