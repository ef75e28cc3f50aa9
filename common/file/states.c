#include "file/states.h"

#include "base/die.h"
#include "base/input.h"
#include "file/kept.h"
#include "file/npy.h"
#include "file/pattern.h"
#include "file/stack.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { D_MOST = 1 << 20 };

struct shard {
	struct archive *file;		/* NULL: stdin */
	const char *name;
	struct stack rows;
	FILE *in;			/* stdin, or NULL */
	size_t taken;			/* of stdin: rows of the array */
	enum sm_dtype dtype;
	const char *data;
};

struct states {
	size_t rows, d, shards;
	enum sm_dtype dtype;
	bool joined;			/* side by side: each shard has d / shards of the numbers */
	struct list files;
	struct shard *shard;
	char *buffer;			/* rows that had to be read or converted */
	size_t room;
};

/* -- Arrays ------------------------------------------------------------------------------------ */

static void npy_on_stdin(struct array *a, FILE *in)
{
	size_t n = 0, at = 0;
	char *bytes = NULL;

	while (at == 0) {		/* byte by byte: nothing of the rows may be taken */
		bytes = xrealloc(bytes, n + 1, 1);
		if (fread(bytes + n++, 1, 1, in) != 1)
			die("stdin: not a .npy array: %zu bytes", n - 1);
		if (n >= 10)
			at = npy_header("stdin", bytes, n, a);
	}
	free(bytes);
	array_refuse_fortran("stdin", a);
}

/* Numbers that states can be of: floats, and those that bf16 are sometimes kept as. */
static enum sm_dtype dtype_of(const char *name, const struct array *a, bool bf16)
{
	const char *type = a->untyped ? "V2" : sm_dtype_name(a->dtype);
	bool half = a->dtype == SM_U2 || a->dtype == SM_I2;

	array_refuse_boolean(name, a);
	if (bf16 && half)
		return SM_BF16;
	if (half)
		die("%s: numbers of type %s: states are of f2, bf16, f4 or f8; bits of bfloat16 "
			"in another type: --bf16", name, type);
	if (!sm_dtype_is_float(a->dtype))
		die("%s: numbers of type %s, integers: states are of f2, bf16, f4 or f8; multiply "
			"quantised ones by their scales", name, type);
	if (bf16 && a->dtype != SM_BF16)
		die("%s: numbers of type %s: --bf16 is for those of V2, u2 or i2", name, type);
	return a->dtype;
}

static size_t open_shard(struct shard *h, const char *name, const char *axis, bool bf16)
{
	struct array a;

	h->name = name;
	if (is_stdin(name)) {
		h->name = "stdin";
		h->in = input_open("-");
		npy_on_stdin(&a, h->in);
	} else {
		h->file = array_open_any(name, &a);
		h->data = a.data;
	}
	if (a.rank < 2)
		die("%s: hidden states are a matrix (tokens, d), not of %zu dimensions", h->name,
			a.rank);
	h->dtype = dtype_of(h->name, &a, bf16);
	size_t d = a.shape[a.rank - 1];
	if (d == 0 || d > D_MOST)
		die("%s: hidden states of %zu dimensions: 1 to %d are read", h->name, d, D_MOST);
	stack_open(&h->rows, h->name, &a, axis);
	return d;
}

/* -- All of them ------------------------------------------------------------------------------- */

static void add_shard(struct states *s, const char *name, const char *axis, bool bf16)
{
	struct shard *h = &s->shard[s->shards++];
	size_t d = open_shard(h, name, axis, bf16);

	if (s->shards > 1 && d != s->d)
		die("%s: states of %zu dimensions after %zu in %s", h->name, d, s->d,
			s->shard[0].name);
	s->d = d;
	enum sm_dtype given = h->dtype == SM_F2 || h->dtype == SM_BF16 ? h->dtype : SM_F4;
	s->dtype = s->shards == 1 || given == s->dtype ? given : SM_F4;
	if (h->rows.n > UINT32_MAX - s->rows)
		die("%s: %zu tokens more: the limit is 4294967295", h->name, h->rows.n);
	s->rows += h->rows.n;
}

struct states *states_open(const struct list *files, const struct states_options *how)
{
	struct states *s = xcalloc(1, sizeof *s);
	size_t axes = how->axis.n;

	if (axes > 1 && axes != files->n)
		misuse("--axis is given %zu times for %zu files: once for all, or once for each",
			axes, files->n);
	for (size_t i = 0; i < files->n; i++) {
		size_t n = s->files.n;
		const char *axis = axes > 0 ? how->axis.item[axes > 1 ? i : 0] : NULL;
		pattern_files(&s->files, files->item[i]);
		s->shard = xrealloc(s->shard, s->files.n, sizeof *s->shard);
		memset(s->shard + n, 0, (s->files.n - n) * sizeof *s->shard);
		for (; n < s->files.n; n++) {
			const char *name = s->files.item[n];
			if (is_stdin(name) && (files->n > 1 || s->files.n > 1))
				die("stdin: cannot be one of several files of hidden states");
			add_shard(s, name, axis, how->bf16);
		}
	}
	return s;
}

