#include "stream/json_frame.h"

#include "base/die.h"
#include "base/input.h"
#include "base/pool.h"
#include "stream/frame_json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line's object, and what was made of it, stay until the next line. */
struct json_lines {
	const char *name;
	FILE *file;			/* NULL: the lines are a text, of which these are left */
	const char *left;
	bool places;
	char *text;
	size_t room, number;
	json_t *object;
	struct pool pool;
	const char **place;		/* for each field of the line */
	size_t fields, place_room;
};

void json_lines_bad(const struct json_lines *in, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	die("%s: line %zu: %s", in->name, in->number, what);
}

/* -- Values that are not numbers, texts or tensors --------------------------------------------- */

static struct sm_value value_of(struct json_lines *, const json_t *, int depth);

static struct sm_value bytes_of(struct json_lines *in, enum sm_value_kind kind, const json_t *hex)
{
	size_t n = json_string_length(hex) / 2;
	const char *digit = json_string_value(hex);
	unsigned char *bytes = pool_alloc(&in->pool, n, 1);

	if (!json_is_string(hex) || json_string_length(hex) % 2 != 0)
		json_lines_bad(in, "bytes have to be a string of hexadecimal digits, two for each");
	for (size_t i = 0; i < n; i++) {
		char pair[3] = {digit[2 * i], digit[2 * i + 1], 0}, *end;
		bytes[i] = (unsigned char)strtoul(pair, &end, 16);
		if (pair[0] == '-' || pair[0] == '+' || pair[0] == ' ' || end != pair + 2)
			json_lines_bad(in, "'%s' are no two hexadecimal digits", pair);
	}
	return (struct sm_value){.kind = kind, .n = n, .bytes = bytes};
}

static bool special_number(const char *text, double *x)
{
	bool nan = strcmp(text, "NaN") == 0, negative = *text == '-';

	*x = nan ? (double)NAN : negative ? -HUGE_VAL : HUGE_VAL;
	return nan || strcmp(text + negative, "Infinity") == 0;
}

static bool large_number(const char *text, uint64_t *x)
{
	char *end;

	errno = 0;
	*x = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && errno == 0;
}

static struct sm_value number_of(struct json_lines *in, const json_t *x)
{
	const char *text = json_is_string(x) ? json_string_value(x) : "";
	struct sm_value v = {.kind = SM_IS_FLOATING};

	if (!special_number(text, &v.floating)) {
		v.kind = SM_IS_NATURAL;
		if (!large_number(text, &v.natural))
			json_lines_bad(in, "$number '%s' is not NaN, Infinity, -Infinity or digits",
				text);
	}
	return v;
}

static struct sm_value container(struct json_lines *in, enum sm_value_kind kind, size_t n)
{
	size_t items = kind == SM_IS_MAP ? 2 * n : n;

	return (struct sm_value){.kind = kind, .n = n,
		.item = pool_alloc(&in->pool, items, sizeof(struct sm_value))};
}

static struct sm_value list_of(struct json_lines *in, const json_t *list, int depth)
{
	struct sm_value v = container(in, SM_IS_LIST, json_array_size(list));

	for (size_t i = 0; i < v.n; i++)
		v.item[i] = value_of(in, json_array_get(list, i), depth + 1);
	return v;
}

static struct sm_value pairs_of(struct json_lines *in, const json_t *pairs, int depth)
{
	struct sm_value v = container(in, SM_IS_MAP, json_array_size(pairs));

	for (size_t i = 0; i < v.n; i++) {
		const json_t *pair = json_array_get(pairs, i);
		if (json_array_size(pair) != 2)
			json_lines_bad(in, "$map holds something that is not [key, value]");
		v.item[2 * i] = value_of(in, json_array_get(pair, 0), depth + 1);
		v.item[2 * i + 1] = value_of(in, json_array_get(pair, 1), depth + 1);
	}
	return v;
}

static struct sm_value extension_of(struct json_lines *in, const json_t *x)
{
	json_int_t type = json_integer_value(json_array_get(x, 0));

