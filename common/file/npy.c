#include "file/npy.h"

#include "base/die.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The text after 'key': in the header's dictionary. */
static const char *entry(const char *name, const char *header, const char *key)
{
	const char *p = strstr(header, key);

	if (!p || !(p = strchr(p + strlen(key), ':')))
		die("%s: the .npy header has no %s", name, key);
	while (*++p == ' ')
		;
	return p;
}

/* The dictionary at the beginning of n bytes, to free(); NULL: more bytes are needed. *at becomes
 * where the data begin. */
static char *dictionary(const char *name, const void *bytes, size_t n, size_t *at)
{
	const unsigned char *b = bytes;

	if (n >= 6 && memcmp(b, "\x93NUMPY", 6) != 0)
		die("%s: not a .npy array", name);
	if (n < 12)
		return NULL;
	size_t fixed = b[6] == 1 ? 10 : 12;
	size_t length = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (b[6] < 1 || b[6] > 3 || length > NPY_HEADER_MOST)
		die("%s: .npy version %d.%d with a header of %zu bytes", name, b[6], b[7], length);
	*at = fixed + length;
	return n < *at ? NULL : xasprintf("%.*s", (int)length, (const char *)bytes + fixed);
}

static void read_shape(const char *name, const char *header, size_t *shape, size_t *rank,
	size_t most)
{
	const char *p = entry(name, header, "'shape'");

	if (*p++ != '(')
		die("%s: the .npy header has no shape", name);
	for (*rank = 0; *p != ')'; ++*rank) {
		char *end;
		if (*rank == most || !isdigit((unsigned char)*p))
			die("%s: a shape that cannot be read: %.40s", name, p);
		shape[*rank] = strtoull(p, &end, 10);
		for (p = end; *p == ',' || *p == ' '; p++)
			;
	}
}

size_t npy_header(const char *name, const void *bytes, size_t n, struct array *a)
{
	size_t at;
	char *header = dictionary(name, bytes, n, &at);

	if (!header)
		return 0;
	const char *descr = entry(name, header, "'descr'");
	char dtype[8] = "";
	if (*descr != '\'')
		die("%s: a structured array: plain numbers are needed", name);
	for (size_t i = 0; i + 1 < sizeof dtype && descr[1 + i] && descr[1 + i] != '\''; i++)
		dtype[i] = descr[1 + i];
	if (strncmp(dtype, "|O", 2) == 0)
		die("%s: an array of Python objects: save numbers (astype('f4'))", name);
	a->boolean = strcmp(dtype, "|b1") == 0;
	a->untyped = strcmp(dtype, "|V2") == 0 || strcmp(dtype, "<V2") == 0;
	a->dtype = a->boolean ? SM_U1 : a->untyped ? SM_U2 : sm_dtype_named(dtype);
	if (a->dtype == SM_DTYPES)
		die("%s: numbers of type '%s' cannot be read (f2 f4 f8, and of what is no state u1 "
			"u2 u4 u8 i2 i4 i8, little-endian, can)", name, dtype);
	read_shape(name, header, a->shape, &a->rank, ARRAY_RANK);
	a->fortran = a->rank > 1
		&& strncmp(entry(name, header, "'fortran_order'"), "False", 5) != 0;
	if (a->rank > 2)
		array_refuse_fortran(name, a);
	free(header);
	array_bytes(name, a);
	return at;
}

size_t npy_texts_header(const char *name, const void *bytes, size_t n, struct npy_texts *t)
{
	size_t at, shape[ARRAY_RANK];
	char *header = dictionary(name, bytes, n, &at);

	if (!header)
		return 0;
	const char *descr = entry(name, header, "'descr'");
	*t = (struct npy_texts){.wide = strncmp(descr, "'<U", 3) == 0};
	if (t->wide || strncmp(descr, "'|S", 3) == 0) {
		t->width = strtoull(descr + 3, NULL, 10);
		read_shape(name, header, shape, &t->rank, ARRAY_RANK);
		t->n = 1;
		for (size_t i = 0; i < t->rank; i++)
			if (__builtin_mul_overflow(t->n, shape[i], &t->n))
				die("%s: the shape overflows", name);
		t->bytes = t->wide ? 4 : 1;
		if (t->width > NPY_TEXT_MOST || __builtin_mul_overflow(t->bytes, t->width,
				&t->bytes))
			die("%s: texts of %zu characters", name, t->width);
	}
	free(header);
	return at;
}
