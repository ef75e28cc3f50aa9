#include "file/npz_arrays.h"

#include "base/die.h"
#include "base/input.h"
#include "file/frame_npz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT = 53 };		/* bits of a whole number that a double holds */

void npz_arrays_open(struct npz_arrays *s, const char *path)
{
	*s = (struct npz_arrays){.file = archive_open(is_stdin(path) ? "/dev/stdin" : path)};
	if (!archive_zipped(s->file))
		die("%s: not an .npz: np.savez(FILE, NAME=ARRAY, ...) writes one",
			archive_name(s->file));
	s->key = archive_keys(s->file, &s->keys);
}

void npz_arrays_close(struct npz_arrays *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct npz_array *a = s->item[i];
		if (a->numbers)
			array_parts_close(a->numbers);
		if (a->texts)
			npz_texts_close(a->texts);
		free(a->same);
		free(a->key);
		free(a);
	}
	for (size_t i = 0; i < s->keys; i++)
		free(s->key[i]);
	free(s->key);
	free(s->item);
	archive_close(s->file);
}

bool npz_has(const struct npz_arrays *s, const char *key)
{
	bool found = false;

	for (size_t i = 0; i < s->keys; i++)
		found |= strcmp(s->key[i], key) == 0;
	for (size_t i = 0; i < s->n; i++)
		found |= strcmp(s->item[i]->key, key) == 0;
	return found;
}

static struct npz_array *append(struct npz_arrays *s, const char *key)
{
	struct npz_array *a = xcalloc(1, sizeof *a);

	a->key = xasprintf("%s", key);
	s->item = xrealloc(s->item, s->n + 1, sizeof *s->item);
	return s->item[s->n++] = a;
}

struct npz_array *npz_array(struct npz_arrays *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->item[i]->key, key) == 0)
			return s->item[i];
	if (!npz_has(s, key))
		return NULL;
	struct npz_array *a = append(s, key);
	a->texts = archive_texts(s->file, key);
	if (a->texts) {
		a->shape.rank = a->texts->shape.rank;
		a->shape.shape[0] = a->texts->shape.n;
	} else {
		a->numbers = array_parts_open(s->file, key, &a->shape);
		char *name = xasprintf("%s:%s", archive_name(s->file), key);
		array_refuse_fortran(name, &a->shape);
		free(name);
	}
	a->rows = a->left = a->shape.rank > 0 ? a->shape.shape[0] : 1;
	return a;
}

bool npz_is_single(const struct npz_array *a)
{
	return !a->same && !a->range && a->shape.rank == 0;
}

void npz_array_add(struct npz_arrays *s, const char *key, const char *same)
{
	struct npz_array *a = npz_array(s, key);

	a = a ? a : append(s, key);
	a->same = same ? xasprintf("%s", same) : NULL;
	a->range = !same;
}

/* -- Numbers ----------------------------------------------------------------------------------- */

static _Noreturn void bad(const struct npz_arrays *s, const struct npz_array *a, const char *what)
{
	die("%s:%s: %s", archive_name(s->file), a->key, what);
}

static bool put_whole(void *to, enum sm_dtype dtype, size_t i, double x)
{
	double most = dtype == SM_U1 ? UINT8_MAX : dtype == SM_U4 ? UINT32_MAX
		: dtype == SM_I4 ? INT32_MAX : ldexp(1, EXACT);

	if (!(x >= (dtype == SM_I4 ? INT32_MIN : 0) && x <= most && x == floor(x)))
		return false;
	if (dtype == SM_U1)
		((uint8_t *)to)[i] = (uint8_t)x;
	else if (dtype == SM_U4)
		((uint32_t *)to)[i] = (uint32_t)x;
	else if (dtype == SM_I4)
		((int32_t *)to)[i] = (int32_t)x;
	else
		((uint64_t *)to)[i] = (uint64_t)x;
	return true;
}

