#include "file/npz.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct npz_member *npz_open(zip_t *zip, const char *file, const char *key)
{
	char *name = xasprintf("%s.npy", key);
	struct npz_member *m = NULL;
	zip_stat_t stat;

	if (zip_stat(zip, name, 0, &stat) == 0) {
		m = xalloc(1, sizeof *m);
		*m = (struct npz_member){xasprintf("%s:%s", file, key), stat.size,
			zip_fopen(zip, name, 0)};
		if (!(stat.valid & ZIP_STAT_SIZE) || stat.size / 1100 > stat.comp_size)
			die("%s: claims to unpack to %llu bytes", m->name,
				(unsigned long long)stat.size);
		if (!m->zip)
			die("%s: %s", m->name, zip_strerror(zip));
	}
	free(name);
	return m;
}

void npz_read(struct npz_member *m, void *bytes, size_t n)
{
	for (size_t got = 0; got < n; ) {
		zip_int64_t k = zip_fread(m->zip, (char *)bytes + got, n - got);
		if (k <= 0)
			die("%s: %s", m->name, k < 0 ? zip_file_strerror(m->zip) : "cut short");
		got += (size_t)k;
	}
}

void npz_end(struct npz_member *m)
{
	if (zip_fread(m->zip, (char[1]){0}, 1) != 0)
		die("%s: %s", m->name, zip_file_strerror(m->zip));
}

void npz_close(struct npz_member *m)
{
	zip_fclose(m->zip);
	free(m->name);
	free(m);
}

struct npz_texts *npz_texts_open(zip_t *zip, const char *file, const char *key)
{
	struct npz_texts t = {.member = npz_open(zip, file, key)};
	size_t n = 0, at = 0, bytes;

	if (!t.member)
		return NULL;
	while (at == 0 && n < t.member->n) {
		t.stored = xrealloc(t.stored, n + 1, 1);
		npz_read(t.member, t.stored + n++, 1);
		at = n < 12 ? 0 : npy_texts_header(t.member->name, t.stored, n, &t.shape);
	}
	if (at == 0)
		die("%s: not a .npy array", t.member->name);
	struct npz_texts *texts = xalloc(1, sizeof *texts);
	*texts = t;
	texts->left = t.shape.n;
	if (t.shape.bytes == 0) {
		npz_texts_close(texts);
		return NULL;
	}
	if (__builtin_mul_overflow(t.shape.n, t.shape.bytes, &bytes) || bytes != t.member->n - at)
		die("%s: %zu bytes, where its shape needs %zu", t.member->name, t.member->n - at,
			bytes);
	memory_need(2 * (double)t.shape.bytes, NULL, "%s", t.member->name);
	texts->stored = xrealloc(texts->stored, t.shape.bytes, 1);
	texts->text = xalloc(t.shape.bytes + 1, 1);
	return texts;
}

const char *npz_texts_next(struct npz_texts *t)
{
	const struct npy_texts *s = &t->shape;
	size_t n = 0, end = s->bytes;

	npz_read(t->member, t->stored, s->bytes);
	if (--t->left == 0)
		npz_end(t->member);
	while (end > 0 && !t->stored[end - 1])
		end--;
	end = s->wide ? (end + 3) / 4 * 4 : end;
	for (size_t i = 0; i < end; i += s->wide ? 4 : 1) {
		uint32_t x = (unsigned char)t->stored[i];
		size_t bytes = 1;
		if (s->wide)
			memcpy(&x, t->stored + i, sizeof x);
		if (s->wide)
			bytes = utf8_put(t->text + n, x);
		else
			t->text[n] = (char)x;
		if (x == 0 || bytes == 0)
			die("%s: a text holds U+%04X, which is no character", t->member->name, x);
		n += bytes;
	}
	t->text[n] = '\0';
	return t->text;
}

void npz_texts_close(struct npz_texts *t)
{
	npz_close(t->member);
	free(t->stored);
	free(t->text);
	free(t);
}

char *npz_text(zip_t *zip, const char *file, const char *key)
{
	enum { MOST = 1024 };
	struct npz_member *m = npz_open(zip, file, key);
	struct npz_texts *t = m && m->n <= MOST ? npz_texts_open(zip, file, key) : NULL;

	if (!m)
		return NULL;
	if (!t || t->shape.n != 1)
		die("%s: %zu bytes, where a short text is expected", m->name, m->n);
	char *text = xasprintf("%s", npz_texts_next(t));
	npz_texts_close(t);
	npz_close(m);
	return text;
}
