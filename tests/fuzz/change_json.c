/* Changes of JSON, a text or a line of several, that leave it JSON. */
#include "fuzz.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A place of a tree: a member or an item. */
struct place {
	json_t *of;
	const char *key;
	size_t item;
};

enum { PLACES = 4096 };

static size_t find_places(struct place *to, size_t n, json_t *tree)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(tree, key, value) {
		if (n < PLACES)
			to[n++] = (struct place){.of = tree, .key = key};
		n = find_places(to, n, value);
	}
	json_array_foreach(tree, i, value) {
		if (n < PLACES)
			to[n++] = (struct place){.of = tree, .item = i};
		n = find_places(to, n, value);
	}
	return n;
}

static json_t *at(const struct place *p)
{
	return p->key ? json_object_get(p->of, p->key) : json_array_get(p->of, p->item);
}

static json_t *some_value(void)
{
	double x = some_real();
	struct word w = some_word();

	switch (below(8)) {
	case 0: return json_null();
	case 1: return json_true();
	case 2: return json_array();
	case 3: return json_object();
	case 4: return json_real(isfinite(x) ? x : 0);
	case 5: return json_stringn_nocheck(w.text, w.n);
	default: return json_integer(some_integer());
	}
}

static void put(const struct place *p, json_t *value)
{
	if (p->key)
		json_object_set_new_nocheck(p->of, p->key, value);
	else
		json_array_set_new(p->of, p->item, value);
}

static void change_text(const struct place *p)
{
	uint8_t text[4096];
	size_t n = json_string_length(at(p));

	if (n > sizeof text / 2)
		return;
	memcpy(text, json_string_value(at(p)), n);
	n = change_bytes(text, n, sizeof text);
	json_t *value = json_stringn((char *)text, n);
	if (value)
		put(p, value);
}

static void change_place(const struct place *p, const struct place *other)
{
	struct word w = some_word();

	switch (below(7)) {
	case 0:
		if (p->key)
			json_object_del(p->of, p->key);
		else
			json_array_remove(p->of, p->item);
		return;
	case 1:
		put(p, json_deep_copy(at(other)));
		return;
	case 2:
		if (p->key)
			json_object_setn_new_nocheck(p->of, w.text, w.n, json_deep_copy(at(p)));
		else
			json_array_insert_new(p->of, p->item, json_deep_copy(at(p)));
		return;
	case 3:
		if (json_is_number(at(p))) {
			put(p, json_integer((json_int_t)((uint64_t)json_integer_value(at(p))
				+ (below(2) ? 1 : -1ull))));
			return;
		}
		/* fall through */
	case 4:
		if (json_is_string(at(p))) {
			change_text(p);
			return;
		}
		/* fall through */
	default:
		put(p, some_value());
	}
}

/* The bytes of a text become those of another: how many, or 0 where they are no JSON. */
static size_t change_line(const uint8_t *bytes, size_t n, uint8_t *to, size_t most)
{
	static struct place place[PLACES];
	json_t *tree = json_loadb((const char *)bytes, n, JSON_ALLOW_NUL, NULL);

	if (!tree)
		return 0;
	for (size_t times = 1 + below(2); times > 0; times--) {
		size_t places = find_places(place, 0, tree);
		if (places > 0)
			change_place(&place[below(places)], &place[below(places)]);
	}
	size_t size = json_dumpb(tree, (char *)to, most, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(tree);
	return size <= most ? size : 0;
}

size_t change_json(uint8_t *bytes, size_t n, size_t most)
{
	static uint8_t line[ROOM];
	size_t begin = 0, end = n, lines = 1;

	for (size_t i = 0; i + 1 < n; i++)
		lines += bytes[i] == '\n' && bytes[i + 1] == '{';
	if (lines > 1) {
		size_t which = below(lines);
		for (size_t i = 0, k = 0; i + 1 < n; i++)
			if (bytes[i] == '\n' && bytes[i + 1] == '{' && ++k <= which + 1) {
				begin = k == which ? i + 1 : begin;
				end = k == which + 1 ? i : n;
			}
	}
	size_t now = change_line(bytes + begin, end - begin, line, sizeof line);
	if (now == 0 || n - (end - begin) + now > most)
		return change_bytes(bytes, n, most);
	memmove(bytes + begin + now, bytes + end, n - end);
	memcpy(bytes + begin, line, now);
	return n - (end - begin) + now;
}
