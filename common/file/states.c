#include "file/states.h"

#include "base/die.h"
#include "file/kept.h"
#include "file/npy.h"

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
	size_t rows, parts;		/* parts: the dimension before the last, of more than two */
	enum sm_dtype dtype;
	const char *data;
};

struct states {
	size_t rows, d, shards;
	enum sm_dtype dtype;
	bool joined;			/* side by side: each shard has d / shards of the numbers */
	struct shard *shard;
	char *buffer;			/* rows that had to be read or converted */
	size_t room;
};

static void npy_on_stdin(struct array *a)
{
	size_t n = 0, at = 0;
	char *bytes = NULL;

	while (at == 0) {		/* byte by byte: nothing of the rows may be taken */
		bytes = xrealloc(bytes, n + 1, 1);
		if (fread(bytes + n++, 1, 1, stdin) != 1)
			die("stdin: not a .npy array: %zu bytes", n - 1);
		if (n >= 10)
			at = npy_header("stdin", bytes, n, a);
	}
	free(bytes);
	if (a->boolean)
		die("stdin: numbers of type bool cannot be read, but as a mask");
}

static size_t flat_rows(const char *name, const struct array *a, size_t *d)
{
	if (a->rank < 2)
		die("%s: hidden states are a matrix (tokens, d), not of %zu dimensions", name,
			a->rank);
	*d = a->shape[a->rank - 1];
	if (*d == 0 || *d > D_MOST)
		die("%s: hidden states of %zu dimensions: 1 to %d are read", name, *d, D_MOST);
	return array_count(a) / *d;
}

struct states *states_open(const struct list *files)
{
	struct states *s = xcalloc(1, sizeof *s);

	s->shards = files->n;
	s->shard = xcalloc(files->n, sizeof *s->shard);
	for (size_t i = 0; i < files->n; i++) {
		struct shard *h = &s->shard[i];
		struct array a;
		size_t d;
		h->name = files->item[i];
		if (strcmp(h->name, "-") == 0) {
			if (files->n > 1)
				die("stdin: cannot be one of several files of hidden states");
			h->name = "stdin";
			npy_on_stdin(&a);
			array_refuse_fortran(h->name, &a);
		} else {
			h->file = array_open(h->name, &a);
			h->data = a.data;
		}
		h->rows = flat_rows(h->name, &a, &d);
		h->parts = a.rank > 2 ? a.shape[a.rank - 2] : 1;
		h->dtype = a.dtype;
		if (i > 0 && d != s->d)
			die("%s: states of %zu dimensions after %zu in %s", h->name, d, s->d,
				s->shard[0].name);
		s->d = d;
		enum sm_dtype given = a.dtype == SM_F2 || a.dtype == SM_BF16 ? a.dtype : SM_F4;
		s->dtype = i == 0 || given == s->dtype ? given : SM_F4;
		if (h->rows > UINT32_MAX - s->rows)
			die("%s: %zu tokens more: the limit is 4294967295", h->name, h->rows);
		s->rows += h->rows;
	}
	return s;
}

void states_close(struct states *s)
{
	for (size_t i = 0; i < s->shards; i++)
		if (s->shard[i].file)
			archive_close(s->shard[i].file);
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
	for (size_t i = 0; i < s->shards; i++)
		if (s->shard[i].parts < 2 || d % s->d != 0 || s->shard[i].parts != d / s->d)
			return false;
	for (size_t i = 0; i < s->shards; i++)
		s->shard[i].rows /= s->shard[i].parts;
	s->rows /= d / s->d;
	s->d = d;
	return true;
}

void states_join(struct states *s)
{
	for (size_t i = 0; i < s->shards; i++)
		if (s->shard[i].rows != s->shard[0].rows)
			die("%s: %zu states, %s has %zu: side by side they have to be of the same "
				"tokens", s->shard[i].name, s->shard[i].rows, s->shard[0].name,
				s->shard[0].rows);
	s->joined = s->shards > 1;
	s->rows = s->shard[0].rows;
	s->d *= s->shards;
}

bool states_in_files(const struct states *s)
{
	return s->shard[0].file;
}

static const struct shard *shard_of(const struct states *s, size_t *row)
{
	const struct shard *h = s->shard;

	while (!s->joined && *row >= h->rows)
		*row -= h++->rows;
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
	size_t d = s->d / s->shards, given = sm_dtype_size(s->dtype);

	n = n < s->rows - at ? n : s->rows - at;
	char *to = room_for(s, n * s->d * given);
	for (size_t i = 0; i < s->shards; i++) {
		const struct shard *h = &s->shard[i];
		size_t stored = d * sm_dtype_size(h->dtype);
		for (size_t k = 0; k < n; k++) {
			char *part = to + (k * s->d + i * d) * given;
			const char *from = h->data + (at + k) * stored;
			if (h->dtype == s->dtype)
				memcpy(part, from, stored);
			else
				sm_to_float((float *)(void *)part, from, h->dtype, d);
		}
	}
	*rows = to;
	return n;
}

size_t states_read(struct states *s, size_t at, size_t n, const void **rows)
{
	size_t row = at;

	if (at >= s->rows)
		return 0;
	if (s->joined)
		return read_joined(s, at, n, rows);
	const struct shard *h = shard_of(s, &row);
	size_t stored = sm_dtype_size(h->dtype), given = sm_dtype_size(s->dtype);
	n = n < h->rows - row ? n : h->rows - row;
	size_t count = n * s->d;
	const char *data = h->data ? h->data + row * s->d * stored : NULL;
	if (!data) {
		/* what is read lies behind what it is converted to */
		size_t converted = h->dtype == s->dtype ? 0 : count * given;
		char *raw = (char *)room_for(s, count * stored + converted) + converted;
		if (fread(raw, stored * s->d, n, stdin) != n)
			die("stdin: cut short before row %zu of %zu", at + n, s->rows);
		if (at + n == s->rows && fgetc(stdin) != EOF)
			die("stdin: bytes after the array");
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
	const struct shard *h = shard_of(s, &i);
	size_t d = s->d / s->shards;

	for (size_t k = 0; s->joined && k < s->shards; k++, h++)
		sm_to_float(row + k * d, h->data + i * d * sm_dtype_size(h->dtype), h->dtype, d);
	if (s->joined)
		return;
	sm_to_float(row, h->data + i * s->d * sm_dtype_size(h->dtype), h->dtype, s->d);
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
