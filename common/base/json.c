#include "base/json.h"

#include "base/die.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_wrong(const struct json *j, const char *format, ...)
{
	char what[256], where[64] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (j->kind)
		snprintf(where, sizeof where, "%s %zu: ", j->kind, j->number);
	die("%s: %s%s", j->name, where, what);
}

_Noreturn static void no_json(const struct json *j, const char *what)
{
	json_wrong(j, "byte %zu: %s", (size_t)(j->at - j->text),
		*j->at ? what : "the text ends too early");
}

static void skip_space(struct json *j)
{
	while (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t')
		j->at++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* -- Strings -------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void skip_escape(struct json *j)
{
	j->at++;
	if (*j->at == 'u')
		for (size_t i = 0; i < 4; i++) {
			j->at++;
			if (hex_digit(*j->at) < 0)
				no_json(j, "no hexadecimal digit");
		}
	else if (!*j->at || !strchr("\"\\/bfnrt", *j->at))
		no_json(j, "an escape that JSON does not have");
	j->at++;
}

static void skip_character(struct json *j)
{
	uint32_t c;
	size_t n = utf8_read(j->at, SIZE_MAX, &c);

	if (n == 0)
		no_json(j, "no UTF-8");
	j->at += n;
}

static void skip_string(struct json *j)
{
	for (j->at++; *j->at != '"';) {
		unsigned char c = (unsigned char)*j->at;
		if (c == '\\')
			skip_escape(j);
		else if (c >= 0x80)
			skip_character(j);
		else if (c < ' ')
			no_json(j, "a control character in a string");
		else
			j->at++;
	}
	j->at++;
}

static unsigned unit(const char *p)
{
	unsigned u = 0;

	for (size_t i = 0; i < 4; i++)
		u = u << 4 | (unsigned)hex_digit(p[i]);
	return u;
}

/* Puts the character whose \u is at p, and returns where its last escape ends. */
static const char *decode_unit(char **to, const char *p)
{
	unsigned c = unit(p + 2), low;

	p += 6;
	if (c >= 0xd800 && c < 0xdc00 && p[0] == '\\' && p[1] == 'u'
			&& (low = unit(p + 2)) >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*to += utf8_put(*to, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return p;
}

size_t json_decode(char *to, struct span string)
{
	static const char name[] = "bfnrt", meaning[] = "\b\f\n\r\t";
	const char *p = string.text + 1, *end = string.text + string.n - 1, *letter;
	char *begin = to;

	while (p < end)
		if (*p != '\\') {
			*to++ = *p++;
		} else if (p[1] == 'u') {
			p = decode_unit(&to, p);
		} else {
			letter = strchr(name, p[1]);
			*to++ = letter ? meaning[letter - name] : p[1];
			p += 2;
		}
	*to = '\0';
	return (size_t)(to - begin);
}

/* Is this the string? An escape may stand for any of its characters. */
static bool is_word(struct span string, const char *word)
{
	size_t n = strlen(word);
	char text[128];

	if (!memchr(string.text, '\\', string.n))
		return string.n == n + 2 && memcmp(string.text + 1, word, n) == 0;
	return string.n <= sizeof text && json_decode(text, string) == n
		&& memcmp(text, word, n) == 0;
}

/* -- Values --------------------------------------------------------------------------------- */

static void skip_digits(struct json *j)
{
	if (!is_digit(*j->at))
		no_json(j, "a digit expected");
	while (is_digit(*j->at))
		j->at++;
}

static void skip_number(struct json *j)
{
	j->at += *j->at == '-';
	if (*j->at == '0')
		j->at++;
	else
		skip_digits(j);
	if (*j->at == '.') {
		j->at++;
		skip_digits(j);
	}
	if (*j->at == 'e' || *j->at == 'E') {
		j->at++;
		j->at += *j->at == '+' || *j->at == '-';
		skip_digits(j);
	}
}

static void skip_word(struct json *j)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < 3; i++)
		if (strncmp(j->at, words[i], strlen(words[i])) == 0) {
			j->at += strlen(words[i]);
			return;
		}
	no_json(j, "a value expected");
}

static void skip_value(struct json *j, size_t depth)
{
	char c = *j->at;

	if (depth > JSON_DEPTH)
		no_json(j, "lists and objects nested too deep");
	if (c == '"')
		skip_string(j);
	else if (c == '{')
		for (bool more = json_open(j, '{'); more; more = json_more(j, '}')) {
			json_key(j);
			skip_value(j, depth + 1);
		}
	else if (c == '[')
		for (bool more = json_open(j, '['); more; more = json_more(j, ']'))
			skip_value(j, depth + 1);
	else if (c == '-' || is_digit(c))
		skip_number(j);
	else
		skip_word(j);
}

bool json_open(struct json *j, char bracket)
{
	skip_space(j);
	if (*j->at != bracket)
		no_json(j, bracket == '{' ? "an object expected" : "a list expected");
	j->at++;
	skip_space(j);
	bool empty = *j->at == bracket + 2;		/* [] and {} are two apart in ASCII */
	j->at += empty;
	return !empty;
}

bool json_more(struct json *j, char bracket)
{
	skip_space(j);
	bool more = *j->at == ',';
	if (!more && *j->at != bracket)
		no_json(j, bracket == '}' ? "',' or '}' expected" : "',' or ']' expected");
	j->at++;
	if (more)
		skip_space(j);
	return more;
}

struct span json_key(struct json *j)
{
	const char *begin = j->at;

	if (*begin != '"')
		no_json(j, "a key in quotes expected");
	skip_string(j);
	struct span key = {begin, (size_t)(j->at - begin)};
	skip_space(j);
	if (*j->at != ':')
		no_json(j, "':' expected");
	j->at++;
	skip_space(j);
	return key;
}

struct span json_value(struct json *j)
{
	skip_space(j);
	const char *begin = j->at;
	skip_value(j, 1);
	return (struct span){begin, (size_t)(j->at - begin)};
}

void json_end(struct json *j)
{
	skip_space(j);
	if (*j->at)
		no_json(j, "more text after the end");
}

size_t json_members(struct json *j, struct span *value, const char *const *key, size_t n)
{
	size_t count = 0;

	memset(value, 0, n * sizeof *value);
	for (bool more = json_open(j, '{'); more; more = json_more(j, '}'), count++) {
		struct span name = json_key(j);
		size_t k = 0;
		while (k < n && !is_word(name, key[k]))
			k++;
		if (k < n && value[k].text)
			json_wrong(j, "duplicate key %s", key[k]);
		struct span found = json_value(j);
		if (k < n)
			value[k] = found;
	}
	return count;
}

static json_t *number_tree(const char *text, size_t n)
{
	char *end;

	errno = 0;
	json_int_t integer = strtoll(text, &end, 10);
	if (errno == 0 && end == text + n)
		return json_integer(integer);
	double real = strtod(text, NULL);
	return isfinite(real) ? json_real(real) : json_null();
}

static json_t *string_tree(struct span string)
{
	char *text = xalloc(string.n, 1);
	json_t *tree = json_stringn(text, json_decode(text, string));

	free(text);
	return tree;
}

static json_t *scalar_tree(struct span v)
{
	return *v.text == '"' ? string_tree(v) : *v.text == 't' ? json_true()
		: *v.text == 'f' ? json_false() : *v.text == 'n' ? json_null()
			: number_tree(v.text, v.n);
}

json_t *json_tree(struct json *j)
{
	json_t *tree;

	skip_space(j);
	if (*j->at == '{') {
		tree = json_object();
		for (bool more = json_open(j, '{'); more; more = json_more(j, '}')) {
			json_t *key = string_tree(json_key(j)), *value = json_tree(j);
			if (strlen(json_string_value(key)) == json_string_length(key))
				json_object_set(tree, json_string_value(key), value);
			json_decref(value);
			json_decref(key);
		}
	} else if (*j->at == '[') {
		tree = json_array();
		for (bool more = json_open(j, '['); more; more = json_more(j, ']'))
			json_array_append_new(tree, json_tree(j));
	} else {
		tree = scalar_tree(json_value(j));
	}
	return tree;
}

/* -- Of text that was checked --------------------------------------------------------------- */

struct span json_find(const char *object, const char *key)
{
	struct json j = {.name = key, .text = object, .at = object};

	for (bool more = json_open(&j, '{'); more; more = json_more(&j, '}')) {
		struct span name = json_key(&j), value = json_value(&j);
		if (is_word(name, key))
			return value;
	}
	return (struct span){0};
}

char *json_with(const char *object, const char *key, const char *value)
{
	struct json j = {.name = key, .text = object, .at = object};
	struct span old = json_find(object, key);
	bool empty = !json_open(&j, '{');
	const char *rest = old.text ? old.text : strrchr(object, '}');

	while (!old.text && strchr(" \t\r\n", rest[-1]))
		rest--;
	size_t head = (size_t)(rest - object);
	char *text = xalloc(strlen(object) + strlen(key) + strlen(value) + sizeof ",\"\":", 1);
	char *to = (char *)memcpy(text, object, head) + head;
	if (!old.text)
		to = stpcpy(stpcpy(stpcpy(to, empty ? "\"" : ",\""), key), "\":");
	strcpy(stpcpy(to, value), rest + old.n);
	return text;
}

/* -- Writing -------------------------------------------------------------------------------- */

char *json_text(json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	if (!text)
		die("out of memory");
	json_decref(json);
	return text;
}

void json_put(const char *text, size_t n)
{
	size_t begin = 0;		/* what was not written yet */
	uint32_t c;

	for (size_t i = 0, bytes; i < n; i += bytes ? bytes : 1) {
		bytes = utf8_read(text + i, n - i, &c);
		if (bytes == 0 || c < 0x7f || !text_obeyed(c))
			continue;
		fwrite(text + begin, 1, i - begin, stdout);
		printf("\\u%04x", c);
		begin = i + bytes;
	}
	fwrite(text + begin, 1, n - begin, stdout);
}

const char *digits_text(char text[REAL_TEXT], double x, int few, int most)
{
	int digits = few;

	if (isnan(x))
		return strcpy(text, "NaN");
	if (isinf(x))
		return strcpy(text, x < 0 ? "-Infinity" : "Infinity");
	do
		snprintf(text, REAL_TEXT, "%.*g", digits, x);
	while (digits++ < most
			&& (most > 9 ? strtod(text, NULL) != x : strtof(text, NULL) != (float)x));
	return text[strcspn(text, ".e")] ? text : strcat(text, ".0");
}

const char *real_text(char text[REAL_TEXT], double x)
{
	return digits_text(text, x, 15, 17);
}
