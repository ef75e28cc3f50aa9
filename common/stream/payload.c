/* Payloads: a map of MessagePack to fields. */
#include "stream/internal.h"

#define MSGPACK_EMBED_STACK_SIZE (SM_MAX_DEPTH + 1)
#include <msgpack.h>
#include <msgpack/unpack_define.h>
#include <stdlib.h>
#include <string.h>

/* -- msgpack-c's parser ------------------------------------------------------------------------ */

/* msgpack_unpack_next() would believe every count and allocate by it. This is the same parser,
 * in one pass, with values of ours for its objects: it calls value_...() for each value, where
 * the counts of all lists and maps together may be no more than there are bytes, or than
 * most_values(). */
struct parsed {
	struct pool *pool;
	size_t left;			/* values that there can still be */
	bool full;
	struct sm_value *spare;
	size_t spares;
};

enum { VALUES = 256 };			/* allocated at once */

static int make_items(struct parsed *p, enum sm_value_kind kind, size_t n, struct sm_value *v)
{
	if (n > p->left) {
		p->full = true;
		return MSGPACK_UNPACK_PARSE_ERROR;
	}
	p->left -= n;
	if (n > p->spares) {
		p->spares = n > VALUES ? n : VALUES;
		p->spare = pool_alloc(p->pool, p->spares, sizeof *p->spare);
	}
	*v = (struct sm_value){.kind = kind, .n = 0, .item = p->spare};
	if (n > 0)			/* NULL + 0 is undefined */
		p->spare += n;
	p->spares -= n;
	return 0;
}

static int value_array(struct parsed *p, size_t n, struct sm_value *v)
{
	return make_items(p, SM_IS_LIST, n, v);
}

static int value_map(struct parsed *p, size_t n, struct sm_value *v)
{
	return make_items(p, SM_IS_MAP, 2 * n, v);
}

static int value_array_item(struct parsed *p, struct sm_value *list, struct sm_value item)
{
	(void)p;
	list->item[list->n++] = item;
	return 0;
}

static int value_map_item(struct parsed *p, struct sm_value *map, struct sm_value key,
	struct sm_value value)
{
	(void)p;
	map->item[2 * map->n] = key;
	map->item[2 * map->n++ + 1] = value;
	return 0;
}

/* VALUE(name, parameters, fields): value_name() makes a value of these fields. */
#define VALUE(name, parameters, ...) \
	static int value_##name parameters \
	{ \
		(void)p; \
		*v = (struct sm_value){__VA_ARGS__}; \
		return 0; \
	}
#define NATURAL(name, type) \
	VALUE(name, (struct parsed *p, type x, struct sm_value *v), \
		.kind = SM_IS_NATURAL, .natural = x)
#define WHOLE(name, type) \
	VALUE(name, (struct parsed *p, type x, struct sm_value *v), \
		.kind = x < 0 ? SM_IS_NEGATIVE : SM_IS_NATURAL, .negative = x)
#define BODY(name, is) \
	VALUE(name, (struct parsed *p, const char *all, const char *body, size_t n, \
		struct sm_value *v), .kind = is, .n = n, .bytes = n ? body : all)

VALUE(nil, (struct parsed *p, struct sm_value *v), .kind = SM_IS_NIL)
VALUE(false, (struct parsed *p, struct sm_value *v), .kind = SM_IS_BOOLEAN, .natural = 0)
VALUE(true, (struct parsed *p, struct sm_value *v), .kind = SM_IS_BOOLEAN, .natural = 1)
NATURAL(uint8, uint8_t)
NATURAL(uint16, uint16_t)
NATURAL(uint32, uint32_t)
NATURAL(uint64, uint64_t)
WHOLE(int8, int8_t)
WHOLE(int16, int16_t)
WHOLE(int32, int32_t)
WHOLE(int64, int64_t)
VALUE(float, (struct parsed *p, float x, struct sm_value *v), .kind = SM_IS_FLOATING, .type = 4,
	.floating = (double)x)
VALUE(double, (struct parsed *p, double x, struct sm_value *v), .kind = SM_IS_FLOATING,
	.floating = x)
BODY(str, SM_IS_TEXT)
BODY(bin, SM_IS_BYTES)

/* n counts the byte of the type; where that overflowed it is 0. */
static int value_ext(struct parsed *p, const char *all, const char *body, size_t n,
	struct sm_value *v)
{
	(void)p, (void)all;
	if (n == 0)
		return MSGPACK_UNPACK_PARSE_ERROR;
	*v = (struct sm_value){.kind = SM_IS_EXTENSION, .type = (signed char)*body, .n = n - 1,
		.bytes = body + 1};
	return 0;
}

static struct sm_value value_root(struct parsed *p)
{
	(void)p;
	return (struct sm_value){.kind = SM_IS_NIL};
}

#define msgpack_unpack_struct(name) struct parser##name
#define msgpack_unpack_func(type, name) static inline type parser##name
#define msgpack_unpack_callback(name) value##name
#define msgpack_unpack_object struct sm_value
#define msgpack_unpack_user struct parsed
#include <msgpack/unpack_template.h>

/* LZ4 makes 255 values of one byte, and a value takes 24 of memory. */
size_t most_values(size_t stored)
{
	return ((size_t)1 << 22) + 16 * stored;
}

/* The tree of the payload's n bytes, in the frame's pool. */
static struct sm_value parse(const struct sm_reader *r, struct memory *m, size_t n, size_t stored)
{
	size_t at = 0, most = most_values(stored);
	struct parser_context context = {.user = {.pool = &m->pool, .left = n < most ? n : most}};

