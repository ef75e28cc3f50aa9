#include "stream/frame_json.h"

#include "base/die.h"
#include "base/text.h"
#include "base/utf8.h"

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

static void print_hex(FILE *to, const char *what, const void *bytes, size_t n)
{
	fprintf(to, "%s\"", what);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "%02x", ((const unsigned char *)bytes)[i]);
	putc('"', to);
}

static bool is_utf8(const char *s, size_t n)
{
	uint32_t c;
	size_t i = 0, bytes = 1;

	for (; i < n && bytes > 0; i += bytes)
		bytes = utf8_read(s + i, n - i, &c);
	return bytes > 0;
}

/* A string that terminals may be shown, too; false where it is not UTF-8. */
static bool print_string(FILE *to, const char *s, size_t n)
{
	static const char named[] = "\"\\\b\f\n\r\t", name[] = "\"\\bfnrt";
	size_t begin = 0;		/* what was not written yet */
	uint32_t c;

	if (!is_utf8(s, n))
		return false;
	putc('"', to);
	for (size_t i = 0, bytes; i < n; i += bytes) {
		bytes = utf8_read(s + i, n - i, &c);
		const char *letter = c && c < 0x80 ? strchr(named, (int)c) : NULL;
		if (!letter && !text_obeyed(c))
			continue;
		fwrite(s + begin, 1, i - begin, to);
		begin = i + bytes;
		if (letter)
			fprintf(to, "\\%c", name[letter - named]);
		else
			fprintf(to, "\\u%04x", c);
	}
	fwrite(s + begin, 1, n - begin, to);
	putc('"', to);
	return true;
}

static void print_text(FILE *to, const char *s, size_t n)
{
	if (!print_string(to, s, n)) {
		print_hex(to, "{\"$text\":", s, n);
		putc('}', to);
	}
}

