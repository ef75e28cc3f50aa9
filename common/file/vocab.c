#include "file/vocab.h"

#include "base/die.h"
#include "base/json.h"
#include "base/utf8.h"
#include "file/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_FREE = 1 << 20 };		/* ids may be as large as that, ... */

/* A string as the file has it. */
struct piece {
	const char *text;		/* no zero ends it; NULL: none of this id */
	size_t n;
	bool added;			/* of added_tokens, which no tokenizer marks */
};

struct pieces {
	const char *path;
	size_t most;			/* ... or as the file is long: memory is of that order */
	size_t n, room;
	struct piece *item;		/* (n) by id */
	enum marks marks;		/* that a tokenizer.json says; MARKS_AUTO: it does not */
	bool suffix;			/* </w> ends words */
};

/* -- Reading ---------------------------------------------------------------------------------- */

static void put_piece(struct pieces *p, size_t id, struct piece x)
{
	if (id >= p->room) {
		size_t room = id < 512 ? 1024 : id + id / 2;
		p->item = xrealloc(p->item, room, sizeof *p->item);
		memset(p->item + p->room, 0, (room - p->room) * sizeof *p->item);
		p->room = room;
	}
	if (p->item[id].text && !x.added)
		die("%s: two strings of the id %zu", p->path, id);
	p->item[id] = x;
	if (id >= p->n)
		p->n = id + 1;
}

static void read_lines(struct pieces *p, const char *text)
{
	size_t lines = 0, returns = 0;

	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		returns += end > text && end[-1] == '\r';
		put_piece(p, lines++, (struct piece){text, (size_t)(end - text), false});
	}
	for (size_t i = 0; returns == lines && i < lines; i++)	/* lines of Windows */
		p->item[i].n--;
}

static bool is(struct span v, char first)
{
	return v.n > 0 && *v.text == first;
}

static bool is_string(struct span v, const char *text)
{
	return v.n == strlen(text) + 2 && memcmp(v.text + 1, text, v.n - 2) == 0;
}

static struct json at(const struct json *whole, struct span v)
{
	return (struct json){.name = whole->name, .text = whole->text, .at = v.text};
}

/* Decodes the string where it stands. */
static struct piece piece_of(const struct json *j, struct span string, bool added)
{
	if (!is(string, '"'))
		json_wrong(j, "byte %zu: a string expected", (size_t)(string.text - j->text));
	char *to = (char *)string.text;
	return (struct piece){to, json_decode(to, string), added};
}

static size_t id_of(const struct pieces *p, const struct json *j, struct span number)
{
	size_t id = 0;

	for (size_t i = 0; i < number.n; i++) {
		char c = number.text[i];
		if (c < '0' || c > '9' || (id = 10 * id + (size_t)(c - '0')) >= p->most)
			json_wrong(j, "byte %zu: no id below %zu",
				(size_t)(number.text - j->text), p->most);
	}
	return id;
}

/* An object of strings and ids. */
static void read_object(struct pieces *p, struct json j)
{
	for (bool more = json_open(&j, '{'); more; more = json_more(&j, '}')) {
		struct span key = json_key(&j), id = json_value(&j);
		put_piece(p, id_of(p, &j, id), piece_of(&j, key, false));
	}
}

/* A list of [piece, score]. */
static void read_list(struct pieces *p, struct json j)
{
	size_t id = 0;

	for (bool more = json_open(&j, '['); more; more = json_more(&j, ']'), id++) {
		if (!json_open(&j, '['))
			json_wrong(&j, "piece %zu is empty", id);
		struct span piece = json_value(&j);
		while (json_more(&j, ']'))
			json_value(&j);
		put_piece(p, id, piece_of(&j, piece, false));
	}
}

static void read_added(struct pieces *p, struct json j)
{
	static const char *const key[] = {"id", "content"};
	struct span value[2];

	for (bool more = json_open(&j, '['); more; more = json_more(&j, ']')) {
		json_members(&j, value, key, 2);
		if (!value[0].text || !value[1].text)
			json_wrong(&j, "an added token without id or content");
		put_piece(p, id_of(p, &j, value[0]), piece_of(&j, value[1], true));
	}
}