	if (type < -128 || type > 127)
		json_lines_bad(in, "extension type %lld: -128 to 127 are possible",
			(long long)type);
	struct sm_value v = bytes_of(in, SM_IS_EXTENSION, json_array_get(x, 1));
	v.type = (int)type;
	return v;
}

/* An object {"$kind": value} stands for a value that JSON lacks. */
static struct sm_value marked(struct json_lines *in, const char *kind, const json_t *x, int depth)
{
	if (strcmp(kind, "$bytes") == 0)
		return bytes_of(in, SM_IS_BYTES, x);
	if (strcmp(kind, "$text") == 0)
		return bytes_of(in, SM_IS_TEXT, x);
	if (strcmp(kind, "$number") == 0)
		return number_of(in, x);
	if (strcmp(kind, "$extension") == 0 && json_array_size(x) == 2)
		return extension_of(in, x);
	if (strcmp(kind, "$map") == 0 && json_is_array(x))
		return pairs_of(in, x, depth);
	if (strcmp(kind, "$list") == 0 && json_is_array(x))
		return list_of(in, x, depth);
	json_lines_bad(in, "an object with the key %s: see frame2json(1)", kind);
}

static const char *mark_of(const json_t *object)
{
	void *first = json_object_iter((json_t *)(uintptr_t)object);
	const char *key = first ? json_object_iter_key(first) : "";

	return json_object_size(object) == 1 && *key == '$' ? key : NULL;
}

static struct sm_value object_of(struct json_lines *in, const json_t *object, int depth)
{
	struct sm_value v = container(in, SM_IS_MAP, json_object_size(object));
	struct sm_value *item = v.item;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		if (*key == '$')
			json_lines_bad(in, "the key %s beside others: see frame2json(1)", key);
		*item++ = (struct sm_value){.kind = SM_IS_TEXT, .n = strlen(key), .bytes = key};
		*item++ = value_of(in, value, depth + 1);
	}
	return v;
}

static struct sm_value value_of(struct json_lines *in, const json_t *x, int depth)
{
	json_int_t whole = json_integer_value(x);

	if (depth > SM_MAX_DEPTH)
		json_lines_bad(in, "values are nested deeper than %d", SM_MAX_DEPTH);
	switch (json_typeof(x)) {
	case JSON_NULL:
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		return (struct sm_value){.kind = SM_IS_BOOLEAN, .natural = json_is_true(x)};
	case JSON_INTEGER:
		return (struct sm_value){.kind = whole < 0 ? SM_IS_NEGATIVE : SM_IS_NATURAL,
			.negative = whole};
	case JSON_REAL:
		return (struct sm_value){.kind = SM_IS_FLOATING, .floating = json_real_value(x)};
	case JSON_STRING:
		return (struct sm_value){.kind = SM_IS_TEXT, .n = json_string_length(x),
			.bytes = json_string_value(x)};
	case JSON_ARRAY:
		return list_of(in, x, depth);
	case JSON_OBJECT: {
		const char *mark = mark_of(x);
		return mark ? marked(in, mark, json_object_get(x, mark), depth)
			: object_of(in, x, depth);
	}
	}
	return (struct sm_value){.kind = SM_IS_NIL};
}

/* -- Tensors -------------------------------------------------------------------- */

static bool put_whole(void *data, enum sm_dtype dtype, size_t i, int64_t x)
{
	switch (dtype) {
	case SM_U1:
		((uint8_t *)data)[i] = (uint8_t)x;
		return x >= 0 && x <= UINT8_MAX;
	case SM_U4:
		((uint32_t *)data)[i] = (uint32_t)x;
		return x >= 0 && x <= UINT32_MAX;
	case SM_I4:
		((int32_t *)data)[i] = (int32_t)x;
		return x >= INT32_MIN && x <= INT32_MAX;
	default:
		((uint64_t *)data)[i] = (uint64_t)x;
		return x >= 0;
	}
}

