#include "base/die.h"
#include "base/text_stream.h"
#include "file/frame_npz.h"
#include "file/npz_frame.h"
#include "stream/distances.h"
#include "stream/frame_json.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ENTRIES = 1 << 18, BLOCK_ROWS = 1 << 16, RULES = 24, LETTERS = 128,
	LENGTH_FREE = 1 << 24 };
enum need { OPTIONAL, NEEDED, RANGE /* 0, 1, 2, ... when it is not there */ };

/* A field of a frame of a kind, and the array that it is from. A letter of its shape is a length;
 * z: of entries, where indptr (n + 1) says whose. */
struct rule {
	const char *field, *key, *dtype, *shape;
	enum need need;
};

/* Two frames; those of which `cut` is a length are cut into blocks of rows. */
static const struct kind {
	const char *name, *cut;		/* a letter for each frame; ' ': it is one */
	bool numbered;			/* blocks say their first row */
	const char *header[3];		/* texts of the header that have to be there */
	struct rule rule[2][RULES];
} known[] = {
	{"distances", " n", true, {NULL}, {{
		{"row_layer", "row_layer", "<U", "n", NEEDED},
		{"row_feature", "row_feature", "<u4", "n", RANGE},
		{"col_layer", "col_layer", "<U", "m", NEEDED},
		{"col_feature", "col_feature", "<u4", "m", RANGE},
		{"row_node", "row_node", "<U", "n", OPTIONAL},
		{"col_node", "col_node", "<U", "m", OPTIONAL},
		{"random", "random", "<f4", "s", OPTIONAL},
	}, {
		{"col", "col", "<u4", "nk", OPTIONAL},
		{"dist", "dist", "<f4", "nk", NEEDED},
		{"error", "error", "<f4", "nk", OPTIONAL},
		{"lower", "lower", "<f4", "nk", OPTIONAL},
		{"upper", "upper", "<f4", "nk", OPTIONAL},
		{"iters", "iters", "<u4", "nk", OPTIONAL},
		{"residual", "residual", "<f4", "nk", OPTIONAL},
		{"beyond", "beyond", "<f4", "n", OPTIONAL},
	}}},
	{"distributions", "mn", false, {"layer", "space"}, {{
		{"token", "token", "<u4", "m", RANGE},
		{"vocab", "vocab", "<u4", "m", OPTIONAL},
		{"point", "point", "<f4", "md", NEEDED},
	}, {
		{"feature", "feature", "<u4", "n", RANGE},
		{"indptr", "indptr", "<u4", "n", NEEDED},
		{"row", "indices", "<u4", "z", NEEDED},
		{"weight", "data", "<f4", "z", NEEDED},
		{"mass", "mass", "<f8", "n", OPTIONAL},
		{"count", "count", "<u4", "n", OPTIONAL},
	}}},
	{"coupling", " n", true, {NULL}, {{
		{"row_token", "row_token", "<u4", "n", RANGE},
		{"col_token", "col_token", "<u4", "m", RANGE},
		{"row_vocab", "row_vocab", "<u4", "n", OPTIONAL},
		{"col_vocab", "col_vocab", "<u4", "m", OPTIONAL},
	}, {
		{"indptr", "indptr", "<u4", "n", NEEDED},
		{"col", "indices", "<u4", "z", NEEDED},
		{"weight", "data", "<f4", "z", NEEDED},
	}}},
	{"matching", "  ", false, {NULL}, {{
		{"row_layer", "row_layer", "<U", "n", NEEDED},
		{"row_feature", "row_feature", "<u4", "n", NEEDED},
		{"col_layer", "col_layer", "<U", "n", NEEDED},
		{"col_feature", "col_feature", "<u4", "n", NEEDED},
		{"cost", "cost", "<f4", "n", NEEDED},
		{"margin", "margin", "<f4", "n", NEEDED},
		{"error", "error", "<f4", "n", OPTIONAL},
		{"certified", "certified", "|u1", "n", OPTIONAL},
		{"chance", "chance", "<f4", "n", OPTIONAL},
		{"row", "row", "<u4", "n", OPTIONAL},
		{"col", "col", "<u4", "n", OPTIONAL},
	}, {
		{"free_row_layer", "free_row_layer", "<U", "f", OPTIONAL},
		{"free_row_feature", "free_row_feature", "<u4", "f", OPTIONAL},
		{"free_col_layer", "free_col_layer", "<U", "g", OPTIONAL},
		{"free_col_feature", "free_col_feature", "<u4", "g", OPTIONAL},
		{"row_dual", "row_dual", "<f8", "r", OPTIONAL},
		{"col_dual", "col_dual", "<f8", "c", OPTIONAL},
		{"second", "second", "<f4", "s", OPTIONAL},
		{"random", "random", "<f4", "t", OPTIONAL},
	}}},
};

