/* Frames as lists of fields: found, set, and wanted with a dtype and a shape. */
#include "stream/internal.h"

#include "base/die.h"

#include <stdlib.h>
#include <string.h>

void sm_on_error(void (*handler)(int status, const char *line))
{
	die_handler = handler;
}

/* -- Frames ----------------------------------------------------------------------------------- */

struct memory *frame_memory(struct sm_frame *f)
{
	if (!f->memory)
		f->memory = xcalloc(1, sizeof(struct memory));
	return f->memory;
}

void frame_forget(struct sm_frame *f)
{
	struct memory *m = f->memory;

	f->n = 0;
	if (m)
		pool_clear(&m->pool);
}

void sm_frame_free(struct sm_frame *f)
{
	struct memory *m = f->memory;

	if (m) {
		pool_free(&m->pool);
		free(m->payload);
		free(m->packed);
		free(m);
	}
	free(f->field);
	*f = (struct sm_frame){0};
}

bool sm_in_streams(enum sm_dtype d)
{
	return d < SM_DTYPES && d != SM_U2 && d != SM_I2 && d != SM_I8;
}

struct sm_field *sm_find_field(const struct sm_frame *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->field[i].name, name) == 0)
			return &f->field[i];
	return NULL;
}

void sm_drop_all(struct sm_frame *f, size_t n, const char *const *name)
{
	for (size_t i = 0; i < n; i++) {
		struct sm_field *x = sm_find_field(f, name[i]);
		if (x) {
			memmove(x, x + 1, (size_t)(f->field + f->n - x - 1) * sizeof *x);
			f->n--;
		}
	}
}

struct sm_field *frame_append(struct sm_frame *f, const char *name)
{
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		f->field = xrealloc(f->field, f->room, sizeof *f->field);
	}
	f->field[f->n] = (struct sm_field){.name = name};
	return &f->field[f->n++];
}

static struct sm_field *place(struct sm_frame *f, const char *name, enum sm_field_kind kind)
{
	struct sm_field *x = sm_find_field(f, name);

	if (!x)
		x = frame_append(f, name);
	x->kind = kind;
	return x;
}

void sm_set_shape(struct sm_frame *f, const char *name, enum sm_dtype dtype, const void *data,
	size_t rank, const size_t *shape)
{
	struct sm_tensor *t = &place(f, name, SM_TENSOR)->tensor;

	*t = (struct sm_tensor){.dtype = dtype, .rank = rank, .data = data};
	memcpy(t->shape, shape, rank * sizeof *shape);
}

void sm_set_strings(struct sm_frame *f, const char *name, size_t n, const char *const *item)
{
	place(f, name, SM_STRINGS)->strings = (struct sm_strings){n, item};
}

void sm_set_string(struct sm_frame *f, const char *name, const char *text)
{
	place(f, name, SM_STRING)->string = text;
}

void sm_set_integer(struct sm_frame *f, const char *name, int64_t value)
{
	place(f, name, SM_INTEGER)->integer = value;
}

void sm_set_real(struct sm_frame *f, const char *name, double value)
{
	place(f, name, SM_REAL)->real = value;
}

void sm_set_value(struct sm_frame *f, const char *name, const struct sm_value *value)
{
	place(f, name, SM_OTHER)->value = *value;
}

void sm_join_header(struct sm_frame *to, const struct sm_frame *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strcmp(from->field[i].name, "history") == 0
				|| !sm_find_field(to, from->field[i].name))
			*frame_append(to, from->field[i].name) = from->field[i];
}

/* -- Fields that have to be there -------------------------------------------------------------- */

static const struct sm_field *present(const struct sm_reader *r, const struct sm_frame *f,
	const char *name, enum sm_field_kind kind, const char *what)
{
	const struct sm_field *x = sm_find_field(f, name);

	if (!x)
		sm_bad(r, "no %s", name);
	if (x->kind != kind)
		sm_bad(r, "%s is no %s", name, what);
	return x;
}

static void check_shape(const struct sm_reader *r, const char *name, const struct sm_tensor *t,
	size_t rank, size_t *const *length)
{
	if (t->rank != rank)
		sm_bad(r, "%s has %zu dimensions, not %zu", name, t->rank, rank);
	for (size_t i = 0; i < rank; i++) {
		if (*length[i] == SM_ANY)
			*length[i] = t->shape[i];
		else if (*length[i] != t->shape[i])
			sm_bad(r, "dimension %zu of %s is %zu, not %zu", i, name, t->shape[i],
				*length[i]);
	}
}