static bool put_number(void *data, enum sm_dtype dtype, size_t i, const json_t *x)
{
	bool floating = dtype == SM_F4 || dtype == SM_F8 || dtype == SM_F2 || dtype == SM_BF16;
	const char *text = json_is_string(x) ? json_string_value(x) : "";
	double special;

	if (floating && json_is_number(x))
		return sm_from_double(data, dtype, i, json_number_value(x));
	if (floating)
		return special_number(text, &special) && sm_from_double(data, dtype, i, special);
	if (json_is_integer(x))
		return put_whole(data, dtype, i, json_integer_value(x));
	return dtype == SM_U8 && large_number(text, (uint64_t *)data + i);
}

static bool like_tensor(const json_t *x)
{
	const json_t *dtype = json_array_get(x, 0);

	return json_array_size(x) == 3 && json_is_string(dtype)
		&& sm_dtype_named(json_string_value(dtype)) != SM_DTYPES
		&& json_is_array(json_array_get(x, 1)) && json_is_array(json_array_get(x, 2));
}

/* The dtype and shape of a tensor: how many numbers it has. */
static size_t take_shape(struct json_lines *in, struct sm_tensor *t, const char *name,
	const json_t *x)
{
	const json_t *lengths = json_array_get(x, 1);
	size_t n = 1;

	t->dtype = sm_dtype_named(json_string_value(json_array_get(x, 0)));
	t->rank = json_array_size(lengths);
	if (!sm_in_streams(t->dtype))
		json_lines_bad(in, "%s: %s is none of the dtypes of streams", name,
			sm_dtype_name(t->dtype));
	if (t->rank > SM_MAX_RANK)
		json_lines_bad(in, "%s: %zu dimensions: the limit is %d", name, t->rank,
			SM_MAX_RANK);
	for (size_t i = 0; i < t->rank; i++) {
		json_int_t length = json_integer_value(json_array_get(lengths, i));
		if (!json_is_integer(json_array_get(lengths, i)) || length < 0
				|| length > UINT32_MAX
				|| __builtin_mul_overflow(n, (size_t)length, &n))
			json_lines_bad(in, "%s: dimension %zu of its shape is no length", name, i);
		t->shape[i] = (size_t)length;
	}
	return n;
}

static void tensor(struct json_lines *in, struct sm_frame *f, const char *name, const json_t *x)
{
	const json_t *numbers = json_array_get(x, 2);
	struct sm_tensor t;
	size_t n = take_shape(in, &t, name, x);

	if (n != json_array_size(numbers))
		json_lines_bad(in, "%s: %zu numbers where its shape needs %zu", name,
			json_array_size(numbers), n);
	void *data = pool_alloc(&in->pool, n, sm_dtype_size(t.dtype));
	for (size_t i = 0; i < n; i++)
		if (!put_number(data, t.dtype, i, json_array_get(numbers, i)))
			json_lines_bad(in, "%s: item %zu is no number that fits into %s", name, i,
				sm_dtype_name(t.dtype));
	sm_set_shape(f, name, t.dtype, data, t.rank, t.shape);
}

/* A field of which only the place is here: false when it is no such. */
static bool place(struct json_lines *in, struct sm_frame *f, const char *name, const json_t *x)
{
	const json_t *dtype = json_array_get(x, 0), *lengths = json_array_get(x, 1);
	const json_t *member = json_array_get(x, 2);
	json_int_t n = json_integer_value(json_array_get(lengths, 0));
	struct sm_tensor t;

	if (!in->places || json_array_size(x) != 3 || !json_is_string(dtype)
			|| !json_is_array(lengths) || !json_is_string(member))
		return false;
	in->place[in->fields] = json_string_value(member);
	if (strcmp(json_string_value(dtype), STRINGS_DTYPE) == 0) {
		if (json_array_size(lengths) != 1 || n < 0 || n > UINT32_MAX)
			json_lines_bad(in, "%s: no number of strings", name);
		sm_set_strings(f, name, (size_t)n, NULL);
		return true;
	}
	if (sm_dtype_named(json_string_value(dtype)) == SM_DTYPES)
		return false;
	take_shape(in, &t, name, x);
	sm_set_shape(f, name, t.dtype, NULL, t.rank, t.shape);
	return true;
}

/* -- Fields and lines ---------------------------------------------------------------------- */

static bool is_text(const json_t *x)
{
	return json_is_string(x) && strlen(json_string_value(x)) == json_string_length(x);
}