struct building {
	struct npz_arrays *s;
	const char *name;			/* of the file */
	const struct kind *kind;
	struct sm_frame *header;
	size_t length[LETTERS];			/* of each letter; SIZE_MAX: not known yet, ... */
	const char *by[LETTERS];		/* ... or which array has it */
	const int64_t *indptr;			/* (n + 1); NULL: the kind has none */
};

/* -- Lengths ----------------------------------------------------------------------------------- */

static void agree(struct building *b, char letter, const char *key, size_t n)
{
	size_t *length = &b->length[(unsigned char)letter];

	if (*length != SIZE_MAX && *length != n)
		die("%s: %s has %zu, where %s has %zu", b->name, key, n,
			b->by[(unsigned char)letter], *length);
	*length = n;
	b->by[(unsigned char)letter] = key;
}

/* A text of the header, of no dimension, that is to stand for all rows. */
static void spread(struct building *b, const struct rule *r)
{
	const char *text = sm_get_string(b->header, r->key, NULL);

	if (!text || strcmp(r->dtype, STRINGS_DTYPE) != 0)
		return;
	npz_array_add(b->s, r->key, text);
	sm_drop(b->header, r->key);
}

static void measure(struct building *b, const struct rule *r)
{
	spread(b, r);
	struct npz_array *a = npz_array(b->s, r->key);

	if (!a && r->need == NEEDED && strcmp(r->dtype, STRINGS_DTYPE) == 0)
		die("%s: no %s, which is the layer of each: --set %s=LAYER for all of them",
			b->name, r->key, r->key);
	if (!a && r->need == NEEDED)
		die("%s: no array %s, which %s have; there are %s", b->name, r->key,
			b->kind->name, npz_names(b->s));
	if (!a || a->same)
		return;
	bool texts = strcmp(r->dtype, STRINGS_DTYPE) == 0;
	if (a->shape.rank != strlen(r->shape) || texts != !!a->texts)
		die("%s:%s: %zu dimensions of %s, where %zu of %s are wanted", b->name, r->key,
			a->shape.rank, a->texts ? "texts" : "numbers", strlen(r->shape),
			texts ? "texts" : "numbers");
	if (strcmp(r->key, "indptr") == 0 && a->rows == 0)
		die("%s:indptr: empty", b->name);
	for (size_t i = 0; r->shape[i]; i++)
		agree(b, r->shape[i], r->key,
			a->shape.shape[i] - (strcmp(r->key, "indptr") == 0));
}

/* scipy's shape and format, where they are. */
static void measure_matrix(struct building *b)
{
	char *format = archive_text(b->s->file, "format");
	struct array shape;

	if (format && strcmp(format, "csr") != 0)
		die("%s: a sparse matrix in %s format: save_npz(FILE, matrix.tocsr())", b->name,
			format);
	free(format);
	if (!npz_has(b->s, "indptr") || !npz_has(b->s, "shape"))
		return;
	archive_want(b->s->file, "shape", &shape);
	if (array_count(&shape) != 2)
		die("%s:shape: not of two numbers", b->name);
	agree(b, 'n', "shape", (size_t)sm_to_double(shape.data, shape.dtype, 0));
	agree(b, 'm', "shape", (size_t)sm_to_double(shape.data, shape.dtype, 1));
}

