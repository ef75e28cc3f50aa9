/* Lines of JSON to streams: the way back of frame2json. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/stream.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {OPT_END};

struct lines {
	const char *name;
	FILE *file;
	char *text;
	size_t room, number;
};

/* A line's object, and what was made of it; both stay until the frame of it was written. */
struct line {
	json_t *object;
	struct sm_frame frame;
	void **kept;
	size_t keeps;
};

_Noreturn static void wrong(const struct lines *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void wrong(const struct lines *in, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	die("%s: line %zu: %s", in->name, in->number, what);
}

static void line_clear(struct line *line)
{
	while (line->keeps > 0)
		free(line->kept[--line->keeps]);
	line->frame.n = 0;
	json_decref(line->object);
	line->object = NULL;
}

static void line_free(struct line *line)
{
	line_clear(line);
	sm_frame_free(&line->frame);
	free(line->kept);
}

static void *keep(struct line *line, void *memory)
{
	line->kept = xrealloc(line->kept, line->keeps + 1, sizeof *line->kept);
	return line->kept[line->keeps++] = memory;
}

/* -- Values that are not numbers, texts or tensors --------------------------------------------- */

static void pack(struct lines *, struct sm_packing *, const json_t *, int depth);

static void pack_head(struct sm_packing *to, enum sm_value_kind kind, size_t n)
{
	sm_pack_value(to, &(struct sm_value){.kind = kind, .n = n});
}

static void pack_bytes(struct lines *in, struct sm_packing *to, enum sm_value_kind kind, int type,
	const json_t *hex)
{
	size_t n = json_string_length(hex) / 2;
	const char *digit = json_string_value(hex);
	unsigned char *bytes = xalloc(n, 1);

	for (size_t i = 0; i < n; i++) {
		char pair[3] = {digit[2 * i], digit[2 * i + 1], 0}, *end;
		bytes[i] = (unsigned char)strtoul(pair, &end, 16);
		if (pair[0] == '-' || pair[0] == '+' || pair[0] == ' ' || end != pair + 2)
			wrong(in, "'%s' are no two hexadecimal digits", pair);
	}
	if (!json_is_string(hex) || json_string_length(hex) % 2 != 0)
		wrong(in, "bytes have to be a string of hexadecimal digits, two for each");
	sm_pack_value(to, &(struct sm_value){.kind = kind, .n = n, .bytes = bytes, .type = type});
	free(bytes);
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

static void pack_number(struct lines *in, struct sm_packing *to, const json_t *x)
{
	const char *text = json_is_string(x) ? json_string_value(x) : "";
	struct sm_value v = {.kind = SM_IS_FLOATING};

	if (!special_number(text, &v.floating)) {
		v.kind = SM_IS_NATURAL;
		if (!large_number(text, &v.natural))
			wrong(in, "$number '%s' is not NaN, Infinity, -Infinity or digits", text);
	}
	sm_pack_value(to, &v);
}

static void pack_pairs(struct lines *in, struct sm_packing *to, const json_t *pairs, int depth)
{
	size_t n = json_array_size(pairs);

	pack_head(to, SM_IS_MAP, n);
	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(pairs, i);
		if (json_array_size(pair) != 2)
			wrong(in, "$map holds something that is not [key, value]");
		pack(in, to, json_array_get(pair, 0), depth + 1);
		pack(in, to, json_array_get(pair, 1), depth + 1);
	}
}

/* An object {"$kind": value} stands for a value that JSON lacks. */
static void pack_marked(struct lines *in, struct sm_packing *to, const char *kind, const json_t *x,
	int depth)
{
	if (strcmp(kind, "$bytes") == 0) {
		pack_bytes(in, to, SM_IS_BYTES, 0, x);
	} else if (strcmp(kind, "$text") == 0) {
		pack_bytes(in, to, SM_IS_TEXT, 0, x);
	} else if (strcmp(kind, "$number") == 0) {
		pack_number(in, to, x);
	} else if (strcmp(kind, "$extension") == 0 && json_array_size(x) == 2) {
		json_int_t type = json_integer_value(json_array_get(x, 0));
		if (type < -128 || type > 127)
			wrong(in, "extension type %lld: -128 to 127 are possible", (long long)type);
		pack_bytes(in, to, SM_IS_EXTENSION, (int)type, json_array_get(x, 1));
	} else if (strcmp(kind, "$map") == 0 && json_is_array(x)) {
		pack_pairs(in, to, x, depth);
	} else if (strcmp(kind, "$list") == 0 && json_is_array(x)) {
		pack(in, to, x, depth);
	} else {
		wrong(in, "an object with the key %s: see frame2json(1)", kind);
	}
}

static const char *mark_of(const json_t *object)
{
	void *first = json_object_iter((json_t *)(uintptr_t)object);
	const char *key = first ? json_object_iter_key(first) : "";

	return json_object_size(object) == 1 && *key == '$' ? key : NULL;
}

static void pack(struct lines *in, struct sm_packing *to, const json_t *x, int depth)
{
	struct sm_value v = {.kind = SM_IS_NIL};
	const char *key, *mark;
	json_t *value;

	if (depth > SM_MAX_DEPTH)
		wrong(in, "values are nested deeper than %d", SM_MAX_DEPTH);
	switch (json_typeof(x)) {
	case JSON_NULL:
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v.kind = SM_IS_BOOLEAN;
		v.natural = json_is_true(x);
		break;
	case JSON_INTEGER:
		v.negative = json_integer_value(x);
		v.kind = v.negative < 0 ? SM_IS_NEGATIVE : SM_IS_NATURAL;
		break;
	case JSON_REAL:
		v.kind = SM_IS_FLOATING;
		v.floating = json_real_value(x);
		break;
	case JSON_STRING:
		v.kind = SM_IS_TEXT;
		v.bytes = json_string_value(x);
		v.n = json_string_length(x);
		break;
	case JSON_ARRAY:
		pack_head(to, SM_IS_LIST, json_array_size(x));
		for (size_t i = 0; i < json_array_size(x); i++)
			pack(in, to, json_array_get(x, i), depth + 1);
		return;
	case JSON_OBJECT:
		if ((mark = mark_of(x))) {
			pack_marked(in, to, mark, json_object_get(x, mark), depth);
			return;
		}
		pack_head(to, SM_IS_MAP, json_object_size(x));
		json_object_foreach((json_t *)(uintptr_t)x, key, value) {
			if (*key == '$')
				wrong(in, "the key %s beside others: see frame2json(1)", key);
			v = (struct sm_value){.kind = SM_IS_TEXT, .n = strlen(key), .bytes = key};
			sm_pack_value(to, &v);
			pack(in, to, value, depth + 1);
		}
		return;
	}
	sm_pack_value(to, &v);
}

/* -- Tensors ----------------------------------------------------------------------------------- */

/* A float of 16 bits with this many of mantissa, 2^lowest being the smallest: rounded to even. Where
 * the mantissa overflows, its carry is the next exponent. */
static uint16_t small_float(double x, int mantissa, int lowest)
{
	unsigned sign = signbit(x) ? 0x8000 : 0, infinity = 0x7fff >> mantissa << mantissa;
	int exponent;

	if (isnan(x))
		return (uint16_t)(infinity | 1u << (mantissa - 1));
	if (isinf(x) || x == 0)
		return (uint16_t)(sign | (x != 0 ? infinity : 0));
	frexp(x, &exponent);
	int unit = exponent - (mantissa + 1) > lowest ? exponent - (mantissa + 1) : lowest;
	double bits = rint(ldexp(fabs(x), -unit)) + ldexp(unit - lowest, mantissa);
	return (uint16_t)(sign | (bits < infinity ? (unsigned)bits : infinity));
}

/* Stores number i of a tensor; false when it does not fit. */
static bool put_floating(void *data, enum sm_dtype dtype, size_t i, double x)
{
	switch (dtype) {
	case SM_F8:
		((double *)data)[i] = x;
		break;
	case SM_F4:
		((float *)data)[i] = (float)x;
		break;
	case SM_F2:
		((uint16_t *)data)[i] = small_float(x, 10, -24);
		break;
	default:
		((uint16_t *)data)[i] = small_float(x, 7, -133);
	}
	return !isfinite(x) || isfinite(sm_to_double(data, dtype, i));
}

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
		return put_floating(data, dtype, i, json_number_value(x));
	if (floating)
		return special_number(text, &special) && put_floating(data, dtype, i, special);
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

static void tensor(struct lines *in, struct line *line, const char *name, const json_t *x)
{
	enum sm_dtype dtype = sm_dtype_named(json_string_value(json_array_get(x, 0)));
	const json_t *lengths = json_array_get(x, 1), *numbers = json_array_get(x, 2);
	size_t rank = json_array_size(lengths), shape[SM_MAX_RANK] = {0}, n = 1;

	if (!sm_in_streams(dtype))
		wrong(in, "%s: %s is none of the dtypes of streams", name, sm_dtype_name(dtype));
	if (rank > SM_MAX_RANK)
		wrong(in, "%s: %zu dimensions: %d is the most", name, rank, SM_MAX_RANK);
	for (size_t i = 0; i < rank; i++) {
		json_int_t length = json_integer_value(json_array_get(lengths, i));
		if (!json_is_integer(json_array_get(lengths, i)) || length < 0
				|| length > UINT32_MAX || __builtin_mul_overflow(n, (size_t)length, &n))
			wrong(in, "%s: dimension %zu of its shape is no length", name, i);
		shape[i] = (size_t)length;
	}
	if (n != json_array_size(numbers))
		wrong(in, "%s: %zu numbers where its shape needs %zu", name, json_array_size(numbers),
			n);
	void *data = keep(line, xalloc(n, sm_dtype_size(dtype)));
	for (size_t i = 0; i < n; i++)
		if (!put_number(data, dtype, i, json_array_get(numbers, i)))
			wrong(in, "%s: item %zu is no number that fits into %s", name, i,
				sm_dtype_name(dtype));
	sm_set_shape(&line->frame, name, dtype, data, rank, shape);
}

/* -- Fields and lines -------------------------------------------------------------------------- */

static bool is_text(const json_t *x)
{
	return json_is_string(x) && strlen(json_string_value(x)) == json_string_length(x);
}

static bool strings(struct line *line, const char *name, const json_t *x)
{
	size_t n = json_array_size(x);

	for (size_t i = 0; i < n; i++)
		if (!is_text(json_array_get(x, i)))
			return false;
	const char **item = keep(line, xalloc(n, sizeof *item));
	for (size_t i = 0; i < n; i++)
		item[i] = json_string_value(json_array_get(x, i));
	sm_set_strings(&line->frame, name, n, item);
	return true;
}

static void other(struct lines *in, struct line *line, const char *name, const json_t *x)
{
	struct sm_packing packing = {0};

	pack(in, &packing, x, 1);
	sm_set_other(&line->frame, name, keep(line, packing.bytes), packing.n);
}

static void set_field(struct lines *in, struct line *line, const char *name, const json_t *x)
{
	bool history = strcmp(name, "history") == 0;

	if (history && !json_is_array(x))
		wrong(in, "the history is no list");
	if (is_text(x))
		sm_set_string(&line->frame, name, json_string_value(x));
	else if (json_is_integer(x))
		sm_set_integer(&line->frame, name, json_integer_value(x));
	else if (json_is_real(x))
		sm_set_real(&line->frame, name, json_real_value(x));
	else if (like_tensor(x) && !history)
		tensor(in, line, name, x);
	else if (!json_is_array(x) || history || !strings(line, name, x))
		other(in, line, name, x);
}

static bool next_line(struct lines *in, struct line *line)
{
	json_error_t error;
	const char *name;
	json_t *value;

	line_clear(line);
	ssize_t n = getline(&in->text, &in->room, in->file);
	if (n < 0 && !feof(in->file))
		die("%s: %s", in->name, strerror(errno));
	if (n < 0)
		return false;
	in->number++;
	size_t how = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	line->object = json_loadb(in->text, (size_t)n, how, &error);
	if (!line->object)
		wrong(in, "%s", error.text);
	if (!json_is_object(line->object))
		wrong(in, "no object");
	json_object_foreach(line->object, name, value)
		set_field(in, line, name, value);
	return true;
}

static void check_header(struct lines *in, const struct sm_frame *f)
{
	const struct sm_field *version = sm_find_field(f, "semot");

	if (!version)
		wrong(in, "a header {\"semot\":1, ...} has to be here");
	if (version->kind != SM_INTEGER || version->integer != 1)
		wrong(in, "a version of the stream that is not 1");
}

static bool is_end(struct lines *in, const struct sm_frame *f, int64_t frames)
{
	const struct sm_field *end = sm_find_field(f, "end");

	if (end && (f->n != 1 || end->kind != SM_INTEGER))
		wrong(in, "the end line has to be {\"end\":<frames>}");
	if (end && end->integer != frames)
		wrong(in, "the end line counts %lld frames, not the %lld read",
			(long long)end->integer, (long long)frames);
	return end;
}

static void pack_streams(const char *path, struct sm_writer *out)
{
	struct lines in = {.name = path && strcmp(path, "-") != 0 ? path : "stdin"};
	struct line line = {0};

	in.file = path && strcmp(path, "-") != 0 ? fopen(path, "r") : stdin;
	if (!in.file)
		die("%s: %s", path, strerror(errno));
	while (next_line(&in, &line)) {
		check_header(&in, &line.frame);
		sm_rewrite_header(out, &line.frame);
		for (int64_t frames = 0; ; frames++) {
			if (!next_line(&in, &line))
				wrong(&in, "cut short: no end line (did the program before this "
					"one fail?)");
			if (is_end(&in, &line.frame, frames))
				break;
			if (sm_find_field(&line.frame, "semot"))
				wrong(&in, "a header where a frame or the end line has to be");
			sm_write_frame(out, &line.frame);
		}
		sm_write_end(out);
	}
	if (in.number == 0)
		die("%s: empty: not even a header line (did the program before this one fail?)",
			in.name);
	if (in.file != stdin)
		fclose(in.file);
	line_free(&line);
	free(in.text);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "json2frame [FILE]...",
		"Lines of JSON, as frame2json prints them, to streams.", 1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());

	for (size_t i = 0; i == 0 || operand[i]; i++)
		pack_streams(operand[i], out);
	sm_writer_close(out);
	free(operand);
	return 0;
}
