#include "stream/frame_table.h"

#include "base/die.h"
#include "base/pool.h"
#include "stream/frame_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frame_table {
	const char *wanted;			/* the columns asked for, "A,B,..."; NULL: all */
	bool any, found;			/* any frame; one with all the wanted columns */
	const struct sm_field **column;
	size_t n, rows;
	char *names;				/* the line of names printed last */
	struct sm_frame frame;
	struct sm_frame names_frame;	/* of ids, tokens or a path, which others refer to */
	struct sm_frame made;			/* a table that a frame became, ... */
	struct pool pool;			/* ... and what it points to */
};

/* -- Columns -------------------------------------------------------------------------------- */

static size_t rows_of(const struct sm_field *x)
{
	return x->kind == SM_STRINGS ? x->strings.n : x->tensor.shape[0];
}

static bool is_column(const struct sm_field *x)
{
	return x->kind == SM_STRINGS || (x->kind == SM_TENSOR && x->tensor.rank > 0);
}

/* Cells in a row of a column. A tensor of several dimensions that holds no number has none: its
 * shape costs nothing, and may claim any width. */
static size_t width(const struct sm_field *x)
{
	size_t cells = 1;

	if (x->kind == SM_TENSOR && x->tensor.rank > 1 && x->tensor.shape[0] == 0)
		return 0;
	for (size_t i = 1; x->kind == SM_TENSOR && i < x->tensor.rank; i++)
		cells *= x->tensor.shape[i];
	return cells;
}

static void add_column(struct frame_table *t, const struct sm_field *x)
{
	if (width(x) == 0)
		return;
	if (t->n == 0)
		t->rows = rows_of(x);
	t->column = xrealloc(t->column, t->n + 1, sizeof *t->column);
	t->column[t->n++] = x;
}

static void all_columns(struct frame_table *t, const struct sm_frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_column(&f->field[i]) && (t->n == 0 || rows_of(&f->field[i]) == t->rows))
			add_column(t, &f->field[i]);
}

static void chosen_columns(struct frame_table *t, const struct sm_reader *in,
	const struct sm_frame *f)
{
	char *names = xasprintf("%s", t->wanted), *rest = names, *name;
	const struct sm_field *x = NULL;

	while ((name = strsep(&rest, ",")) && (x = sm_find_field(f, name))) {
		if (!is_column(x))
			sm_bad(in, "%s is no column: neither a tensor nor a list of strings", name);
		if (t->n > 0 && rows_of(x) != t->rows)
			sm_bad(in, "%s has %zu rows, %s has %zu", name, rows_of(x),
				t->column[0]->name, t->rows);
		add_column(t, x);
	}
	if (x)
		t->found = true;
	else
		t->n = 0;
	free(names);
}

static void put_string(FILE *to, const char *s)
{
	for (; *s; s++) {
		const char *escaped = strchr("\\\t\n\r", *s);
		if (escaped)
			fprintf(to, "\\%c", "\\tnr"[escaped - "\\\t\n\r"]);
		else
			putc(*s, to);
	}
}

static void print_names(struct frame_table *t)
{
	char *names;
	size_t size;
	FILE *line = open_memstream(&names, &size);

	if (!line)
		die("out of memory");
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0, n = width(t->column[i]); k < n; k++) {
			fputs(i + k ? "\t" : "", line);
			put_string(line, t->column[i]->name);
			if (t->column[i]->kind == SM_TENSOR && t->column[i]->tensor.rank > 1)
				fprintf(line, ".%zu", k);
		}
	if (fclose(line) != 0)
		die("out of memory");
	if (!t->names || strcmp(names, t->names) != 0)
		printf(t->names ? "\n%s\n" : "%s\n", names);
	free(t->names);
	t->names = names;
}

static void print_row(const struct frame_table *t, size_t row)
{
	char text[REAL_TEXT];

	for (size_t i = 0; i < t->n; i++) {
		const struct sm_field *x = t->column[i];
		for (size_t k = 0, n = width(x); k < n; k++) {
			fputs(i + k ? "\t" : "", stdout);
			if (x->kind == SM_STRINGS)
				put_string(stdout, x->strings.item[row]);
			else
				fputs(number_text(text, &x->tensor, row * n + k), stdout);
		}
	}
	putchar('\n');
}