	parser_init(&context);
	int status = n > 0 ? parser_execute(&context, m->payload, n, &at) : 0;
	if (status == MSGPACK_UNPACK_NOMEM_ERROR)
		sm_bad(r, "values are nested deeper than %d", SM_MAX_DEPTH);
	if (context.user.full && most < n)
		sm_bad(r, "more than %zu values in a payload of %zu bytes", most, stored);
	struct sm_value v = parser_data(&context);
	if (status != 1 || at != n || v.kind != SM_IS_MAP)
		sm_bad(r, "the payload is no MessagePack map");
	return v;
}

/* -- Fields ------------------------------------------------------------------------------------ */

/* Copies a text with a NUL behind it, and returns where the next may go. */
static char *copy_text(char *to, const struct sm_value *v)
{
	memcpy(to, v->bytes, v->n);
	to[v->n] = '\0';
	return to + v->n + 1;
}

static const char *text(struct memory *m, const struct sm_value *v)
{
	char *s = pool_alloc(&m->pool, v->n + 1, 1);

	copy_text(s, v);
	return s;
}

static bool is_text(const struct sm_value *v)
{
	return v->kind == SM_IS_TEXT && !memchr(v->bytes, '\0', v->n);
}

/* [dtype, shape, bytes] as a tensor; false where it is something else. */
static bool as_tensor(const struct sm_reader *r, struct memory *m, struct sm_field *x,
	const struct sm_value *v)
{
	const struct sm_value *dtype = v->item, *shape = v->item + 1, *data = v->item + 2;
	struct sm_tensor t = {.data = m->payload};
	char name[8] = "";

	if (v->n != 3 || !is_text(dtype) || shape->kind != SM_IS_LIST || data->kind != SM_IS_BYTES)
		return false;
	if (dtype->n < sizeof name)
		copy_text(name, dtype);
	t.dtype = sm_dtype_named(name);
	t.rank = shape->n;
	if (!sm_in_streams(t.dtype) || t.rank > SM_MAX_RANK)
		return false;
	size_t bytes = sm_dtype_size(t.dtype);
	for (size_t i = 0; i < t.rank; i++) {
		const struct sm_value *length = &shape->item[i];
		if (length->kind != SM_IS_NATURAL || length->natural > UINT32_MAX)
			sm_bad(r, "%s: shape holds something that is no length", x->name);
		t.shape[i] = length->natural;
		if (__builtin_mul_overflow(bytes, t.shape[i], &bytes))
			sm_bad(r, "%s: shape overflows", x->name);
	}
	if (bytes != data->n)
		sm_bad(r, "%s: %zu bytes where its shape needs %zu", x->name, data->n, bytes);
	if (bytes > 0)
		t.data = data->bytes;
	if ((uintptr_t)t.data % 8 != 0)
		t.data = memcpy(pool_alloc(&m->pool, bytes, 1), t.data, bytes);
	x->kind = SM_TENSOR;
	x->tensor = t;
	return true;
}

static bool as_strings(struct memory *m, struct sm_field *x, const struct sm_value *v)
{
	size_t bytes = v->n * sizeof(char *);

	for (size_t i = 0; i < v->n; i++) {
		if (!is_text(&v->item[i]))
			return false;
		bytes += v->item[i].n + 1;
	}
	const char **item = pool_alloc(&m->pool, bytes, 1);
	char *p = (char *)(item + v->n);
	for (size_t i = 0; i < v->n; i++) {
		item[i] = p;
		p = copy_text(p, &v->item[i]);
	}
	x->kind = SM_STRINGS;
	x->strings = (struct sm_strings){v->n, item};
	return true;
}

static void set_field(const struct sm_reader *r, struct memory *m, struct sm_field *x,
	const struct sm_value *v)
{
	bool history = strcmp(x->name, "history") == 0;

	if (history && v->kind != SM_IS_LIST)
		sm_bad(r, "the history is no list");
	if (v->kind == SM_IS_NEGATIVE || (v->kind == SM_IS_NATURAL && v->natural <= INT64_MAX)) {
		x->kind = SM_INTEGER;
		x->integer = v->negative;
	} else if (v->kind == SM_IS_FLOATING) {
		x->kind = SM_REAL;
		x->real = v->floating;
	} else if (is_text(v)) {
		x->kind = SM_STRING;
		x->string = text(m, v);
	} else if (history || v->kind != SM_IS_LIST
			|| (!as_tensor(r, m, x, v) && !as_strings(m, x, v))) {
		x->kind = SM_OTHER;
		x->value = *v;
	}
}

void parse_payload(const struct sm_reader *r, struct sm_frame *f, size_t n, size_t stored)
{
	struct memory *m = f->memory;

	m->map = parse(r, m, n, stored);
	if (m->map.n > SM_MAX_FIELDS)
		sm_bad(r, "%zu fields: the limit is %d", m->map.n, SM_MAX_FIELDS);
	for (size_t i = 0; i < m->map.n; i++) {
		const struct sm_value *key = &m->map.item[2 * i];
		if (!is_text(key))
			sm_bad(r, "a field's name is no string");
		const char *name = text(m, key);
		if (sm_find_field(f, name))
			sm_bad(r, "the field %s stands twice", name);
		set_field(r, m, frame_append(f, name), key + 1);
	}
}
