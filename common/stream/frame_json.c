#include "stream/frame_json.h"

#include "base/die.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The digits that most numbers need to read back to the same bits, and the most that any needs. */
static const struct {
	int few, most;
} digits[SM_DTYPES] = {[SM_F4] = {6, 9}, [SM_F8] = {15, 17}, [SM_F2] = {5, 5}, [SM_BF16] = {4, 4}};

const char *number_text(char text[REAL_TEXT], const struct sm_tensor *t, size_t i)
{
	double x = sm_to_double(t->data, t->dtype, i);

	if (digits[t->dtype].most > 0)
		return digits_text(text, x, digits[t->dtype].few, digits[t->dtype].most);
	if (t->dtype == SM_U8)
		snprintf(text, REAL_TEXT, "%" PRIu64, ((const uint64_t *)t->data)[i]);
	else
		snprintf(text, REAL_TEXT, "%.0f", x);
	return text;
}

/* -- Frames to JSON ------------------------------------------------------------------------- */

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
	char text[REAL_TEXT];

	printf(isfinite(x) ? "%s" : "{\"$number\":\"%s\"}", real_text(text, x));
}

/* Can the n pairs be an object of JSON: are the keys different texts, and none begins with $? */
static bool is_object(const struct sm_value *map)
{
	json_t *seen = json_object();
	bool fine = true;

	for (size_t i = 0; i < map->n && fine; i++) {
		const struct sm_value *v = &map->item[2 * i];
		json_t *key = v->kind == SM_IS_TEXT ? json_stringn(v->bytes, v->n) : NULL;
		const char *name = json_string_value(key);
		fine = name && *name != '$' && strlen(name) == v->n && !json_object_get(seen, name)
			&& json_object_set(seen, name, key) == 0;
		json_decref(key);
	}
	json_decref(seen);
	return fine;
}

static void print_value(const struct sm_value *);

static void print_map(const struct sm_value *v)
{
	bool object = is_object(v);

	fputs(object ? "{" : "{\"$map\":[", stdout);
	for (size_t i = 0; i < v->n; i++) {
		fputs(i ? "," : "", stdout);
		fputs(object ? "" : "[", stdout);
		print_value(&v->item[2 * i]);
		putchar(object ? ':' : ',');
		print_value(&v->item[2 * i + 1]);
		fputs(object ? "" : "]", stdout);
	}
	fputs(object ? "}" : "]}", stdout);
}

static void print_value(const struct sm_value *v)
{
	switch (v->kind) {
	case SM_IS_NIL:
		fputs("null", stdout);
		break;
	case SM_IS_BOOLEAN:
		fputs(v->natural ? "true" : "false", stdout);
		break;
	case SM_IS_NATURAL:
		printf(v->natural <= INT64_MAX ? "%" PRIu64 : "{\"$number\":\"%" PRIu64 "\"}",
			v->natural);
		break;
	case SM_IS_NEGATIVE:
		printf("%" PRId64, v->negative);
		break;
	case SM_IS_FLOATING:
		print_real(v->floating);
		break;
	case SM_IS_TEXT:
		print_text(v->bytes, v->n);
		break;
	case SM_IS_BYTES:
		print_hex("{\"$bytes\":", v->bytes, v->n);
		putchar('}');
		break;
	case SM_IS_EXTENSION:
		printf("{\"$extension\":[%d,", v->type);
		print_hex("", v->bytes, v->n);
		fputs("]}", stdout);
		break;
	case SM_IS_LIST:
		putchar('[');
		for (size_t i = 0; i < v->n; i++) {
			fputs(i ? "," : "", stdout);
			print_value(&v->item[i]);
		}
		putchar(']');
		break;
	case SM_IS_MAP:
		print_map(v);
		break;
	}
}

static void print_tensor(const struct sm_tensor *t)
{
	char text[REAL_TEXT];
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
static void print_other(const struct sm_value *v)
{
	char dtype[8] = "";

	if (v->kind == SM_IS_LIST && v->n == 3 && v->item[0].kind == SM_IS_TEXT
			&& v->item[0].n < sizeof dtype)
		memcpy(dtype, v->item[0].bytes, v->item[0].n);
	bool mistakable = sm_dtype_named(dtype) != SM_DTYPES && v->item[1].kind == SM_IS_LIST;
	fputs(mistakable ? "{\"$list\":" : "", stdout);
	print_value(v);
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
		print_other(&x->value);
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