/* What stays as it is in all blocks: where entries of rows begin, checked by who reads them. */
static void read_indptr(struct building *b)
{
	struct array a;

	if (!npz_has(b->s, "indptr"))
		return;
	archive_want(b->s->file, "indptr", &a);
	int64_t *indptr = xalloc(b->length['n'] + 1, sizeof *indptr);
	for (size_t i = 0; i <= b->length['n']; i++) {
		double x = sm_to_double(a.data, a.dtype, i);
		if (!(x >= (i ? (double)indptr[i - 1] : 0) && x <= (double)b->length['z']))
			die("%s:indptr: row %zu begins with entry %.0f of %zu", b->name, i, x,
				b->length['z']);
		indptr[i] = (int64_t)x;
	}
	if ((size_t)indptr[b->length['n']] != b->length['z'])
		die("%s: indptr ends with entry %lld of %zu", b->name,
			(long long)indptr[b->length['n']], b->length['z']);
	b->indptr = indptr;
}

/* A shape with a length of 0, or that of a sparse matrix, costs nothing, and may claim any other
 * length; what is numbered or named for it costs memory. */
static void check_lengths(const struct building *b)
{
	size_t most = LENGTH_FREE;

	for (size_t i = 0; i < b->s->n; i++) {
		const struct npz_array *a = b->s->item[i];
		if (a->numbers && array_count(&a->shape) > most)
			most = array_count(&a->shape);
	}
	for (size_t i = 0; i < LETTERS; i++)
		if (b->length[i] != SIZE_MAX && b->length[i] > most)
			die("%s: %s claims a length of %zu, where no array has so many numbers",
				b->name, b->by[i], b->length[i]);
}

static void measure_all(struct building *b)
{
	for (size_t i = 0; i < LETTERS; i++)
		b->length[i] = SIZE_MAX;
	for (int f = 0; f < 2; f++)
		for (const struct rule *r = b->kind->rule[f]; r->field; r++)
			measure(b, r);
	if (npz_has(b->s, "indptr"))
		measure_matrix(b);
	if (strcmp(b->kind->name, "distances") == 0 && !npz_has(b->s, "col"))
		agree(b, 'm', "dist", b->length['k']);
	check_lengths(b);
	for (int f = 0; f < 2; f++)
		for (const struct rule *r = b->kind->rule[f]; r->field; r++) {
			size_t n = b->length[(unsigned char)*r->shape];
			if (n == SIZE_MAX && (r->need == RANGE || npz_has(b->s, r->key)))
				die("%s: nothing says how many %s there are", b->name, r->key);
			if (r->need == RANGE && !npz_has(b->s, r->key))
				npz_array_add(b->s, r->key, NULL);
		}
	for (size_t i = 0; i < b->s->keys; i++) {
		bool found = npz_is_beside(b->s->key[i]);
		struct npz_array *a = npz_array(b->s, b->s->key[i]);
		for (int f = 0; f < 2; f++)
			for (const struct rule *r = b->kind->rule[f]; r->field; r++)
				found |= strcmp(r->key, a->key) == 0;
		if (!found && !npz_is_single(a))
			die("%s: %s have no array %s; see npz2frame(1)", b->name, b->kind->name,
				a->key);
	}
	read_indptr(b);
}

/* -- Frames ------------------------------------------------------------------------------------ */

/* Rows of a frame from `begin` on: their end. */
static size_t block_end(const struct building *b, int frame, size_t begin, size_t n)
{
	size_t width = 1, end = begin;

	if (b->kind->cut[frame] == ' ')
		return n;
	for (const struct rule *r = b->kind->rule[frame]; r->field; r++)
		if (r->shape[1] && npz_has(b->s, r->key))
			width = b->length[(unsigned char)r->shape[1]];
	size_t rows = block_rows(width) < BLOCK_ROWS ? block_rows(width) : BLOCK_ROWS;
	do
		end++;
	while (end < n && end - begin < rows && (frame == 0 || !b->indptr
		|| b->indptr[end + 1] - b->indptr[begin] <= BLOCK_ENTRIES));
	return end;
}

