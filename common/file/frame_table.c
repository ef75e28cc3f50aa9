#include "file/frame_table.h"

#include "base/die.h"
#include "base/text.h"
#include "base/text_stream.h"
#include "stream/frame_json.h"
#include "stream/frame_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD = 8 };			/* tables that an error line lists */

struct frame_table {
	const char *wanted;			/* the columns asked for, "A,B,..."; NULL: all */
	struct labels *label[2];		/* of rows, of columns; NULL: none */
	bool any, found;			/* any frame; one with all the wanted columns */
	bool shown;				/* is any of this stream printed? */
	const struct sm_field **column;
	size_t n, rows;
	char *names;				/* the line of names */
	char *told[TOLD];			/* columns of the tables that were not wanted */
	size_t tables;
	struct frame_views views;
	struct spelled labels;			/* that were put beside entries */
};

/* -- Columns -------------------------------------------------------------------------------- */

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
		t->rows = column_rows(x);
	t->column = xrealloc(t->column, t->n + 1, sizeof *t->column);
	t->column[t->n++] = x;
}

static void all_columns(struct frame_table *t, const struct sm_frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_column(&f->field[i]) && (t->n == 0 || column_rows(&f->field[i]) == t->rows))
			add_column(t, &f->field[i]);
}

/* Are all the wanted ones in the frame? */
static bool chosen_columns(struct frame_table *t, const struct sm_reader *in,
	const struct sm_frame *f)
{
	char *names = xasprintf("%s", t->wanted), *rest = names, *name;
	const struct sm_field *x = NULL;

	while ((name = strsep(&rest, ",")) && (x = sm_find_field(f, name))) {
		if (!is_column(x))
			sm_bad(in, "%s is no column: neither a tensor nor a list of strings", name);
		if (t->n > 0 && column_rows(x) != t->rows)
			sm_bad(in, "%s has %zu rows, %s has %zu", name, column_rows(x),
				t->column[0]->name, t->rows);
		add_column(t, x);
	}
	if (!x)
		t->n = 0;
	free(names);
	return x != NULL;
}

/* Remembers which columns a frame has: those of one length after those of another. */
static void tell_columns(struct frame_table *t, const struct sm_frame *f)
{
	char *line;
	size_t size;
	FILE *to = text_stream(&line, &size);
	bool any = false;

	for (size_t i = 0; i < f->n; i++) {
		bool first = is_column(&f->field[i]);
		for (size_t k = 0; k < i && first; k++)
			first = !is_column(&f->field[k])
				|| column_rows(&f->field[k]) != column_rows(&f->field[i]);
		for (size_t k = i; first && k < f->n; k++)
			if (is_column(&f->field[k])
					&& column_rows(&f->field[k]) == column_rows(&f->field[i]))
				fprintf(to, "%s%s", k > i ? "," : any ? " or " : "",
					f->field[k].name);
		any |= first;
	}
	text_stream_close(to);
	bool another = *line != '\0' && t->tables < TOLD;
	for (size_t i = 0; i < t->tables; i++)
		another &= strcmp(t->told[i], line) != 0;
	if (another)
		t->told[t->tables++] = line;
	else
		free(line);
}

/* -- Printing ------------------------------------------------------------------------------- */

/* A cell that begins with a quote would be read up to the next one, across lines. */
static void print_text(FILE *to, const char *text)
{
	if (*text == '"')
		putc('\\', to);
	text_write(to, text);
}

static char *names_line(const struct frame_table *t)
{
	char *names;
	size_t size;
	FILE *line = text_stream(&names, &size);

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0, n = width(t->column[i]); k < n; k++) {
			fputs(i + k ? "\t" : "", line);
			print_text(line, t->column[i]->name);
			if (t->column[i]->kind == SM_TENSOR && t->column[i]->tensor.rank > 1)
				fprintf(line, ".%zu", k);
		}
	text_stream_close(line);
	return names;
}

static const char *with_commas(char *names)
{
	for (char *c = names; *c; c++)
		*c = *c == '\t' ? ',' : *c;
	return names;
}

/* Prints the names before the first row; false where the columns are those of another table, which
 * the stream may have beside the one that is printed. */
static bool print_names(struct frame_table *t, const struct sm_reader *in)
{
	char *names = names_line(t);
	bool same = !t->names || strcmp(names, t->names) == 0;

	if (!t->names)
		puts(t->names = names);
	if (!same && (!t->shown || t->wanted || t->views.kind))
		sm_bad(in, "the columns %s, where those before are %s: --columns names what to "
			"print", with_commas(names), with_commas(t->names));
	if (names != t->names)
		free(names);
	t->shown |= same;
	return same;
}

static void print_row(const struct frame_table *t, size_t row)
{
	char text[REAL_TEXT];

	for (size_t i = 0; i < t->n; i++) {
		const struct sm_field *x = t->column[i];
		for (size_t k = 0, n = width(x); k < n; k++) {
			if (i + k)
				putchar('\t');
			if (x->kind == SM_STRINGS)
				print_text(stdout, x->strings.item[row]);
			else
				fputs(number_text(text, &x->tensor, row * n + k), stdout);
		}
	}
	putchar('\n');
}

/* -- Labels --------------------------------------------------------------------------------- */

static const char *label_of(struct labels *l, const char *layer, uint64_t feature)
{
	const char *text = feature < UINT32_MAX ? labels_find(l, layer, (uint32_t)feature) : NULL;

	return text ? text : "";
}

