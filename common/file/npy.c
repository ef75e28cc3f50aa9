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

size_t npy_header(const char *name, const void *bytes, size_t n, struct array *a)
{
	const unsigned char *b = bytes;

	if (n >= 6 && memcmp(b, "\x93NUMPY", 6) != 0)
		die("%s: not a .npy array", name);
	if (n < 12)
		return 0;
	size_t fixed = b[6] == 1 ? 10 : 12;
	size_t length = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (b[6] < 1 || b[6] > 3 || length > NPY_HEADER_MOST)
		die("%s: .npy version %d.%d with a header of %zu bytes", name, b[6], b[7], length);
	if (n < fixed + length)
		return 0;

	char *header = xasprintf("%.*s", (int)length, (const char *)bytes + fixed);
	const char *descr = entry(name, header, "'descr'"), *p = entry(name, header, "'shape'");
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
	if (*p++ != '(')
		die("%s: the .npy header has no shape", name);
	for (a->rank = 0; *p != ')'; a->rank++) {
		char *end;
		if (a->rank == ARRAY_RANK || !isdigit((unsigned char)*p))
			die("%s: a shape that cannot be read: %.40s", name, p);
		a->shape[a->rank] = strtoull(p, &end, 10);
		for (p = end; *p == ',' || *p == ' '; p++)
			;
	}
	a->fortran = a->rank > 1
		&& strncmp(entry(name, header, "'fortran_order'"), "False", 5) != 0;
	if (a->rank > 2)
		array_refuse_fortran(name, a);
	free(header);
	array_bytes(name, a);
	return fixed + length;
}