void states_close(struct states *s)
{
	for (size_t i = 0; i < s->shards; i++) {
		if (s->shard[i].file)
			archive_close(s->shard[i].file);
		if (s->shard[i].in)
			fclose(s->shard[i].in);
	}
	for (size_t i = 0; i < s->files.n; i++)
		free((char *)s->files.item[i]);
	free(s->files.item);
	free(s->shard);
	free(s->buffer);
	free(s);
}

size_t states_rows(const struct states *s)
{
	return s->rows;
}

size_t states_d(const struct states *s)
{
	return s->d;
}

enum sm_dtype states_dtype(const struct states *s)
{
	return s->dtype;
}

const char *states_name(const struct states *s)
{
	return s->shard[0].name;
}

bool states_flatten(struct states *s, size_t d)
{
	size_t parts = d / s->d;

	if (s->joined || parts < 2 || parts * s->d != d)
		return false;
	for (size_t i = 0; i < s->shards; i++)
		if (!stack_has_parts(&s->shard[i].rows, parts))
			return false;
	s->rows = 0;
	for (size_t i = 0; i < s->shards; i++) {
		stack_flatten(&s->shard[i].rows);
		s->rows += s->shard[i].rows.n;
	}
	s->d = d;
	return true;
}

void states_settle(const struct states *s, size_t context, bool counted)
{
	bool by_axis = false;

	for (size_t i = 0; i < s->shards; i++)
		by_axis |= stack_settle(&s->shard[i].rows, context, counted);
	if (by_axis)
		note("%s: of what --axis leaves, all dimensions but the last are tokens",
			states_name(s));
}

char *states_ways(const struct states *s)
{
	const struct stack *r = &s->shard[0].rows;

	if (r->dims < 2)
		return xasprintf("%s", "");
	char *shape = stack_shape(r), *axes = stack_axes(r);
	char *text = xasprintf("; %s is of shape %s: if one dimension is layers, %s", r->name,
		shape, axes);
	free(shape);
	free(axes);
	return text;
}

void states_join(struct states *s)
{
	const struct shard *h = s->shard;

	for (size_t i = 0; i < s->shards; i++)
		if (h[i].rows.n != h->rows.n)
			die("%s: %zu states, %s has %zu: side by side they have to be of the same "
				"tokens", h[i].name, h[i].rows.n, h->name, h->rows.n);
	s->joined = s->shards > 1;
	s->rows = h->rows.n;
	s->d *= s->shards;
}

bool states_in_files(const struct states *s)
{
	return s->shard[0].file;
}

static const struct shard *shard_of(const struct states *s, size_t *row)
{
	const struct shard *h = s->shard;

	while (!s->joined && *row >= h->rows.n)
		*row -= h++->rows.n;
	return h;
}

bool states_finite(const float *x, size_t d)
{
	for (size_t k = 0; k < d; k++)
		if (!isfinite(x[k]))
			return false;
	return true;
}

/* How many rows of mapped files are not finite. */
static size_t not_finite(const struct states *s)
{
	struct kept_tokens all = {.rows = s->rows, .finite = true};
	size_t n = kept_finite(&all, s);

	kept_free(&all);
	return n;
}

void states_check(const struct states *s, size_t i, const float *x)
{
	const struct shard *h = shard_of(s, &i);
	char *all = NULL;

	if (states_finite(x, s->d))
		return;
	if (h->file)
		all = xasprintf(", as do %zu of %zu rows", not_finite(s), s->rows);
	die("%s: row %zu holds a number that is not finite%s%s (--drop-nonfinite of act-dump, "
		"refproj and refaxes leaves such rows out)", h->name, i, all ? all : "",
		h->dtype == SM_F2 ? ": f2 overflows at 65504, save bf16 or f4" : "");
}

static void *room_for(struct states *s, size_t bytes)
{
	if (s->room < bytes) {
		s->buffer = xrealloc(s->buffer, bytes, 1);
		s->room = bytes;
	}
	return s->buffer;
}

/* Rows of files that are side by side. */
static size_t read_joined(struct states *s, size_t at, size_t n, const void **rows)
{
	size_t d = s->d / s->shards, given = sm_dtype_size(s->dtype), run;

	n = n < s->rows - at ? n : s->rows - at;
	char *to = room_for(s, n * s->d * given);
	for (size_t i = 0; i < s->shards; i++) {
		const struct shard *h = &s->shard[i];
		size_t stored = d * sm_dtype_size(h->dtype);
		for (size_t k = 0; k < n; k++) {
			char *part = to + (k * s->d + i * d) * given;
			const char *from = h->data + stack_place(&h->rows, at + k, &run) * stored;
			if (h->dtype == s->dtype)
				memcpy(part, from, stored);
			else
				sm_to_float((float *)(void *)part, from, h->dtype, d);
		}
	}
	*rows = to;
	return n;
}