/* The labels of the features in a frame's column, whose layers stand beside them or are one. */
static void label_column(struct frame_table *t, const struct sm_reader *in, struct sm_frame *f,
	const char *const name[3], struct labels *l, const char *layer)
{
	const struct sm_field *feature = sm_find_field(f, name[1]), *of = sm_find_field(f, name[0]);
	bool numbers = feature && feature->kind == SM_TENSOR && feature->tensor.rank == 1
		&& (feature->tensor.dtype == SM_U4 || feature->tensor.dtype == SM_U8);

	if (!l || !numbers || sm_find_field(f, name[2]))
		return;
	size_t n = feature->tensor.shape[0];
	bool beside = of && of->kind == SM_STRINGS && of->strings.n == n;
	if (!beside && !layer)
		return;
	const char **label = pool_alloc(&t->views.pool, n, sizeof *label);
	t->labels.entries += n;
	for (size_t i = 0; i < n; i++) {
		label[i] = label_of(l, beside ? of->strings.item[i] : layer,
			feature->tensor.dtype == SM_U8
				? ((const uint64_t *)feature->tensor.data)[i]
				: ((const uint32_t *)feature->tensor.data)[i]);
		spelled_add(&t->labels, in, label[i]);
	}
	sm_set_strings(f, name[2], n, label);
}

/* The different labels of a chain's features, in the order of the chain. */
static void label_chains(struct frame_table *t, const struct sm_reader *in, struct sm_frame *made)
{
	const struct sm_frame *f = &t->views.frame;
	size_t layers = SM_ANY, entries = SM_ANY, n = SM_ANY, size;
	const char *const *name = sm_want_strings(in, &t->views.names, "layer", &layers).item;
	const uint32_t *layer = sm_want(in, f, "layer", SM_U4, &entries);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &entries);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, entries);
	const char **label = pool_alloc(&t->views.pool, n, sizeof *label);

	t->labels.entries += entries;
	for (size_t i = 0; i < n; i++) {
		const char *last = "";
		char *text;
		FILE *to = text_stream(&text, &size);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			const char *its = label_of(t->label[0], name[layer[k]], feature[k]);
			if (*its && strcmp(its, last) != 0) {
				spelled_add(&t->labels, in, its);
				fprintf(to, "%s%s", *last ? "; " : "", its);
			}
			last = *its ? its : last;
		}
		text_stream_close(to);
		label[i] = pool_keep(&t->views.pool, text);
	}
	sm_set_strings(made, "label", n, label);
}

static void want_labels_apart(const struct frame_table *t, const struct sm_reader *in,
	const struct sm_frame *header, const struct sm_frame *f)
{
	if (!sm_find_field(f, "row_feature") || !sm_find_field(f, "col_feature"))
		return;
	struct ids row = want_ids(in, f, "row_layer", "row_feature");
	struct ids col = want_ids(in, f, "col_layer", "col_feature");
	get_origin(&row, header, 0);
	get_origin(&col, header, 1);
	labels_want_apart(t->label, &row, &col);
}

static void add_labels(struct frame_table *t, const struct sm_reader *in,
	const struct sm_frame *header, struct sm_frame *f)
{
	static const char *const of[][3] = {{"row_layer", "row_feature", "row_label"},
		{"col_layer", "col_feature", "col_label"},
		{"free_row_layer", "free_row_feature", "free_row_label"},
		{"free_col_layer", "free_col_feature", "free_col_label"}};
	static const char *const one[] = {"layer", "feature", "label"};

	if (f == &t->views.made[0] && sm_find_field(f, "chain"))
		label_chains(t, in, f);
	for (size_t i = 0; i < 4; i++)
		label_column(t, in, f, of[i], t->label[i % 2], NULL);
	label_column(t, in, f, one, t->label[0], sm_get_string(header, "layer", NULL));
	want_labels_apart(t, in, header, f);
}

/* -- Frames and streams --------------------------------------------------------------------- */

/* Takes the columns to print of the views that a frame has. */
static void find_columns(struct frame_table *t, const struct sm_reader *in)
{
	const struct frame_views *v = &t->views;
	bool found = false;

	t->n = 0;
	for (size_t i = 0; t->wanted && i < v->n && !found; i++)
		found = chosen_columns(t, in, v->view[i]);
	t->found |= found;
	for (size_t i = 0; t->wanted && !t->found && i < v->n; i++)
		tell_columns(t, v->view[i]);
	if (!t->wanted && v->first)
		all_columns(t, v->view[0]);
}

void print_table(struct frame_table *t, struct sm_reader *in, const struct sm_frame *header)
{
	struct frame_views *v = &t->views;

	t->shown = false;
	frame_views_open(v, header);
	while (frame_views_read(v, in)) {
		t->any = true;
		if (t->label[0] || t->label[1])
			for (size_t i = 0; i < v->n; i++)
				add_labels(t, in, header, v->view[i]);
		find_columns(t, in);
		bool prints = t->n > 0 && print_names(t, in);
		for (size_t row = 0; prints && row < t->rows; row++)
			print_row(t, row);
	}
}

struct frame_table *frame_table_open(const char *wanted, struct labels *const l[2])
{
	struct frame_table *t = xcalloc(1, sizeof *t);

	t->wanted = wanted;
	t->label[0] = l[0];
	t->label[1] = l[1];
	return t;
}

static _Noreturn void tell_none(const struct frame_table *t)
{
	char *list;
	size_t size;
	FILE *to = text_stream(&list, &size);

	for (size_t i = 0; i < t->tables; i++)
		fprintf(to, "%s%s", i ? " or " : "", t->told[i]);
	text_stream_close(to);
	die("no frame has the columns %s: there are %s", t->wanted, *list ? list : "none");
}

void frame_table_close(struct frame_table *t)
{
	if (t->wanted && t->any && !t->found)
		tell_none(t);
	for (size_t i = 0; i < t->tables; i++)
		free(t->told[i]);
	frame_views_free(&t->views);
	free(t->column);
	free(t->names);
	free(t);
}