static void print_real(FILE *to, double x)
{
	char text[REAL_TEXT];

	fprintf(to, isfinite(x) ? "%s" : "{\"$number\":\"%s\"}", real_text(text, x));
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

static void print_value(FILE *to, const struct sm_value *);

static void print_map(FILE *to, const struct sm_value *v)
{
	bool object = is_object(v);

	fputs(object ? "{" : "{\"$map\":[", to);
	for (size_t i = 0; i < v->n; i++) {
		fputs(i ? "," : "", to);
		fputs(object ? "" : "[", to);
		print_value(to, &v->item[2 * i]);
		putc(object ? ':' : ',', to);
		print_value(to, &v->item[2 * i + 1]);
		fputs(object ? "" : "]", to);
	}
	fputs(object ? "}" : "]}", to);
}

static void print_value(FILE *to, const struct sm_value *v)
{
	switch (v->kind) {
	case SM_IS_NIL:
		fputs("null", to);
		break;
	case SM_IS_BOOLEAN:
		fputs(v->natural ? "true" : "false", to);
		break;
	case SM_IS_NATURAL:
		fprintf(to, v->natural <= INT64_MAX ? "%" PRIu64 : "{\"$number\":\"%" PRIu64 "\"}",
			v->natural);
		break;
	case SM_IS_NEGATIVE:
		fprintf(to, "%" PRId64, v->negative);
		break;
	case SM_IS_FLOATING:
		print_real(to, v->floating);
		break;
	case SM_IS_TEXT:
		print_text(to, v->bytes, v->n);
		break;
	case SM_IS_BYTES:
		print_hex(to, "{\"$bytes\":", v->bytes, v->n);
		putc('}', to);
		break;
	case SM_IS_EXTENSION:
		fprintf(to, "{\"$extension\":[%d,", v->type);
		print_hex(to, "", v->bytes, v->n);
		fputs("]}", to);
		break;
	case SM_IS_LIST:
		putc('[', to);
		for (size_t i = 0; i < v->n; i++) {
			fputs(i ? "," : "", to);
			print_value(to, &v->item[i]);
		}
		putc(']', to);
		break;
	case SM_IS_MAP:
		print_map(to, v);
		break;
	}
}

static void print_tensor(FILE *to, const struct sm_tensor *t)
{
	char text[REAL_TEXT];
	size_t n = 1;

	fprintf(to, "[\"%s\",[", sm_dtype_name(t->dtype));
	for (size_t i = 0; i < t->rank; i++) {
		fprintf(to, "%s%zu", i ? "," : "", t->shape[i]);
		n *= t->shape[i];
	}
	fputs("],[", to);
	for (size_t i = 0; i < n; i++) {
		number_text(text, t, i);
		bool plain = text[0] != 'N' && text[0] != 'I' && text[1] != 'I'
			&& (t->dtype != SM_U8 || ((const uint64_t *)t->data)[i] <= INT64_MAX);
		fprintf(to, plain ? "%s%s" : "%s\"%s\"", i ? "," : "", text);
	}
	fputs("]]", to);
}

/* A list that would be read as a tensor, or as where its numbers are, is marked. */
static void print_other(FILE *to, const struct sm_value *v)
{
	char dtype[8] = "";

	if (v->kind == SM_IS_LIST && v->n == 3 && v->item[0].kind == SM_IS_TEXT
			&& v->item[0].n < sizeof dtype)
		memcpy(dtype, v->item[0].bytes, v->item[0].n);
	bool mistakable = (sm_dtype_named(dtype) != SM_DTYPES || strcmp(dtype, STRINGS_DTYPE) == 0)
		&& v->item[1].kind == SM_IS_LIST;
	fputs(mistakable ? "{\"$list\":" : "", to);
	print_value(to, v);
	fputs(mistakable ? "}" : "", to);
}

/* A tensor or a list of strings without what is in it, which is elsewhere under that name. */
static void print_place(FILE *to, const struct sm_field *x, const char *member)
{
	const struct sm_tensor *t = &x->tensor;

	if (x->kind == SM_STRINGS)
		fprintf(to, "[\"" STRINGS_DTYPE "\",[%zu", x->strings.n);
	else
		fprintf(to, "[\"%s\",[", sm_dtype_name(t->dtype));
	for (size_t i = 0; x->kind == SM_TENSOR && i < t->rank; i++)
		fprintf(to, "%s%zu", i ? "," : "", t->shape[i]);
	fputs("],", to);
	print_string(to, member, strlen(member));
	putc(']', to);
}

static void print_field(FILE *to, const struct sm_field *x)
{
	switch (x->kind) {
	case SM_TENSOR:
		print_tensor(to, &x->tensor);
		break;
	case SM_STRINGS:
		putc('[', to);
		for (size_t i = 0; i < x->strings.n; i++) {
			fputs(i ? "," : "", to);
			print_text(to, x->strings.item[i], strlen(x->strings.item[i]));
		}
		putc(']', to);
		break;
	case SM_STRING:
		print_text(to, x->string, strlen(x->string));
		break;
	case SM_INTEGER:
		fprintf(to, "%" PRId64, x->integer);
		break;
	case SM_REAL:
		print_real(to, x->real);
		break;
	case SM_OTHER:
		print_other(to, &x->value);
		break;
	}
}

void put_json(FILE *to, const struct sm_reader *in, const struct sm_frame *f,
	const char *const *member)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *name = f->field[i].name;
		putc(i ? ',' : '{', to);
		if (!print_string(to, name, strlen(name)))
			sm_bad(in, "a field's name is not UTF-8");
		putc(':', to);
		if (member && member[i])
			print_place(to, &f->field[i], member[i]);
		else
			print_field(to, &f->field[i]);
	}
	fputs(f->n ? "}\n" : "{}\n", to);
}

void print_json(const struct sm_reader *in, const struct sm_frame *f)
{
	put_json(stdout, in, f, NULL);
}
