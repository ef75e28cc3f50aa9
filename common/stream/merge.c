#include "stream/merge.h"

#include "base/die.h"
#include "stream/distances.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct block_file {
	const char *path;
	size_t first_row;
};

/* A tensor of the blocks, gathered until there are as many rows as a stage would write. */
struct column {
	char *name, *data;
	struct sm_tensor of;	/* its shape but for the rows */
	size_t bytes;		/* of a row */
};

struct merger {
	struct sm_writer *out;
	size_t rows, k, next;	/* the row that has to come next */
	struct column *column;
	size_t columns, step, held;
	const char *before;	/* the file of row next - 1 */
};

static size_t row_bytes(const struct sm_tensor *t)
{
	size_t n = sm_dtype_size(t->dtype);

	for (size_t i = 1; i < t->rank; i++)
		n *= t->shape[i];
	return n;
}

static bool same_shape(const struct sm_tensor *a, const struct sm_tensor *b, size_t from)
{
	return a->dtype == b->dtype && a->rank == b->rank
		&& (a->rank <= from || memcmp(a->shape + from, b->shape + from,
			(a->rank - from) * sizeof *a->shape) == 0);
}

static bool same_value(const struct sm_value *a, const struct sm_value *b)
{
	size_t items = a->kind == SM_IS_LIST ? a->n : a->kind == SM_IS_MAP ? 2 * a->n : 0;
	bool bytes = a->kind == SM_IS_TEXT || a->kind == SM_IS_BYTES || a->kind == SM_IS_EXTENSION;

	/* natural is any number's bits, or a length. */
	if (a->kind != b->kind || a->type != b->type || a->natural != b->natural)
		return false;
	for (size_t i = 0; i < items; i++)
		if (!same_value(&a->item[i], &b->item[i]))
			return false;
	return !bytes || memcmp(a->bytes, b->bytes, a->n) == 0;
}

bool same_field(const struct sm_field *a, const struct sm_field *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case SM_TENSOR:
		return same_shape(&a->tensor, &b->tensor, 0)
			&& memcmp(a->tensor.data, b->tensor.data,
			row_bytes(&a->tensor) * (a->tensor.rank > 0 ? a->tensor.shape[0] : 1)) == 0;
	case SM_STRINGS:
		if (a->strings.n != b->strings.n)
			return false;
		for (size_t i = 0; i < a->strings.n; i++)
			if (strcmp(a->strings.item[i], b->strings.item[i]) != 0)
				return false;
		return true;
	case SM_STRING:
		return strcmp(a->string, b->string) == 0;
	case SM_INTEGER:
		return a->integer == b->integer;
	case SM_REAL:
		return memcmp(&a->real, &b->real, sizeof a->real) == 0;
	case SM_OTHER:
		return same_value(&a->value, &b->value);
	}
	return false;
}

/* The name of a field of `a` that b lacks or has otherwise, or NULL; the history, which every
 * option changes, after all others. */
static const char *difference(const struct sm_frame *a, const struct sm_frame *b)
{
	const char *found = NULL;

	for (size_t i = 0; i < a->n && (!found || strcmp(found, "history") == 0); i++) {
		const struct sm_field *other = sm_find_field(b, a->field[i].name);
		if (!other || !same_field(&a->field[i], other))
			found = a->field[i].name;
	}
	return found;
}

/* Ends the program where a frame of a file is not that of the first. */
static void compare(const char *path, const struct sm_frame *f, const char *first,
	const struct sm_frame *that, const char *what)
{
	const char *lacks = difference(that, f), *adds = difference(f, that);
	const char *found = !lacks || (adds && strcmp(lacks, "history") == 0) ? adds : lacks;

	if (found)
		die("%s: not the %s of %s: another %s", path, what, first, found);
}

/* Reads what precedes the rows; the header is left as the whole stream's. */
static struct sm_reader *open_block(struct block_file *file, struct sm_frame *header,
	struct sm_frame *ids)
{
	struct sm_reader *in = sm_reader_open(file->path);

	sm_read_header(in, header);
	sm_want_kind(in, header, "distances");
	if (!sm_find_field(header, "first_row"))
		sm_bad(in, "no block of rows: it was not written with --rows");
	file->first_row = sm_want_size(in, header, "first_row");
	sm_drop(header, "first_row");
	if (!sm_read_frame(in, ids))
		sm_bad(in, "no frame of ids");
	return in;
}

static int by_first_row(const void *a, const void *b)
{
	const struct block_file *x = a, *y = b;

	return (x->first_row > y->first_row) - (x->first_row < y->first_row);
}

static void add_column(struct merger *m, const struct sm_field *x)
{
	size_t bytes = row_bytes(&x->tensor);

	m->column = xrealloc(m->column, m->columns + 1, sizeof *m->column);
	m->column[m->columns++] = (struct column){xasprintf("%s", x->name), xalloc(m->step, bytes),
		x->tensor, bytes};
}

