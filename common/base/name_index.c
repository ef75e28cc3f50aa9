#include "base/name_index.h"

#include "base/die.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	const char *name;
	uint32_t number;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

struct name_index name_index_open(const char *const *name, size_t n)
{
	struct name_index l = {name, xalloc(n, sizeof *l.number), xalloc(n + 1, sizeof *l.begin),
		0};
	struct entry *entry = xalloc(n, sizeof *entry);

	for (size_t i = 0; i < n; i++)
		entry[i] = (struct entry){name[i], (uint32_t)i};
	qsort(entry, n, sizeof *entry, compare_entries);
	for (size_t i = 0; i < n; i++) {
		l.number[i] = entry[i].number;
		if (i == 0 || strcmp(entry[i - 1].name, entry[i].name) != 0)
			l.begin[l.distinct++] = (uint32_t)i;
	}
	l.begin[l.distinct] = (uint32_t)n;
	free(entry);
	return l;
}

void name_index_close(struct name_index *l)
{
	free(l->number);
	free(l->begin);
	*l = (struct name_index){0};
}

const uint32_t *name_index_find(const struct name_index *l, const char *name, size_t length,
	size_t *count)
{
	size_t low = 0, high = l->distinct;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *other = l->name[l->number[l->begin[middle]]];
		int order = strncmp(name, other, length);
		if (order == 0 && other[length] == '\0') {
			*count = l->begin[middle + 1] - l->begin[middle];
			return &l->number[l->begin[middle]];
		}
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	*count = 0;
	return NULL;
}