/* -- What a tokenizer.json says of marks ------------------------------------------------------ */

/* Has any object in the tree this value of this member? */
static bool any_has(const json_t *tree, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(tree, key)), *name;
	json_t *value;
	size_t i;

	if (text && strcmp(text, wanted) == 0)
		return true;
	json_object_foreach((json_t *)tree, name, value)
		if (any_has(value, key, wanted))
			return true;
	json_array_foreach(tree, i, value)
		if (any_has(value, key, wanted))
			return true;
	return false;
}

enum { MODEL, ADDED, PRE, DECODER, PARTS };
enum { TYPE, VOCAB, SUFFIX, FALLBACK, MEMBERS };

static enum marks marks_said(const struct json *whole, const struct span *part,
	const struct span *model)
{
	static const struct {
		const char *key, *value;
		enum marks marks;
	} rule[] = {
		{"type", "ByteLevel", MARKS_BYTES}, {"type", "Metaspace", MARKS_SENTENCEPIECE},
		{"type", "ByteFallback", MARKS_SENTENCEPIECE},
		{"String", "\xe2\x96\x81", MARKS_SENTENCEPIECE},
		{"type", "WordPiece", MARKS_WORDPIECE}
	};
	enum marks marks = MARKS_AUTO;

	for (size_t k = PRE; k <= DECODER; k++) {
		if (!is(part[k], '{'))
			continue;
		struct json j = at(whole, part[k]);
		json_t *tree = json_tree(&j);
		for (size_t i = 0; i < sizeof rule / sizeof *rule && !marks; i++)
			if (any_has(tree, rule[i].key, rule[i].value))
				marks = rule[i].marks;
		json_decref(tree);
	}
	return marks ? marks : is(model[FALLBACK], 't') ? MARKS_SENTENCEPIECE
		: is_string(model[TYPE], "WordPiece") ? MARKS_WORDPIECE
		: is_string(model[TYPE], "WordLevel") ? MARKS_WORDS : MARKS_AUTO;
}

static void read_tokenizer(struct pieces *p, const struct json *j, const struct span *part)
{
	static const char *const key[MEMBERS] = {"type", "vocab", "end_of_word_suffix",
		"byte_fallback"};
	struct span model[MEMBERS];
	struct json m = at(j, part[MODEL]);

	json_members(&m, model, key, MEMBERS);
	p->suffix = is_string(model[SUFFIX], "</w>");
	p->marks = marks_said(j, part, model);
	if (is(model[VOCAB], '{'))
		read_object(p, at(j, model[VOCAB]));
	else if (is(model[VOCAB], '['))
		read_list(p, at(j, model[VOCAB]));
	else
		json_wrong(j, "the model has no vocab");
	if (is(part[ADDED], '['))
		read_added(p, at(j, part[ADDED]));
}

static void read_json(struct pieces *p, const char *text)
{
	static const char *const key[PARTS] = {"model", "added_tokens", "pre_tokenizer", "decoder"};
	struct json j = {.name = p->path, .text = text, .at = text};
	struct span part[PARTS];

	json_members(&j, part, key, PARTS);
	json_end(&j);
	if (is(part[MODEL], '{'))		/* of a vocab.json it would be the id of a word */
		read_tokenizer(p, &j, part);
	else
		read_object(p, (struct json){.name = p->path, .text = text, .at = text});
}

/* An object: a brace, and a quote or the other brace after it. So does no list of strings begin
 * that is not made for it. */
static bool looks_like_json(const char *text)
{
	static const char space[] = " \t\r\n";

	text += strspn(text, space);
	if (*text++ != '{')
		return false;
	text += strspn(text, space);
	return *text == '"' || *text == '}';
}

/* -- Characters ------------------------------------------------------------------------------- */

