#include "file/numbers.h"

#include "base/die.h"

#include <stdlib.h>

enum { BLOCK = 1 << 16 };

void numbers_open(struct numbers *a, struct archive *f, const char *key)
{
	*a = (struct numbers){.name = xasprintf("%s%s%s", archive_name(f), key ? ":" : "",
		key ? key : "")};
	a->parts = array_parts_open(f, key, &a->shape);
	if (!a->parts)
		die("%s: no array %s", archive_name(f), key ? key : "");
	array_refuse_fortran(a->name, &a->shape);
	a->left = array_count(&a->shape);
}

void numbers_close(struct numbers *a)
{
	if (a->parts)
		array_parts_close(a->parts);
	free(a->name);
}

void numbers_want_floats(const struct numbers *a)
{
	if (!sm_dtype_is_float(a->shape.dtype))
		die("%s: numbers of type '%s', where f2, bf16, f4 or f8 are expected", a->name,
			sm_dtype_name(a->shape.dtype));
}

void numbers_want_integers(const struct numbers *a)
{
	if (sm_dtype_is_float(a->shape.dtype))
		die("%s: numbers of type '%s', where integers are expected", a->name,
			sm_dtype_name(a->shape.dtype));
}

double numbers_next(struct numbers *a)
{
	if (a->at == a->n) {
		a->n = a->left < BLOCK ? a->left : BLOCK;
		a->left -= a->n;
		a->at = 0;
		a->block = array_parts_next(a->parts, a->n);
	}
	return sm_to_double(a->block, a->shape.dtype, a->at++);
}

void numbers_read(struct numbers *a, float *x, size_t n)
{
	array_parts_read(a->parts, x, n);
	a->left -= n;
}
