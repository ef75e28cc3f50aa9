/* Streams to tables: tab-separated values with a line of names. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/frame_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *columns;

static const struct opt options[] = {
	{"columns", OPT_TEXT, &columns, "A,B,...", "these fields, of the frames that have them all", 0, 0},
	OPT_END
};

struct table {
	const struct sm_field **column;
	size_t n, rows;
	char *names;		/* the line printed last */
	const char **layer[2];	/* of unfold() */
	uint32_t *feature[2];
	const char **chain;	/* of spell(), ... */
	char *spelled;		/* ... which point here */
	bool any;
};

static size_t rows_of(const struct sm_field *x)
{
	return x->kind == SM_STRINGS ? x->strings.n : x->tensor.shape[0];
}

/* Cells in a row of the field; 0 when it is no column. */
static size_t width(const struct sm_field *x)
{
	size_t cells = x->kind == SM_STRINGS || (x->kind == SM_TENSOR && x->tensor.rank > 0);

	for (size_t i = 1; x->kind == SM_TENSOR && i < x->tensor.rank; i++)
		cells *= x->tensor.shape[i];
	return cells;
}

static void add_column(struct table *t, const struct sm_field *x)
{
	if (t->n == 0)
		t->rows = rows_of(x);
	t->column = xrealloc(t->column, t->n + 1, sizeof *t->column);
	t->column[t->n++] = x;
}

static void all_columns(struct table *t, const struct sm_frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (width(&f->field[i]) > 0 && (t->n == 0 || rows_of(&f->field[i]) == t->rows))
			add_column(t, &f->field[i]);
}

static void chosen_columns(struct table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	char *names = xasprintf("%s", columns), *rest = names, *name;

	while ((name = strsep(&rest, ","))) {
		const struct sm_field *x = sm_find_field(f, name);
		if (!x) {
			t->n = 0;
			break;
		}
		if (width(x) == 0)
			sm_bad(in, "%s is no column: neither a tensor nor a list of strings", name);
		if (t->n > 0 && rows_of(x) != t->rows)
			sm_bad(in, "%s has %zu rows, %s has %zu", name, rows_of(x), t->column[0]->name,
				t->rows);
		add_column(t, x);
	}
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

static void print_names(struct table *t)
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

static void print_row(const struct table *t, size_t row)
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

/* A block of k nearest distances as a table of pairs, b k of them, with their names from the frame
 * of ids. The pairs point into t, the ids and the block. */
static void unfold(struct sm_frame *pairs, struct table *t, const struct sm_reader *in, const struct sm_frame *ids, const struct sm_frame *f)
{
	static const char *const sides[] = {"row_layer", "row_feature", "col_layer", "col_feature"};
	size_t first = sm_want_size(in, f, "row0"), b = SM_ANY, k = SM_ANY;
	const uint32_t *col = sm_want(in, f, "col", SM_U4, &b, &k);

	sm_frame_free(pairs);		/* whose names were the last block's */
	for (int side = 0; side < 2; side++) {
		size_t n = SM_ANY;
		const char *const *layer = sm_want_strings(in, ids, sides[2 * side], &n).item;
		const uint32_t *feature = sm_want(in, ids, sides[2 * side + 1], SM_U4, &n);
		t->layer[side] = xrealloc(t->layer[side], b * sizeof(char *), k);
		t->feature[side] = xrealloc(t->feature[side], b * sizeof(uint32_t), k);
		for (size_t i = 0; i < b * k; i++) {
			size_t at = side ? col[i] : first + i / k;
			if (at >= n)
				sm_bad(in, "%s %zu of %zu", side ? "column" : "row", at, n);
			t->layer[side][i] = layer[at];
			t->feature[side][i] = feature[at];
		}
		sm_set_strings(pairs, sides[2 * side], b * k, t->layer[side]);
		sm_set_tensor(pairs, sides[2 * side + 1], SM_U4, t->feature[side], b * k);
	}
	for (const struct sm_field *x = f->field; x < f->field + f->n; x++)
		if (x->kind == SM_TENSOR && x->tensor.rank == 2 && x->tensor.shape[0] == b && x->tensor.shape[1] == k
				&& x->tensor.data != col)
			sm_set_tensor(pairs, x->name, x->tensor.dtype, x->tensor.data, b * k);
}

/* The chains of a flow as a table of them: features as layer:feature, one after another, and what is said of each.
 * The table points into t and the frame. */
static void spell(struct sm_frame *chains, struct table *t, const struct sm_reader *in, const struct sm_frame *path, const struct sm_frame *f)
{
	static const char *const said[] = {"length", "weakest", "weakest_layer", "dearest", "certified"};
	size_t layers = SM_ANY, n = SM_ANY, entries = SM_ANY, size;
	const char *const *name = sm_want_strings(in, path, "layer", &layers).item;
	const uint32_t *layer = sm_want(in, f, "layer", SM_U4, &entries);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &entries);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, entries);

	free(t->spelled);
	FILE *text = open_memstream(&t->spelled, &size);
	for (size_t i = 1; text && i <= n; i++) {
		for (size_t k = indptr[i - 1]; k < indptr[i]; k++) {
			if (layer[k] >= layers)
				sm_bad(in, "layer %u of %zu", layer[k], layers);
			fprintf(text, "%s%s:%u", k > indptr[i - 1] ? " " : "", name[layer[k]], feature[k]);
		}
		putc('\0', text);
	}
	if (!text || fclose(text) != 0)
		die("out of memory");
	t->chain = xrealloc(t->chain, n, sizeof *t->chain);
	char *at = t->spelled;
	for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
		t->chain[i] = at;
	sm_frame_free(chains);
	sm_set_strings(chains, "chain", n, t->chain);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		const struct sm_field *x = sm_find_field(f, said[i]);
		if (x && x->kind == SM_STRINGS)
			sm_set_strings(chains, x->name, x->strings.n, x->strings.item);
		else if (x && x->kind == SM_TENSOR && x->tensor.rank == 1)
			sm_set_tensor(chains, x->name, x->tensor.dtype, x->tensor.data, x->tensor.shape[0]);
	}
}

