#include "file/row_map.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/array.h"

#include <stdlib.h>

struct row_map row_map_read(const char *file, size_t rows, const char *of)
{
	struct array a;
	struct archive *f = array_open(file, &a);
	struct row_map m = {.name = file, .n = array_count(&a)};

	if (a.rank != 1 || sm_dtype_is_float(a.dtype))
		die("%s: %zu dimensions of %s, where one of integers is read: a row for each token",
			file, a.rank, sm_dtype_name(a.dtype));
	memory_need((double)m.n * sizeof *m.row, NULL, "%s: %zu rows", file, m.n);
	m.row = xalloc(m.n, sizeof *m.row);
	for (size_t i = 0; i < m.n; i++) {
		double to = sm_to_double(a.data, a.dtype, i);
		bool none = to == -1 || to == ROW_NONE;
		if (!none && to < 0)
			die("%s: row %zu is %.0f: a token without a row has -1 or %u", file, i, to,
				ROW_NONE);
		if (!none && to >= (double)rows)
			die("%s: row %zu is %.0f, beyond the last token of %s, %zu", file, i, to,
				of, rows > 0 ? rows - 1 : 0);
		m.row[i] = none ? ROW_NONE : (uint32_t)to;
	}
	archive_close(f);
	return m;
}

void row_map_free(struct row_map *m)
{
	free(m->row);
	*m = (struct row_map){0};
}

void row_map_want(const struct row_map *m, const char *stream, const struct sm_frame *header)
{
	size_t tokens = sm_get_size(header, "tokens");

	if (tokens > 0 && tokens != m->n)
		die("%s: %zu rows, where %s is of %zu tokens, left out or not: a row for each is "
			"needed", m->name, m->n, stream, tokens);
}