/* The byte that a character stands for in byte-level BPE; -1: none. Bytes that print in Latin-1
 * are themselves; the others, in order, are U+0100, U+0101, ... (GPT-2's bytes_to_unicode()). */
static int byte_of(uint32_t code)
{
	if ((code > 32 && code < 127) || (code > 160 && code < 256 && code != 173))
		return (int)code;
	if (code < 256 || code > 256 + 67)
		return -1;
	code -= 256;
	return code <= 32 ? (int)code : code <= 66 ? (int)code + 127 - 33 : 173;
}

/* Do all of its characters stand for bytes? Puts these. */
static bool piece_bytes(char *to, size_t *n, const struct piece *x)
{
	uint32_t code;
	size_t k = 0;

	for (size_t i = 0, step; i < x->n; i += step, k++) {
		step = utf8_read(x->text + i, x->n - i, &code);
		int byte = step ? byte_of(code) : -1;
		if (byte < 0)
			return false;
		to[k] = (char)byte;
	}
	*n = k;
	return true;
}

static bool begins(const struct piece *x, const char *mark)
{
	size_t n = strlen(mark);

	return x->n >= n && memcmp(x->text, mark, n) == 0;
}

static bool ends(const struct piece *x, const char *mark)
{
	size_t n = strlen(mark);

	return x->n > n && memcmp(x->text + x->n - n, mark, n) == 0;
}

/* -- What strings look like ------------------------------------------------------------------- */

enum { SHARE = 50 };		/* one string of so many has the mark, where marks are used */

#define G_MARK "\xc4\xa0"		/* U+0120 */
#define SP_MARK "\xe2\x96\x81"		/* U+2581 */

struct looks {
	size_t strings, g, other_than_bytes, sp, hashes, suffix, spaces;
};

static struct looks look(const struct pieces *p, char *room)
{
	struct looks l = {0};
	size_t n;

	for (size_t i = 0; i < p->n; i++) {
		const struct piece *x = &p->item[i];
		if (!x->text || x->added)
			continue;
		l.strings++;
		l.g += begins(x, G_MARK);
		l.sp += begins(x, SP_MARK);
		l.hashes += begins(x, "##") && x->n > 2;
		l.suffix += ends(x, "</w>");
		l.other_than_bytes += !piece_bytes(room, &n, x);
		for (size_t k = 0; k < x->n; k++)
			if (strchr(" \t\n", x->text[k]) && x->text[k]) {
				l.spaces++;
				break;
			}
	}
	return l;
}

static bool many(size_t n, const struct looks *l)
{
	return n > 0 && n * SHARE >= l->strings;
}

/* What the strings look like is said where it changes them, and refused where it is not clear. */
static enum marks guess(struct pieces *p, char *room)
{
	static const char *const how[] = {"", "byte-level BPE", "sentencepiece", "WordPiece"};
	struct looks l = look(p, room);
	enum marks marks = MARKS_AUTO;
	size_t kinds = 0;
	bool is[] = {false, many(l.g, &l), many(l.sp, &l), many(l.hashes, &l)};

	p->suffix |= many(l.suffix, &l);
	for (size_t k = 1; k < sizeof is / sizeof *is; k++)
		if (is[k]) {
			marks = (enum marks)k;
			kinds++;
		}
	if (kinds > 1 || (marks == MARKS_BYTES && l.other_than_bytes * SHARE > l.strings))
		die("%s: its strings have marks of several kinds of tokenizer: --marks says which "
			"kind it is", p->path);
	if (marks)
		note("%s: its strings look like %s (--marks says otherwise)", p->path, how[marks]);
	return marks ? marks : l.spaces > 0 || p->suffix ? MARKS_NONE : MARKS_WORDS;
}

/* -- Texts ------------------------------------------------------------------------------------ */