const void *sm_want_shape(const struct sm_reader *r, const struct sm_frame *f, const char *name,
	enum sm_dtype dtype, size_t rank, size_t *const *length)
{
	const struct sm_tensor *t = &present(r, f, name, SM_TENSOR, "tensor")->tensor;

	if (t->dtype != dtype)
		sm_bad(r, "%s is %s, not %s", name, sm_dtype_name(t->dtype), sm_dtype_name(dtype));
	check_shape(r, name, t, rank, length);
	return t->data;
}

const struct sm_tensor *sm_want_floats_shape(const struct sm_reader *r, const struct sm_frame *f,
	const char *name, size_t rank, size_t *const *length)
{
	const struct sm_tensor *t = &present(r, f, name, SM_TENSOR, "tensor")->tensor;

	if (t->dtype != SM_F4 && t->dtype != SM_F8 && t->dtype != SM_F2 && t->dtype != SM_BF16)
		sm_bad(r, "%s is %s, not floating", name, sm_dtype_name(t->dtype));
	check_shape(r, name, t, rank, length);
	return t;
}

const uint32_t *sm_want_indptr(const struct sm_reader *r, const struct sm_frame *f,
	const char *name, size_t *n, size_t entries)
{
	size_t ends = *n == SM_ANY ? SM_ANY : *n + 1;
	const uint32_t *indptr = sm_want(r, f, name, SM_U4, &ends);

	if (ends == 0)
		sm_bad(r, "%s is empty", name);
	*n = ends - 1;
	if (indptr[0] != 0 || indptr[*n] != entries)
		sm_bad(r, "%s runs from %u to %u, not from 0 to %zu", name, indptr[0], indptr[*n],
			entries);
	for (size_t i = 0; i < *n; i++)
		if (indptr[i] > indptr[i + 1])
			sm_bad(r, "%s row %zu descends", name, i);
	return indptr;
}

struct sm_strings sm_want_strings(const struct sm_reader *r, const struct sm_frame *f,
	const char *name, size_t *n)
{
	struct sm_strings s = present(r, f, name, SM_STRINGS, "list of strings")->strings;

	if (*n == SM_ANY)
		*n = s.n;
	else if (*n != s.n)
		sm_bad(r, "%s has %zu entries, not %zu", name, s.n, *n);
	return s;
}

const char *sm_want_string(const struct sm_reader *r, const struct sm_frame *f, const char *name)
{
	return present(r, f, name, SM_STRING, "string")->string;
}

size_t sm_want_size(const struct sm_reader *r, const struct sm_frame *f, const char *name)
{
	int64_t x = present(r, f, name, SM_INTEGER, "whole number")->integer;

	if (x < 0)
		sm_bad(r, "%s is negative", name);
	return (size_t)x;
}

/* ": PROGRAM writes them", where the suite has a program for streams of a kind; else "". */
static const char *written_by(const char *kind)
{
	static const char *const of[][2] = {{"activations", ": act-dump writes them"},
		{"distributions", ": featdist writes them"},
		{"distances", ": sinkhorn writes them"}, {"matching", ": hungarian writes them"},
		{"coupling", ": couple writes them"}, {"contexts", ": contexts writes them"},
		{"graph", ": graph2frame writes them"}, {"axes", ": refaxes writes them"}};

	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		if (strcmp(kind, of[i][0]) == 0)
			return of[i][1];
	return "";
}

size_t sm_want_one_of(const struct sm_reader *r, const struct sm_frame *header, size_t n,
	const char *const *kind)
{
	const char *given = sm_want_string(r, header, "kind");

	for (size_t i = 0; i < n; i++)
		if (strcmp(given, kind[i]) == 0)
			return i;
	bool plural = *kind[0] && kind[0][strlen(kind[0]) - 1] == 's';
	sm_bad(r, "a stream of %s, where %s%s are read%s", given, kind[0], plural ? "" : "s",
		written_by(kind[0]));
}

const char *sm_get_string(const struct sm_frame *f, const char *name, const char *otherwise)
{
	const struct sm_field *x = sm_find_field(f, name);

	return x && x->kind == SM_STRING ? x->string : otherwise;
}

size_t sm_get_size(const struct sm_frame *f, const char *name)
{
	const struct sm_field *x = sm_find_field(f, name);

	return x && x->kind == SM_INTEGER && x->integer > 0 ? (size_t)x->integer : 0;
}