static bool strings(struct json_lines *in, struct sm_frame *f, const char *name, const json_t *x)
{
	size_t n = json_array_size(x);

	for (size_t i = 0; i < n; i++)
		if (!is_text(json_array_get(x, i)))
			return false;
	const char **item = pool_alloc(&in->pool, n, sizeof *item);
	for (size_t i = 0; i < n; i++)
		item[i] = json_string_value(json_array_get(x, i));
	sm_set_strings(f, name, n, item);
	return true;
}

static void set_field(struct json_lines *in, struct sm_frame *f, const char *name, const json_t *x)
{
	bool history = strcmp(name, "history") == 0;
	struct sm_value v;

	if (in->fields == in->place_room) {
		in->place_room = in->place_room ? 2 * in->place_room : 16;
		in->place = xrealloc(in->place, in->place_room, sizeof *in->place);
	}
	in->place[in->fields] = NULL;
	if (history && !json_is_array(x))
		json_lines_bad(in, "the history is no list");
	if (is_text(x))
		sm_set_string(f, name, json_string_value(x));
	else if (json_is_integer(x))
		sm_set_integer(f, name, json_integer_value(x));
	else if (json_is_real(x))
		sm_set_real(f, name, json_real_value(x));
	else if (like_tensor(x) && !history)
		tensor(in, f, name, x);
	else if (place(in, f, name, x))
		;
	else if (!json_is_array(x) || history || !strings(in, f, name, x)) {
		v = value_of(in, x, 1);
		sm_set_value(f, name, &v);
	}
	in->fields++;
}

struct json_lines *json_lines_open(const char *path)
{
	struct json_lines *in = xcalloc(1, sizeof *in);

	in->name = is_stdin(path) ? "stdin" : path;
	in->file = input_open(path);
	return in;
}

struct json_lines *json_lines_of(const char *name, const char *text, bool places)
{
	struct json_lines *in = xcalloc(1, sizeof *in);

	*in = (struct json_lines){.name = name, .left = text, .places = places};
	return in;
}

const char *json_lines_place(const struct json_lines *in, size_t i)
{
	return i < in->fields ? in->place[i] : NULL;
}

static void forget(struct json_lines *in)
{
	pool_clear(&in->pool);
	json_decref(in->object);
	in->object = NULL;
}

void json_lines_free(struct json_lines *in)
{
	forget(in);
	pool_free(&in->pool);
	if (in->file)
		fclose(in->file);
	free(in->place);
	free(in->text);
	free(in);
}

void json_lines_close(struct json_lines *in)
{
	if (in->number == 0)
		die("%s: empty: not even a header line (did the program before this one fail?)",
			in->name);
	json_lines_free(in);
}

/* The next line and its length, without copying it where it is in a text; false at the end. */
static bool next_line(struct json_lines *in, const char **line, size_t *n)
{
	if (!in->file) {
		*line = in->left;
		*n = strcspn(in->left, "\n");
		in->left += *n + (in->left[*n] == '\n');
		return in->left > *line;
	}
	ssize_t length = getline(&in->text, &in->room, in->file);
	if (length < 0 && !feof(in->file))
		die("out of memory: line %zu of %s", in->number + 1, in->name);
	*line = in->text;
	*n = (size_t)length;
	return length >= 0;
}

bool read_json(struct json_lines *in, struct sm_frame *f)
{
	json_error_t error;
	const char *line, *name;
	json_t *value;
	size_t n;

	forget(in);
	f->n = in->fields = 0;
	if (!next_line(in, &line, &n))
		return false;
	in->number++;
	in->object = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!in->object)
		json_lines_bad(in, "%s%s", error.text, strstr(error.text, "Infinity")
			|| strstr(error.text, "NaN") ? ": in a tensor it stands in quotes" : "");
	if (!json_is_object(in->object))
		json_lines_bad(in, "no object");
	json_object_foreach(in->object, name, value)
		set_field(in, f, name, value);
	if (in->file && json_object_get(in->object, "end"))	/* as sm_read_frame() */
		ungetc(getc(in->file), in->file);
	return true;
}