/* Puts bytes, and \xNN for what is no character; returns where the next go. */
static char *put_text(char *to, const char *bytes, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t code;

	for (size_t i = 0, step; i < n; i += step) {
		unsigned char c = (unsigned char)bytes[i];
		step = utf8_read(bytes + i, n - i, &code);
		if (step > 0 && c != 0) {
			memcpy(to, bytes + i, step);
			to += step;
			continue;
		}
		step = 1;
		*to++ = '\\';
		*to++ = 'x';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return to;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
		: c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Puts a piece of sentencepiece in bytes: <0x0A> is one. Returns how many. */
static size_t unmark_spaces(char *to, const struct piece *x)
{
	size_t k = 0;

	if (x->n == 6 && !x->added && begins(x, "<0x") && x->text[5] == '>'
			&& digit(x->text[3]) >= 0 && digit(x->text[4]) >= 0) {
		*to = (char)(digit(x->text[3]) * 16 + digit(x->text[4]));
		return 1;
	}
	for (size_t i = 0; i < x->n; ) {
		struct piece rest = {x->text + i, x->n - i, false};
		bool mark = begins(&rest, SP_MARK);
		to[k++] = mark ? ' ' : x->text[i];
		i += mark ? strlen(SP_MARK) : 1;
	}
	return k;
}

/* Puts a piece as its bytes; `to` has room for one more than it has. Returns how many. */
static size_t unmark(char *to, struct piece x, enum marks marks, bool suffix)
{
	bool cut = suffix && !x.added && ends(&x, "</w>");
	size_t n = 0;

	x.n -= cut ? strlen("</w>") : 0;
	if (marks == MARKS_SENTENCEPIECE) {
		n = unmark_spaces(to, &x);
	} else if (marks != MARKS_BYTES || x.added || !piece_bytes(to, &n, &x)) {
		bool goes_on = marks == MARKS_WORDPIECE && begins(&x, "##") && x.n > 2;
		bool word = marks == MARKS_WORDS || (marks == MARKS_WORDPIECE && !goes_on);
		if (word)
			to[n++] = ' ';
		memcpy(to + n, x.text + 2 * goes_on, x.n - 2 * goes_on);
		n += x.n - 2 * goes_on;
	}
	if (cut)
		to[n++] = ' ';
	return n;
}

static void make_texts(struct vocab *v, const struct pieces *p, char *room)
{
	size_t used = 0, have = 0;

	v->begin = xalloc(v->n, sizeof *v->begin);
	for (size_t i = 0; i < v->n; i++) {
		v->begin[i] = SIZE_MAX;
		if (!p->item[i].text)
			continue;
		size_t n = unmark(room, p->item[i], v->marks, p->suffix);
		if (used + 4 * n + 1 > have) {
			have = 2 * (used + 4 * n + 1);
			v->bytes = xrealloc(v->bytes, have, 1);
		}
		v->begin[i] = used;
		char *end = put_text(v->bytes + used, room, n);
		*end = '\0';
		used = (size_t)(end + 1 - v->bytes);
		v->strings++;
	}
}

struct vocab vocab_open(const char *path, enum marks marks)
{
	struct table file = table_open(path);
	struct pieces p = {.path = path};
	size_t longest = 0;

	if (!file.rest)
		die("%s: no strings", path);
	p.most = strlen(file.rest) + IDS_FREE;
	if (looks_like_json(file.rest))
		read_json(&p, file.rest);
	else
		read_lines(&p, file.rest);
	for (size_t i = 0; i < p.n; i++)
		longest = p.item[i].n > longest ? p.item[i].n : longest;
	char *room = xalloc(longest + 1, 1);
	struct vocab v = {.path = path, .n = p.n, .marks = marks ? marks : p.marks};
	if (!v.marks)
		v.marks = guess(&p, room);
	make_texts(&v, &p, room);
	free(room);
	free(p.item);
	table_close(&file);
	return v;
}

void vocab_close(struct vocab *v)
{
	free(v->begin);
	free(v->bytes);
	*v = (struct vocab){0};
}

const char *vocab_text(const struct vocab *v, uint32_t id)
{
	return id < v->n && v->begin[id] != SIZE_MAX ? v->bytes + v->begin[id] : NULL;
}