/* Passes by the rows of stdin before `place`. */
static void skip_rows(struct shard *h, size_t place, size_t size)
{
	char *row = h->taken < place ? xalloc(size, 1) : NULL;

	for (; h->taken < place; h->taken++)
		if (fread(row, size, 1, h->in) != 1)
			die("stdin: cut short before row %zu of %zu", h->taken, h->rows.stored);
	free(row);
}

/* The n rows of stdin from `place` on; behind the last that counts, the others. */
static void read_stdin(struct shard *h, void *to, size_t place, size_t n, size_t size, bool last)
{
	skip_rows(h, place, size);
	if (fread(to, size, n, h->in) != n)
		die("stdin: cut short before row %zu of %zu", place + n, h->rows.stored);
	h->taken += n;
	if (!last)
		return;
	skip_rows(h, h->rows.stored, size);
	if (fgetc(h->in) != EOF)
		die("stdin: bytes after the array");
}

size_t states_read(struct states *s, size_t at, size_t n, const void **rows)
{
	size_t row = at, run;

	if (at >= s->rows)
		return 0;
	if (s->joined)
		return read_joined(s, at, n, rows);
	struct shard *h = s->shard + (shard_of(s, &row) - s->shard);
	size_t stored = sm_dtype_size(h->dtype), given = sm_dtype_size(s->dtype);
	size_t from = stack_place(&h->rows, row, &run);
	n = n < run ? n : run;
	size_t count = n * s->d;
	const char *data = h->data ? h->data + from * s->d * stored : NULL;
	if (!data) {
		/* what is read lies behind what it is converted to */
		size_t converted = h->dtype == s->dtype ? 0 : count * given;
		char *raw = (char *)room_for(s, count * stored + converted) + converted;
		read_stdin(h, raw, from, n, stored * s->d, at + n == s->rows);
		data = raw;
	}
	if (h->dtype == s->dtype) {
		*rows = data;
		return n;
	}
	if (h->data)
		room_for(s, count * given);
	sm_to_float((float *)(void *)s->buffer, data, h->dtype, count);
	*rows = s->buffer;
	return n;
}

void states_release(const struct states *s)
{
	for (size_t i = 0; i < s->shards; i++)
		if (s->shard[i].file)
			archive_release(s->shard[i].file);
}

void states_row(const struct states *s, size_t i, float *row)
{
	const struct shard *h = shard_of(s, &i), *end = h + (s->joined ? s->shards : 1);
	size_t d = s->joined ? s->d / s->shards : s->d, run;

	for (; h < end; h++, row += d) {
		size_t at = stack_place(&h->rows, i, &run);
		sm_to_float(row, h->data + at * d * sm_dtype_size(h->dtype), h->dtype, d);
	}
}

/* -- A pass over all of them ------------------------------------------------------------------- */

size_t states_next(struct states_pass *p, float *x, size_t n)
{
	struct states *s = p->states;
	size_t d = s->d, taken = 0, got;
	const void *rows;

	while (taken < n && (got = states_read(s, p->at, n - taken, &rows)) > 0) {
		float *read = x + taken * d;
		if (p->hash)
			XXH64_update(p->hash, rows, got * d * sm_dtype_size(s->dtype));
		sm_to_float(read, rows, s->dtype, got * d);
		for (size_t i = 0; i < got; i++, read += d) {
			if (p->kept && !kept(p->kept, p->at + i))
				continue;
			states_check(s, p->at + i, read);
			memmove(x + taken++ * d, read, d * sizeof *x);
		}
		p->at += got;
	}
	states_release(s);
	return taken;
}

void states_hash(struct states_pass *p)
{
	p->hash = XXH64_createState();
	if (!p->hash)
		die("out of memory");
	XXH64_reset(p->hash, p->states->d);
}

char *states_hashed(struct states_pass *p)
{
	char *name = digest_name("", states_name(p->states), XXH64_digest(p->hash));

	XXH64_freeState(p->hash);
	p->hash = NULL;
	return name;
}

char *states_digest(struct states *s)
{
	struct states_pass p = {.states = s};
	size_t size = s->d * sm_dtype_size(s->dtype), n;
	const void *rows;

	states_hash(&p);
	for (size_t at = 0; (n = states_read(s, at, 4096, &rows)) > 0; at += n) {
		XXH64_update(p.hash, rows, n * size);
		if (at / 4096 != (at + n) / 4096)
			states_release(s);
	}
	return states_hashed(&p);
}

char *digest_name(const char *before, const char *path, uint64_t digest)
{
	char *file = array_base_name(path);
	char *name = xasprintf("%s%s#%016llx", before, file, (unsigned long long)digest);

	free(file);
	return name;
}