/* -- Frames that become another table first ------------------------------------------------- */

/* The numbers of each row of a block, k times each. */
static const void *repeat(struct frame_table *t, const struct sm_tensor *of, size_t k)
{
	size_t size = sm_dtype_size(of->dtype);
	char *all = pool_alloc(&t->pool, of->shape[0] * size, k);

	for (size_t i = 0; i < of->shape[0] * k; i++)
		memcpy(all + i * size, (const char *)of->data + i / k * size, size);
	return all;
}

/* A block of k nearest distances as a table of pairs, b k of them, with their names from the frame
 * of ids, and what the block says of a row beside each of the row's. The pairs point into t, the
 * ids and the block. */
static void unfold(struct frame_table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	static const char *const sides[] = {"row_layer", "row_feature", "col_layer", "col_feature"};
	size_t first = sm_want_size(in, f, "row0"), b = SM_ANY, k = SM_ANY;
	const uint32_t *col = sm_want(in, f, "col", SM_U4, &b, &k);

	for (int side = 0; side < 2; side++) {
		size_t n = SM_ANY;
		const char *const *layer = sm_want_strings(in, &t->names_frame, sides[2 * side],
			&n).item;
		const uint32_t *feature = sm_want(in, &t->names_frame, sides[2 * side + 1], SM_U4,
			&n);
		const char **pair_layer = pool_alloc(&t->pool, b * sizeof *pair_layer, k);
		uint32_t *pair_feature = pool_alloc(&t->pool, b * sizeof *pair_feature, k);
		for (size_t i = 0; i < b * k; i++) {
			size_t at = side ? col[i] : first + i / k;
			if (at >= n)
				sm_bad(in, "%s %zu of %zu", side ? "column" : "row", at, n);
			pair_layer[i] = layer[at];
			pair_feature[i] = feature[at];
		}
		sm_set_strings(&t->made, sides[2 * side], b * k, pair_layer);
		sm_set_tensor(&t->made, sides[2 * side + 1], SM_U4, pair_feature, b * k);
	}
	for (const struct sm_field *x = f->field; x < f->field + f->n; x++) {
		bool number = x->kind == SM_TENSOR && x->tensor.shape[0] == b;
		if (number && x->tensor.rank == 2 && x->tensor.shape[1] == k
				&& x->tensor.data != col)
			sm_set_tensor(&t->made, x->name, x->tensor.dtype, x->tensor.data, b * k);
		if (number && x->tensor.rank == 1)
			sm_set_tensor(&t->made, x->name, x->tensor.dtype,
				repeat(t, &x->tensor, k), b * k);
	}
}

/* A block of rows of a coupling as a table of pairs of tokens, whose numbers are in the frame of
 * tokens. The table points into t and the block. */
static void as_pairs(struct frame_table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	size_t rows = SM_ANY, cols = SM_ANY, n = SM_ANY, nnz = SM_ANY;
	size_t first = sm_want_size(in, f, "row0");
	const uint32_t *row_token = sm_want(in, &t->names_frame, "row_token", SM_U4, &rows);
	const uint32_t *col_token = sm_want(in, &t->names_frame, "col_token", SM_U4, &cols);
	const uint32_t *col = sm_want(in, f, "col", SM_U4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);
	uint32_t *pair_row = pool_alloc(&t->pool, nnz, sizeof *pair_row);
	uint32_t *pair_col = pool_alloc(&t->pool, nnz, sizeof *pair_col);

	for (size_t i = 0; i < n; i++) {
		if (first >= rows || i >= rows - first)
			sm_bad(in, "row %zu of %zu", first + i, rows);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (col[k] >= cols)
				sm_bad(in, "column %u of %zu", col[k], cols);
			pair_row[k] = row_token[first + i];
			pair_col[k] = col_token[col[k]];
		}
	}
	sm_set_tensor(&t->made, "row_token", SM_U4, pair_row, nnz);
	sm_set_tensor(&t->made, "col_token", SM_U4, pair_col, nnz);
	sm_set_tensor(&t->made, "weight", SM_F4, sm_want(in, f, "weight", SM_F4, &nnz), nnz);
}

