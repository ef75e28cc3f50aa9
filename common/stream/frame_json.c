#include "stream/frame_json.h"

#include "base/die.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The digits that most numbers need to read back to the same, and the most that any needs. */
static const struct {
	int few, most;
} digits[SM_DTYPES] = {[SM_F4] = {6, 9}, [SM_F8] = {15, 17}, [SM_F2] = {5, 5}, [SM_BF16] = {4, 4}};

static const char *real_text(char text[NUMBER_TEXT], double x, enum sm_dtype dtype)
{
	if (isnan(x))
		return strcpy(text, "NaN");
	if (isinf(x))
		return strcpy(text, x < 0 ? "-Infinity" : "Infinity");
	snprintf(text, NUMBER_TEXT, "%.*g", digits[dtype].few, x);
	if ((dtype == SM_F4 && strtof(text, NULL) != (float)x)
			|| (dtype == SM_F8 && strtod(text, NULL) != x))
		snprintf(text, NUMBER_TEXT, "%.*g", digits[dtype].most, x);
	return strpbrk(text, ".e") ? text : strcat(text, ".0");
}

const char *number_text(char text[NUMBER_TEXT], const struct sm_tensor *t, size_t i)
{
	if (digits[t->dtype].most > 0)
		return real_text(text, sm_to_double(t->data, t->dtype, i), t->dtype);
	if (t->dtype == SM_U8)
		snprintf(text, NUMBER_TEXT, "%" PRIu64, ((const uint64_t *)t->data)[i]);
	else
		snprintf(text, NUMBER_TEXT, "%.0f", sm_to_double(t->data, t->dtype, i));
	return text;
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void print_hex(const char *what, const void *bytes, size_t n)
{
	printf("%s\"", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
	putchar('"');
}

static bool print_string(const char *s, size_t n)
{
	json_t *string = json_stringn(s, n);
	bool utf8 = string != NULL;

	if (utf8)
		json_dumpf(string, stdout, JSON_ENCODE_ANY);
	json_decref(string);
	return utf8;
}

static void print_text(const char *s, size_t n)
{
	if (!print_string(s, n)) {
		print_hex("{\"$text\":", s, n);
		putchar('}');
	}
}

static void print_real(double x)
{
	char text[NUMBER_TEXT];

	printf(isfinite(x) ? "%s" : "{\"$number\":\"%s\"}", real_text(text, x, SM_F8));
}

static size_t items(const struct sm_value *v)
{
	return v->kind == SM_IS_LIST ? v->n : v->kind == SM_IS_MAP ? 2 * v->n : 0;
}

static void skip_value(const void **at)
{
	for (size_t left = 1; left > 0; left--) {
		struct sm_value v = sm_next_value(at);
		left += items(&v);
	}
}

/* Can the n pairs be an object of JSON: are the keys different texts, and none begins with $? */
static bool is_object(const void *at, size_t n)
{
	json_t *seen = json_object();
	bool fine = true;

	for (size_t i = 0; i < n && fine; i++) {
		struct sm_value v = sm_next_value(&at);
		json_t *key = v.kind == SM_IS_TEXT ? json_stringn(v.bytes, v.n) : NULL;
		const char *name = json_string_value(key);
		fine = name && *name != '$' && strlen(name) == v.n && !json_object_get(seen, name)
			&& json_object_set(seen, name, key) == 0;
		json_decref(key);
		skip_value(&at);
	}
	json_decref(seen);
	return fine;
}

static void print_value(const void **at)
{
	struct sm_value v = sm_next_value(at);

	switch (v.kind) {
	case SM_IS_NIL:
		fputs("null", stdout);
		break;
	case SM_IS_BOOLEAN:
		fputs(v.natural ? "true" : "false", stdout);
		break;
	case SM_IS_NATURAL:
		printf(v.natural <= INT64_MAX ? "%" PRIu64 : "{\"$number\":\"%" PRIu64 "\"}",
			v.natural);
		break;
	case SM_IS_NEGATIVE:
		printf("%" PRId64, v.negative);
		break;
	case SM_IS_FLOATING:
		print_real(v.floating);
		break;
	case SM_IS_TEXT:
		print_text(v.bytes, v.n);
		break;
	case SM_IS_BYTES:
		print_hex("{\"$bytes\":", v.bytes, v.n);
		putchar('}');
		break;
	case SM_IS_EXTENSION:
		printf("{\"$extension\":[%d,", v.type);
		print_hex("", v.bytes, v.n);
		fputs("]}", stdout);
		break;
	case SM_IS_LIST:
		for (size_t i = 0; i < v.n; i++) {
			putchar(i ? ',' : '[');
			print_value(at);
		}
		fputs(v.n ? "]" : "[]", stdout);
		break;
	case SM_IS_MAP: {
		bool object = is_object(*at, v.n);
		fputs(object ? "{" : "{\"$map\":[", stdout);
		for (size_t i = 0; i < v.n; i++) {
			fputs(i ? "," : "", stdout);
			fputs(object ? "" : "[", stdout);
			print_value(at);
			putchar(object ? ':' : ',');
			print_value(at);
			fputs(object ? "" : "]", stdout);
		}
		fputs(object ? "}" : "]}", stdout);
	}
	}
}

static void print_tensor(const struct sm_tensor *t)
{
	char text[NUMBER_TEXT];
	size_t n = 1;

	printf("[\"%s\",[", sm_dtype_name(t->dtype));
	for (size_t i = 0; i < t->rank; i++) {
		printf("%s%zu", i ? "," : "", t->shape[i]);
		n *= t->shape[i];
	}
	fputs("],[", stdout);
	for (size_t i = 0; i < n; i++) {
		number_text(text, t, i);
		bool plain = text[0] != 'N' && text[0] != 'I' && text[1] != 'I'
			&& (t->dtype != SM_U8 || ((const uint64_t *)t->data)[i] <= INT64_MAX);
		printf(plain ? "%s%s" : "%s\"%s\"", i ? "," : "", text);
	}
	fputs("]]", stdout);
}

/* A list that would be read as a tensor is marked. */
static void print_other(const void *at)
{
	const void *ahead = at;
	struct sm_value v = sm_next_value(&ahead);
	bool mistakable = false;

	if (v.kind == SM_IS_LIST && v.n == 3) {
		char dtype[8] = "";
		v = sm_next_value(&ahead);
		if (v.kind == SM_IS_TEXT && v.n < sizeof dtype)
			memcpy(dtype, v.bytes, v.n);
		mistakable = sm_dtype_named(dtype) != SM_DTYPES && sm_next_value(&ahead).kind == SM_IS_LIST;
	}
	fputs(mistakable ? "{\"$list\":" : "", stdout);
	print_value(&at);
	fputs(mistakable ? "}" : "", stdout);
}

static void print_field(const struct sm_field *x)
{
	switch (x->kind) {
	case SM_TENSOR:
		print_tensor(&x->tensor);
		break;
	case SM_STRINGS:
		putchar('[');
		for (size_t i = 0; i < x->strings.n; i++) {
			fputs(i ? "," : "", stdout);
			print_text(x->strings.item[i], strlen(x->strings.item[i]));
		}
		putchar(']');
		break;
	case SM_STRING:
		print_text(x->string, strlen(x->string));
		break;
	case SM_INTEGER:
		printf("%" PRId64, x->integer);
		break;
	case SM_REAL:
		print_real(x->real);
		break;
	case SM_OTHER:
		print_other(x->other.bytes);
		break;
	}
}

void print_json(const struct sm_reader *in, const struct sm_frame *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *name = f->field[i].name;
		putchar(i ? ',' : '{');
		if (!print_string(name, strlen(name)))
			sm_bad(in, "a field's name is not UTF-8");
		putchar(':');
		print_field(&f->field[i]);
	}
	fputs(f->n ? "}\n" : "{}\n", stdout);
}

void text_close(void)
{
	if (ferror(stdout) || fclose(stdout) != 0)
		die("stdout: %s", strerror(errno));
}