/* The upper half, where the lower is 0: the bits of a NaN stay. */
static bool put_bf16(void *to, size_t i, const void *from, enum sm_dtype dtype)
{
	uint32_t bits = 1;

	if (dtype == SM_F4)
		memcpy(&bits, (const char *)from + i * sizeof bits, sizeof bits);
	if (bits & 0xffff)
		return sm_from_double(to, SM_BF16, i, sm_to_double(from, dtype, i));
	((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
	return true;
}

/* n numbers as another dtype; NULL: one of them is none of it. */
static const void *converted(const void *from, enum sm_dtype is, enum sm_dtype wanted, size_t n,
	struct pool *pool)
{
	bool fine = true;

	if (is == wanted && (uintptr_t)from % sm_dtype_size(is) == 0)
		return from;
	void *to = pool_alloc(pool, n, sm_dtype_size(wanted));
	if (is == wanted)
		return memcpy(to, from, n * sm_dtype_size(is));
	for (size_t i = 0; i < n && fine; i++) {
		double x = sm_to_double(from, is, i);
		fine = wanted == SM_BF16 ? put_bf16(to, i, from, is)
			: sm_dtype_is_float(wanted) ? sm_from_double(to, wanted, i, x)
			: put_whole(to, wanted, i, x);
	}
	return fine ? to : NULL;
}

/* -- Rows -------------------------------------------------------------------------------------- */

static void take_offsets(struct npz_arrays *s, struct npz_array *a, struct sm_tensor *t,
	struct pool *pool)
{
	size_t n = t->shape[0];
	uint32_t *to = pool_calloc(pool, n, sizeof *to);

	if (n == 0 || n > a->left + (a->left < a->rows))
		bad(s, a, "fewer rows than the frames have");
	t->data = to;
	if (a->left == a->rows) {
		if (sm_to_double(array_parts_next(a->numbers, 1), a->shape.dtype, 0) != 0)
			bad(s, a, "offsets that do not begin with 0");
		a->left--;
	}
	if (n == 1)
		return;
	const void *from = array_parts_next(a->numbers, n - 1);
	double base = a->end;
	for (size_t i = 1; i < n; i++) {
		double x = sm_to_double(from, a->shape.dtype, i - 1) - base;
		if (!put_whole(to, SM_U4, i, x) || to[i] < to[i - 1])
			bad(s, a, "offsets that descend, or a frame of 2^32 entries");
	}
	a->end = base + to[n - 1];
	a->left -= n - 1;
}

static void take_range(struct npz_array *a, struct sm_tensor *t, struct pool *pool)
{
	uint32_t *to = pool_alloc(pool, t->shape[0], sizeof *to);

	for (size_t i = 0; i < t->shape[0]; i++)
		to[i] = a->next++;
	t->data = to;
}

static void take_numbers(struct npz_arrays *s, struct npz_array *a, struct sm_field *x,
	struct pool *pool)
{
	struct sm_tensor *t = &x->tensor;
	size_t n = 1;
	bool same = a->shape.rank == t->rank && t->rank > 0;

	for (size_t i = 1; same && i < t->rank; i++) {
		same = a->shape.shape[i] == t->shape[i];
		n *= t->shape[i];
	}
	if (!a->numbers || !same)
		bad(s, a, "of another shape than the frames have");
	if (are_offsets(x)) {
		take_offsets(s, a, t, pool);
		return;
	}
	if (t->shape[0] > a->left)
		bad(s, a, "fewer rows than the frames have");
	n *= t->shape[0];
	a->left -= t->shape[0];
	t->data = pool_alloc(pool, 0, 1);
	if (n > 0)
		t->data = converted(array_parts_next(a->numbers, n), a->shape.dtype, t->dtype, n,
			pool);
	if (!t->data)
		die("%s:%s: a number that does not fit into %s", archive_name(s->file), a->key,
			sm_dtype_name(t->dtype));
}

static void take_texts(struct npz_arrays *s, struct npz_array *a, struct sm_strings *to,
	struct pool *pool)
{
	if (!a->same && (!a->texts || a->shape.rank != 1))
		bad(s, a, "no list of texts, which the frames have");
	if (!a->same && to->n > a->left)
		bad(s, a, "fewer rows than the frames have");
	const char **item = pool_alloc(pool, to->n, sizeof *item);
	for (size_t i = 0; i < to->n; i++)
		item[i] = a->same ? a->same
			: pool_keep(pool, xasprintf("%s", npz_texts_next(a->texts)));
	if (!a->same)
		a->left -= to->n;
	to->item = item;
}

void npz_take(struct npz_arrays *s, struct npz_array *a, struct sm_field *x, struct pool *pool)
{
	if (x->kind == SM_STRINGS)
		take_texts(s, a, &x->strings, pool);
	else if (a->range)
		take_range(a, &x->tensor, pool);
	else
		take_numbers(s, a, x, pool);
}

bool npz_is_beside(const char *key)
{
	static const char *const beside[] = {"header", "frames", "shape", "format"};
	bool found = false;

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		found |= strcmp(beside[i], key) == 0;
	return found;
}

void npz_arrays_end(const struct npz_arrays *s)
{
	for (size_t i = 0; i < s->keys; i++) {
		bool read = npz_is_beside(s->key[i]);
		for (size_t k = 0; k < s->n; k++)
			read |= strcmp(s->item[k]->key, s->key[i]) == 0;
		if (!read)
			die("%s:%s: in none of the frames", archive_name(s->file), s->key[i]);
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct npz_array *a = s->item[i];
		if (a->shape.rank > 0 && a->left > 0 && !npz_is_beside(a->key))
			die("%s:%s: %zu rows more than the frames have", archive_name(s->file),
				a->key, a->left);
	}
}

char *npz_names(const struct npz_arrays *s)
{
	char *all = xasprintf("%s", s->keys ? s->key[0] : "none");

	for (size_t i = 1; i < s->keys; i++) {
		char *more = xasprintf("%s, %s", all, s->key[i]);
		free(all);
		all = more;
	}
	return all;
}
