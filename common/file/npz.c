#include "file/npz.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static const struct zip_member *find(const struct zip *zip, const char *key)
{
	char *name = xasprintf("%s.npy", key);
	const struct zip_member *m = zip_find(zip, name);

	free(name);
	return m;
}

struct zip_reader *npz_open(const struct zip *zip, const char *file, const char *key)
{
	const struct zip_member *m = find(zip, key);

	return m ? zip_reader_open(m, xasprintf("%s:%s", file, key)) : NULL;
}

size_t npz_header(struct zip_reader *m, struct array *a, struct npy_texts *texts)
{
	size_t n = 0, at = 0;
	char *bytes = NULL;

	while (at == 0 && m->left > 0) {
		bytes = xrealloc(bytes, n + 1, 1);
		bytes[n++] = *zip_next(m, 1);
		at = n < 12 ? 0 : a ? npy_header(m->name, bytes, n, a)
			: npy_texts_header(m->name, bytes, n, texts);
	}
	free(bytes);
	if (at == 0)
		die("%s: not a .npy array, of %zu bytes", m->name, n);
	return at;
}

struct npz_texts *npz_texts_open(const struct zip *zip, const char *file, const char *key)
{
	struct npz_texts t = {.member = npz_open(zip, file, key)};
	size_t bytes;

	if (!t.member)
		return NULL;
	npz_header(t.member, NULL, &t.shape);
	if (t.shape.bytes == 0) {
		zip_reader_close(t.member);
		return NULL;
	}
	if (__builtin_mul_overflow(t.shape.n, t.shape.bytes, &bytes) || bytes != t.member->left)
		die("%s: %zu bytes, where its shape needs %zu", t.member->name, t.member->left,
			bytes);
	memory_need(2 * (double)t.shape.bytes, NULL, "%s", t.member->name);
	t.left = t.shape.n;
	t.text = xalloc(t.shape.bytes + 1, 1);
	struct npz_texts *texts = xalloc(1, sizeof *texts);
	*texts = t;
	return texts;
}

const char *npz_texts_next(struct npz_texts *t)
{
	const struct npy_texts *s = &t->shape;
	const char *stored = zip_next(t->member, s->bytes);
	size_t n = 0, end = s->bytes;

	t->left--;
	while (end > 0 && !stored[end - 1])
		end--;
	end = s->wide ? (end + 3) / 4 * 4 : end;
	for (size_t i = 0; i < end; i += s->wide ? 4 : 1) {
		uint32_t x = (unsigned char)stored[i];
		size_t bytes = 1;
		if (s->wide)
			memcpy(&x, stored + i, sizeof x);
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
	zip_reader_close(t->member);
	free(t->text);
	free(t);
}

char *npz_text(const struct zip *zip, const char *file, const char *key)
{
	enum { MOST = 1024 };
	const struct zip_member *m = find(zip, key);
	struct npz_texts *t = m && m->n <= MOST ? npz_texts_open(zip, file, key) : NULL;

	if (!m)
		return NULL;
	if (!t || t->shape.n != 1)
		die("%s:%s: %zu bytes, where a short text is expected", file, key, m->n);
	char *text = xasprintf("%s", npz_texts_next(t));
	npz_texts_close(t);
	return text;
}