/* The features of each chain of a flow as layer:feature, one after another. */
static const char **spell(struct frame_table *t, const struct sm_reader *in,
	const struct sm_frame *f, size_t *n)
{
	size_t layers = SM_ANY, entries = SM_ANY, size;
	const char *const *name = sm_want_strings(in, &t->names_frame, "layer", &layers).item;
	const uint32_t *layer = sm_want(in, f, "layer", SM_U4, &entries);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &entries);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", n, entries);
	char *spelled;
	FILE *text = open_memstream(&spelled, &size);

	for (size_t i = 0; text && i < *n; i++) {
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (layer[k] >= layers)
				sm_bad(in, "layer %u of %zu", layer[k], layers);
			fprintf(text, "%s%s:%u", k > indptr[i] ? " " : "", name[layer[k]],
				feature[k]);
		}
		putc('\0', text);
	}
	if (!text || fclose(text) != 0)
		die("out of memory");
	const char **chain = pool_alloc(&t->pool, *n, sizeof *chain);
	const char *at = pool_keep(&t->pool, spelled);
	for (size_t i = 0; i < *n; i++, at += strlen(at) + 1)
		chain[i] = at;
	return chain;
}

/* The chains of a flow as a table of them: their features and what the frame says of each. It
 * points into t and the frame. */
static void as_chains(struct frame_table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	static const char *const said[] = {"length", "weakest", "weakest_layer", "dearest",
		"certified"};
	size_t n = SM_ANY;
	const char **chain = spell(t, in, f, &n);

	sm_set_strings(&t->made, "chain", n, chain);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		const struct sm_field *x = sm_find_field(f, said[i]);
		if (x && x->kind == SM_STRINGS)
			sm_set_strings(&t->made, x->name, x->strings.n, x->strings.item);
		else if (x && x->kind == SM_TENSOR && x->tensor.rank == 1)
			sm_set_tensor(&t->made, x->name, x->tensor.dtype, x->tensor.data,
				x->tensor.shape[0]);
	}
}

/* -- Frames and streams --------------------------------------------------------------------- */

static void print_frame(struct frame_table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	t->n = 0;
	t->any = true;
	if (t->wanted)
		chosen_columns(t, in, f);
	else
		all_columns(t, f);
	if (t->n == 0)
		return;
	print_names(t);
	for (size_t row = 0; row < t->rows; row++)
		print_row(t, row);
}

struct frame_table *frame_table_open(const char *wanted)
{
	struct frame_table *t = xcalloc(1, sizeof *t);

	t->wanted = wanted;
	return t;
}

/* The frames of a kind that has tables of its own refer to its first frame. */
typedef void make_table(struct frame_table *, const struct sm_reader *, const struct sm_frame *);

static make_table *table_of(const struct sm_frame *header)
{
	const char *kind = sm_get_string(header, "kind", "");

	if (strcmp(kind, "distances") == 0 && sm_find_field(header, "top"))
		return unfold;
	return strcmp(kind, "flow") == 0 ? as_chains
		: strcmp(kind, "coupling") == 0 ? as_pairs : NULL;
}

void print_tables(struct frame_table *t, struct sm_reader *in, const struct sm_frame *header)
{
	make_table *make = table_of(header);

	if (make && !sm_read_frame(in, &t->names_frame))
		return;
	if (make == as_chains)
		print_frame(t, in, &t->names_frame);
	while (sm_read_frame(in, &t->frame)) {
		bool whole = !make || (make == as_chains && !sm_find_field(&t->frame, "indptr"));
		pool_clear(&t->pool);
		t->made.n = 0;
		if (!whole)
			make(t, in, &t->frame);
		print_frame(t, in, whole ? &t->frame : &t->made);
	}
}

void frame_table_close(struct frame_table *t)
{
	if (t->wanted && t->any && !t->found)
		die("no frame has the columns %s", t->wanted);
	sm_frame_free(&t->frame);
	sm_frame_free(&t->names_frame);
	sm_frame_free(&t->made);
	pool_free(&t->pool);
	free(t->column);
	free(t->names);
	free(t);
}