static void write_held(struct merger *m)
{
	struct sm_frame block = {0};

	sm_set_integer(&block, "row0", (int64_t)(m->next - m->held));
	for (struct column *c = m->column; c < m->column + m->columns; c++) {
		sm_set_tensor(&block, c->name, c->of.dtype, c->data, m->held);
		c->of.shape[0] = m->held;
		c->of.data = c->data;
		sm_find_field(&block, c->name)->tensor = c->of;
	}
	sm_write_frame(m->out, &block);
	sm_frame_free(&block);
	m->held = 0;
}

/* All blocks hold the same tensors, a row for each of theirs. */
static void check_columns(struct merger *m, struct sm_reader *in, const struct sm_frame *f,
	size_t n)
{
	bool first = m->columns == 0;
	size_t c = 0;

	for (const struct sm_field *x = f->field; f->n > 0 && x < f->field + f->n; x++) {
		if (strcmp(x->name, "row0") == 0)
			continue;
		if (x->kind != SM_TENSOR || x->tensor.rank == 0 || x->tensor.shape[0] != n)
			sm_bad(in, "%s is no tensor of %zu rows", x->name, n);
		if (first)
			add_column(m, x);
		else if (c == m->columns || strcmp(x->name, m->column[c].name) != 0
				|| !same_shape(&x->tensor, &m->column[c].of, 1))
			sm_bad(in, "%s is not what the blocks before hold", x->name);
		c++;
	}
	if (c < m->columns)
		sm_bad(in, "no %s, which the blocks before hold", m->column[c].name);
}

static void take_block(struct merger *m, struct sm_reader *in, const struct sm_frame *f)
{
	size_t row0 = sm_want_size(in, f, "row0"), n = SM_ANY, k = m->k;

	sm_want(in, f, "dist", SM_F4, &n, &k);
	if (row0 > m->next)
		sm_bad(in, "row %zu, where %zu is next: a block is missing", row0, m->next);
	if (row0 < m->next)
		sm_bad(in, "row %zu is in %s already", row0, m->before);
	if (n > m->rows - m->next)
		sm_bad(in, "rows %zu to %zu of %zu", row0, row0 + n - 1, m->rows);
	if (n == 0)
		return;
	check_columns(m, in, f, n);
	for (size_t done = 0, some; done < n; done += some) {
		some = n - done < m->step - m->held ? n - done : m->step - m->held;
		for (size_t j = 0; j < m->columns; j++) {
			const struct column *c = &m->column[j];
			memcpy(c->data + m->held * c->bytes,
				(const char *)sm_find_field(f, c->name)->tensor.data
				+ done * c->bytes, some * c->bytes);
		}
		m->held += some;
		m->next += some;
		if (m->held == m->step)
			write_held(m);
	}
	m->before = sm_reader_name(in);
}

/* The files in order of their blocks, all of the same header and ids. */
static struct block_file *read_blocks(char *const *path, size_t n)
{
	struct block_file *file = xalloc(n, sizeof *file);
	struct sm_frame header = {0}, ids = {0}, other = {0}, other_ids = {0};

	for (size_t i = 0; i < n; i++) {
		struct stat s;
		file[i].path = path[i];
		if (stat(path[i], &s) == 0 && !S_ISREG(s.st_mode))
			die("%s: no regular file: --merge reads each twice", path[i]);
		sm_reader_close(open_block(&file[i], i ? &other : &header, i ? &other_ids : &ids));
		if (i > 0) {
			compare(path[i], &other, path[0], &header, "header");
			compare(path[i], &other_ids, path[0], &ids, "rows and columns");
		}
	}
	sm_frame_free(&header);
	sm_frame_free(&ids);
	sm_frame_free(&other);
	sm_frame_free(&other_ids);
	qsort(file, n, sizeof *file, by_first_row);
	return file;
}

static void begin(struct merger *m, struct sm_reader *in, const struct sm_frame *header,
	const struct sm_frame *ids)
{
	m->rows = sm_want_size(in, header, "rows");
	m->k = sm_want_size(in, header, sm_find_field(header, "top") ? "top" : "cols");
	m->step = block_rows(m->k);
	sm_rewrite_header(m->out, header);
	sm_write_frame(m->out, ids);
}

void merge_rows(char *const *path, struct sm_writer *out)
{
	struct merger m = {.out = out, .column = xalloc(0, sizeof *m.column)};
	struct sm_frame header = {0}, frame = {0};
	size_t n = 0;

	while (path[n])
		n++;
	struct block_file *file = read_blocks(path, n), *last = file + n - 1;
	for (struct block_file *p = file; p <= last; p++) {
		struct sm_reader *in = open_block(p, &header, &frame);
		if (p == file)
			begin(&m, in, &header, &frame);
		while (sm_read_frame(in, &frame))
			take_block(&m, in, &frame);
		if (sm_read_header(in, &header))
			sm_bad(in, "a second stream: --merge takes one of each file");
		sm_reader_close(in);
	}
	if (m.next < m.rows && m.k > 0)
		die("%s: the last, and with it %zu rows of %zu: a block is missing", last->path,
			m.next, m.rows);
	if (m.held > 0)
		write_held(&m);
	sm_write_end(out);
	for (struct column *c = m.column; c < m.column + m.columns; c++) {
		free(c->name);
		free(c->data);
	}
	free(m.column);
	free(file);
	sm_frame_free(&header);
	sm_frame_free(&frame);
}
