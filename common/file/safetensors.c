#include "file/safetensors.h"

#include "base/die.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_MOST = 100000000,	/* the format's own limit */
	TREE_BYTES = 100		/* that a byte of JSON, as of {}, takes at most */
};

static enum sm_dtype safetensors_dtype(const char *name)
{
	static const struct { const char *name; enum sm_dtype dtype; } table[] = {
		{"F16", SM_F2}, {"BF16", SM_BF16}, {"F32", SM_F4}, {"F64", SM_F8},
		{"U8", SM_U1}, {"BOOL", SM_U1}, {"U16", SM_U2}, {"U32", SM_U4},
		{"U64", SM_U8}, {"I16", SM_I2}, {"I32", SM_I4}, {"I64", SM_I8},
	};

	for (size_t i = 0; name && i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].dtype;
	return SM_DTYPES;
}

struct extent {
	json_int_t begin, end;
};

static bool extent_of(const json_t *tensor, struct extent *x)
{
	const json_t *offsets = json_object_get(tensor, "data_offsets");

	if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0))
			|| !json_is_integer(json_array_get(offsets, 1)))
		return false;
	x->begin = json_integer_value(json_array_get(offsets, 0));
	x->end = json_integer_value(json_array_get(offsets, 1));
	return x->begin >= 0 && x->begin <= x->end;
}

static int by_begin(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
		: (x->end > y->end) - (x->end < y->end);
}

json_t *safetensors_header(const char *name, const char *bytes, size_t n_bytes, size_t *data)
{
	uint64_t length;
	json_error_t error;

	memcpy(&length, bytes, 8);
	if (length > HEADER_MOST || length > n_bytes - 8)
		die("%s: a safetensors header of %llu bytes in a file of %zu", name,
			(unsigned long long)length, n_bytes);
	*data = 8 + length;
	memory_need((double)length * TREE_BYTES, NULL, "%s: a header of %llu bytes", name,
		(unsigned long long)length);
	json_t *header = json_loadb(bytes + 8, length, JSON_REJECT_DUPLICATES, &error);
	if (!header && memchr(bytes + 8, '\0', length))
		die("%s: safetensors header: zero bytes in it, where it is padded with spaces",
			name);
	if (!header)
		die("%s: safetensors header: %s", name, error.text);
	size_t n = 0, room = json_object_size(header);
	struct extent *x = xalloc(room, sizeof *x);
	const char *key;
	json_t *tensor;
	json_object_foreach(header, key, tensor)
		if (strcmp(key, "__metadata__") != 0 && !extent_of(tensor, &x[n++]))
			die("%s:%s: data_offsets are not a pair of offsets", name, key);
	qsort(x, n, sizeof *x, by_begin);
	json_int_t at = 0;
	for (size_t i = 0; i < n; at = x[i++].end)
		if (x[i].begin != at)
			die("%s: tensors leave a hole or overlap at byte %lld", name,
				(long long)at);
	if ((uint64_t)at != n_bytes - *data)
		die("%s: the tensors end at byte %lld of %zu", name, (long long)at,
			n_bytes - *data);
	free(x);
	return header;
}

bool safetensors_find(json_t *header, const char *name, const char *key, const char *data,
	struct array *a)
{
	const json_t *tensor = json_object_get(header, key);
	const json_t *shape = json_object_get(tensor, "shape");
	const char *dtype = json_string_value(json_object_get(tensor, "dtype"));
	struct extent x;

	if (!tensor || strcmp(key, "__metadata__") == 0)
		return false;
	a->fortran = false;
	a->boolean = dtype && strcmp(dtype, "BOOL") == 0;
	a->untyped = false;
	a->dtype = safetensors_dtype(dtype);
	if (a->dtype == SM_DTYPES)
		die("%s:%s: numbers of type %s cannot be read (F16 BF16 F32 F64, and of what is no "
			"state U8 U16 U32 U64 I16 I32 I64, can)", name, key, dtype ? dtype : "?");
	a->rank = json_array_size(shape);
	if (!json_is_array(shape) || a->rank > ARRAY_RANK)
		die("%s:%s: a shape that cannot be read", name, key);
	for (size_t i = 0; i < a->rank; i++) {
		json_int_t d = json_integer_value(json_array_get(shape, i));
		if (d < 0 || !json_is_integer(json_array_get(shape, i)))
			die("%s:%s: a shape that cannot be read", name, key);
		a->shape[i] = (size_t)d;
	}
	extent_of(tensor, &x);
	if (array_bytes(name, a) != (size_t)(x.end - x.begin))
		die("%s:%s: %lld bytes where the shape needs %zu", name, key,
			(long long)(x.end - x.begin), array_bytes(name, a));
	a->data = data + x.begin;
	return true;
}