/* One frame, of rows begin to end-1, as a line. */
static void put_frame(const struct building *b, FILE *to, int frame, size_t begin, size_t end)
{
	const char *place[RULES + 1];
	struct sm_frame f = {0};

	if (b->kind->numbered && b->kind->cut[frame] != ' ') {
		sm_set_integer(&f, "row0", (int64_t)begin);
		place[0] = NULL;
	}
	for (const struct rule *r = b->kind->rule[frame]; r->field; r++) {
		size_t shape[2], rank = strlen(r->shape);
		if (!npz_has(b->s, r->key))
			continue;
		for (size_t i = 0; i < rank; i++)
			shape[i] = b->length[(unsigned char)r->shape[i]];
		if (b->kind->cut[frame] == *r->shape)
			shape[0] = end - begin + (strcmp(r->key, "indptr") == 0);
		else if (*r->shape == 'z')
			shape[0] = (size_t)(b->indptr[end] - b->indptr[begin]);
		place[f.n] = r->key;
		if (strcmp(r->dtype, STRINGS_DTYPE) == 0)
			sm_set_strings(&f, r->field, shape[0], NULL);
		else
			sm_set_shape(&f, r->field, sm_dtype_named(r->dtype), NULL, rank, shape);
	}
	if (f.n > 0)
		put_json(to, NULL, &f, place);
	sm_frame_free(&f);
}

static void complete_header(const struct building *b)
{
	struct sm_frame *h = b->header;

	for (size_t i = 0; b->kind->header[i]; i++)
		if (!sm_find_field(h, b->kind->header[i]))
			die("%s: no %s for the header: --set %s=TEXT gives it", b->name,
				b->kind->header[i], b->kind->header[i]);
	if (strcmp(b->kind->name, "distributions") == 0) {
		sm_set_integer(h, "d", (int64_t)b->length['d']);
		return;
	}
	if (strcmp(b->kind->name, "matching") == 0) {
		sm_set_integer(h, "matched", (int64_t)b->length['n']);
		return;
	}
	sm_set_integer(h, "rows", (int64_t)b->length['n']);
	sm_set_integer(h, "cols", (int64_t)b->length['m']);
	if (strcmp(b->kind->name, "distances") == 0 && !sm_find_field(h, "metric"))
		sm_set_string(h, "metric", "own");
	sm_drop(h, "top");
	if (npz_has(b->s, "col") && strcmp(b->kind->name, "distances") == 0)
		sm_set_integer(h, "top", (int64_t)b->length['k']);
}

char *frames_of_arrays(struct npz_arrays *s, const char *kind, struct sm_frame *header)
{
	struct building b = {.s = s, .name = archive_name(s->file), .header = header};
	char *text;
	size_t size;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].name, kind) == 0)
			b.kind = &known[i];
	if (strcmp(kind, "activations") == 0)
		die("%s: activations of one's own: act-import reads them", b.name);
	if (!b.kind)
		die("%s: no array frames, which a stream of %s needs: frame2npz writes it; without "
			"it distances, distributions, coupling, matching can be made", b.name,
			kind);
	measure_all(&b);
	complete_header(&b);
	FILE *to = text_stream(&text, &size);
	for (int f = 0; f < 2; f++) {
		char cut = b.kind->cut[f];
		size_t n = cut == ' ' ? 1 : b.length[(unsigned char)cut];
		for (size_t row = 0, end; row < n; row = end) {
			end = block_end(&b, f, row, n);
			put_frame(&b, to, f, row, end);
		}
	}
	text_stream_close(to);
	free((void *)(uintptr_t)b.indptr);
	return text;
}