static void print_frame(struct table *t, const struct sm_reader *in, const struct sm_frame *f)
{
	t->n = 0;
	t->any = true;
	if (columns)
		chosen_columns(t, in, f);
	else
		all_columns(t, f);
	if (t->n == 0)
		return;
	print_names(t);
	for (size_t row = 0; row < t->rows; row++)
		print_row(t, row);
}

static void print_tables(const char *path, struct table *t)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0}, frame = {0}, names = {0}, table = {0};

	while (sm_read_header(in, &header)) {
		const char *kind = sm_get_string(&header, "kind", "");
		bool flow = strcmp(kind, "flow") == 0, nearest = strcmp(kind, "distances") == 0 && sm_find_field(&header, "top");
		if ((flow || nearest) && !sm_read_frame(in, &names))
			continue;
		if (flow)
			print_frame(t, in, &names);
		while (sm_read_frame(in, &frame)) {
			bool chains = flow && sm_find_field(&frame, "indptr");
			if (nearest)
				unfold(&table, t, in, &names, &frame);
			if (chains)
				spell(&table, t, in, &names, &frame);
			print_frame(t, in, nearest || chains ? &table : &frame);
		}
	}
	sm_reader_close(in);
	sm_frame_free(&header);
	sm_frame_free(&frame);
	sm_frame_free(&names);
	sm_frame_free(&table);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2tsv [OPTION]... [FILE]...",
		"The tensors and lists of strings of each frame as a table, tabs between the columns.",
		1 << 20);
	struct table table = {0};

	for (size_t i = 0; i == 0 || operand[i]; i++)
		print_tables(operand[i], &table);
	if (columns && table.any && !table.names)
		die("no frame has the columns %s", columns);
	text_close();
	free(table.column);
	free(table.names);
	free(table.chain);
	free(table.spelled);
	for (int side = 0; side < 2; side++) {
		free(table.layer[side]);
		free(table.feature[side]);
	}
	free(operand);
	return 0;
}
