#include "file/pickle.h"

#include "base/die.h"

#include <stdlib.h>
#include <string.h>

/* Some millions of tensors would need more. A value takes 48 bytes. */
enum { BYTES_MOST = 1 << 26, VALUES_MOST = 1 << 20 };
#define MARK UINT32_MAX

struct machine {
	const char *name;
	const unsigned char *begin, *at, *end;
	struct pickle p;
	size_t room;
	uint32_t *stack, *memo;		/* MARK in the memo: not set */
	size_t depth, stack_room, memos;
};

static _Noreturn void die_at(const struct machine *m, const char *what)
{
	die("%s: a pickle that cannot be read: %s at byte %td", m->name, what, m->at - m->begin);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

static const unsigned char *take(struct machine *m, uint64_t n)
{
	const unsigned char *at = m->at;

	if (n > (size_t)(m->end - at))
		die_at(m, "cut short");
	m->at += n;
	return at;
}

/* n <= 8 bytes, little-endian. */
static uint64_t take_number(struct machine *m, size_t n)
{
	const unsigned char *at = take(m, n);
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)at[i] << 8 * i;
	return x;
}

/* -- Values ------------------------------------------------------------------------------------ */

static uint32_t new_value(struct machine *m, enum pickle_kind kind)
{
	struct pickle *p = &m->p;

	if (p->values == VALUES_MOST)
		die_at(m, "more than 1048576 values");
	if (p->values == m->room) {
		m->room = m->room ? 2 * m->room : 256;
		p->value = xrealloc(p->value, m->room, sizeof *p->value);
	}
	p->value[p->values] = (struct pickle_value){.kind = kind};
	return p->values++;
}

static void push(struct machine *m, uint32_t v)
{
	if (m->depth == m->stack_room) {
		m->stack_room = m->stack_room ? 2 * m->stack_room : 256;
		m->stack = xrealloc(m->stack, m->stack_room, sizeof *m->stack);
	}
	m->stack[m->depth++] = v;
}

static uint32_t push_new(struct machine *m, enum pickle_kind kind)
{
	uint32_t v = new_value(m, kind);

	push(m, v);
	return v;
}

/* The same; the pointer until the next. */
static struct pickle_value *pushed(struct machine *m, enum pickle_kind kind)
{
	uint32_t v = push_new(m, kind);

	return &m->p.value[v];
}

static uint32_t top(const struct machine *m)
{
	if (m->depth == 0 || m->stack[m->depth - 1] == MARK)
		die_at(m, "an empty stack");
	return m->stack[m->depth - 1];
}

static uint32_t pop(struct machine *m)
{
	uint32_t v = top(m);

	m->depth--;
	return v;
}

/* What lies above the last mark: how many; the mark is taken. */
static size_t marked(struct machine *m, const uint32_t **item)
{
	size_t n = 0;

	while (n < m->depth && m->stack[m->depth - 1 - n] != MARK)
		n++;
	if (n == m->depth)
		die_at(m, "no mark");
	m->depth -= n + 1;
	*item = m->stack + m->depth + 1;
	return n;
}

/* Items that n of them have room for. */
static size_t room_of(size_t n)
{
	size_t room = 4;

	while (room < n)
		room *= 2;
	return room;
}

static void add(struct machine *m, uint32_t to, const uint32_t *item, size_t n)
{
	struct pickle_value *v = &m->p.value[to];
	size_t room = room_of(v->items + n);

	if (n == 0)
		return;
	if (v->items == 0 || room > room_of(v->items))
		v->item = xrealloc(v->item, room, sizeof *v->item);
	memcpy(v->item + v->items, item, n * sizeof *item);
	v->items += (uint32_t)n;
}

/* Pairs into a map, or into what an object holds. */
static void set(struct machine *m, uint32_t to, const uint32_t *item, size_t n)
{
	if (n % 2 != 0)
		die_at(m, "a key without a value");
	if (m->p.value[to].kind == PICKLE_OBJECT) {
		uint32_t map = m->p.value[to].map;
		if (!map) {
			map = new_value(m, PICKLE_MAP);
			m->p.value[to].map = map;
		}
		to = map;
	}
	if (m->p.value[to].kind != PICKLE_MAP)
		die_at(m, "a key in what is no map");
	add(m, to, item, n);
}

/* Objects that are lists keep what they are made of only. */
static void append(struct machine *m, uint32_t to, const uint32_t *item, size_t n)
{
	if (m->p.value[to].kind == PICKLE_OBJECT)
		return;
	if (m->p.value[to].kind != PICKLE_LIST)
		die_at(m, "an item in what is no list");
	add(m, to, item, n);
}

/* -- Opcodes: each function is false for those that it does not know --------------------------- */

static void push_integer(struct machine *m, enum pickle_kind kind, int64_t x)
{
	pushed(m, kind)->integer = x;
}

static void push_long(struct machine *m, size_t n)
{
	if (n > 8) {
		take(m, n);
		push_new(m, PICKLE_OPAQUE);
		return;
	}
	uint64_t x = take_number(m, n);
	if (n > 0 && n < 8 && x >> (8 * n - 1))
		x |= UINT64_MAX << 8 * n;
	push_integer(m, PICKLE_INT, (int64_t)x);
}

static void push_double(struct machine *m)
{
	const unsigned char *at = take(m, 8);
	uint64_t bits = 0;
	double x;

	for (size_t i = 0; i < 8; i++)		/* big-endian */
		bits = bits << 8 | at[i];
	memcpy(&x, &bits, 8);
	pushed(m, PICKLE_FLOAT)->real = x;
}

static void push_text(struct machine *m, enum pickle_kind kind, uint64_t n)
{
	const unsigned char *at = take(m, n);
	struct pickle_value *v = pushed(m, kind);

	v->text.at = (const char *)at;
	v->text.n = (size_t)n;
}

static bool scalar(struct machine *m, unsigned char op)
{
	switch (op) {
	case 'N': push_new(m, PICKLE_NONE); return true;
	case 0x88: push_integer(m, PICKLE_BOOL, 1); return true;
	case 0x89: push_integer(m, PICKLE_BOOL, 0); return true;
	case 'K': push_integer(m, PICKLE_INT, (int64_t)take_number(m, 1)); return true;
	case 'M': push_integer(m, PICKLE_INT, (int64_t)take_number(m, 2)); return true;
	case 'J': push_integer(m, PICKLE_INT, (int32_t)take_number(m, 4)); return true;
	case 0x8a: push_long(m, (size_t)take_number(m, 1)); return true;
	case 'G': push_double(m); return true;
	case 'X': push_text(m, PICKLE_TEXT, take_number(m, 4)); return true;
	case 0x8c: push_text(m, PICKLE_TEXT, take_number(m, 1)); return true;
	case 0x8d: push_text(m, PICKLE_TEXT, take_number(m, 8)); return true;
	case 'B': push_text(m, PICKLE_OPAQUE, take_number(m, 4)); return true;
	case 'C': push_text(m, PICKLE_OPAQUE, take_number(m, 1)); return true;
	}
	return false;
}

/* The last n of the stack as one. */
static void push_last(struct machine *m, enum pickle_kind kind, size_t n)
{
	uint32_t item[3];

	for (size_t i = n; i-- > 0; )
		item[i] = pop(m);
	uint32_t v = push_new(m, kind);
	add(m, v, item, n);
}

static void push_marked(struct machine *m, enum pickle_kind kind)
{
	const uint32_t *item;
	size_t n = marked(m, &item);
	uint32_t v = new_value(m, kind);

	if (kind == PICKLE_MAP)
		set(m, v, item, n);
	else
		add(m, v, item, n);
	push(m, v);
}

static bool container(struct machine *m, unsigned char op)
{
	const uint32_t *item;
	uint32_t last[2];
	size_t n;

	switch (op) {
	case ']': case 0x8f: push_new(m, PICKLE_LIST); return true;
	case '}': push_new(m, PICKLE_MAP); return true;
	case ')': push_new(m, PICKLE_TUPLE); return true;
	case 't': push_marked(m, PICKLE_TUPLE); return true;
	case 'l': push_marked(m, PICKLE_LIST); return true;
	case 'd': push_marked(m, PICKLE_MAP); return true;
	case 0x85: push_last(m, PICKLE_TUPLE, 1); return true;
	case 0x86: push_last(m, PICKLE_TUPLE, 2); return true;
	case 0x87: push_last(m, PICKLE_TUPLE, 3); return true;
	case 'a':
		last[0] = pop(m);
		append(m, top(m), last, 1);
		return true;
	case 'e': case 0x90:
		n = marked(m, &item);
		append(m, top(m), item, n);
		return true;
	case 's':
		last[1] = pop(m);
		last[0] = pop(m);
		set(m, top(m), last, 2);
		return true;
	case 'u':
		n = marked(m, &item);
		set(m, top(m), item, n);
		return true;
	}
	return false;
}

static void remember(struct machine *m, uint64_t at)
{
	uint32_t v = top(m);

	if (at >= VALUES_MOST)
		die_at(m, "a memo of more than 1048576 values");
	if (at >= m->memos) {
		size_t room = at < 1024 ? 1024 : 2 * (size_t)at;
		m->memo = xrealloc(m->memo, room, sizeof *m->memo);
		while (m->memos < room)
			m->memo[m->memos++] = MARK;
	}
	m->memo[at] = v;
}

/* MEMOIZE: at the first place that is free; they are taken in order. */
static void remember_next(struct machine *m, size_t *next)
{
	while (*next < m->memos && m->memo[*next] != MARK)
		++*next;
	remember(m, *next);
}

static void recall(struct machine *m, uint64_t at)
{
	if (at >= m->memos || m->memo[at] == MARK)
		die_at(m, "an empty place of the memo");
	push(m, m->memo[at]);
}

static bool stack(struct machine *m, unsigned char op, size_t *next)
{
	const uint32_t *item;

	switch (op) {
	case 0x80: take(m, 1); return true;
	case 0x95: take(m, 8); return true;
	case '(': push(m, MARK); return true;
	case '0':
		if (m->depth == 0)
			die_at(m, "an empty stack");
		m->depth--;
		return true;
	case '1': marked(m, &item); return true;
	case '2': push(m, top(m)); return true;
	case 'q': remember(m, take_number(m, 1)); return true;
	case 'r': remember(m, take_number(m, 4)); return true;
	case 0x94: remember_next(m, next); return true;
	case 'h': recall(m, take_number(m, 1)); return true;
	case 'j': recall(m, take_number(m, 4)); return true;
	}
	return false;
}

/* Up to the end of the line. */
static void push_line(struct machine *m)
{
	const unsigned char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));

	if (!end)
		die_at(m, "cut short");
	push_text(m, PICKLE_TEXT, (uint64_t)(end - m->at));
	take(m, 1);
}

/* OrderedDict() is a map; what else is made by a call stays an object. */
static void push_call(struct machine *m)
{
	uint32_t item[2];

	item[1] = pop(m);
	item[0] = pop(m);
	if (pickle_is_global(&m->p, item[0], "collections", "OrderedDict")
			&& m->p.value[item[1]].kind == PICKLE_TUPLE
			&& m->p.value[item[1]].items == 0) {
		push_new(m, PICKLE_MAP);
		return;
	}
	uint32_t v = push_new(m, PICKLE_OBJECT);
	add(m, v, item, 2);
}

/* The state of an object, or the first of a pair of states, unless it has items. What a map has
 * beside its items, as state_dict()'s _metadata, is left out. */
static void build(struct machine *m)
{
	uint32_t state = pop(m);
	struct pickle_value *to = &m->p.value[top(m)], *s = &m->p.value[state];

	if (s->kind == PICKLE_TUPLE && s->items > 0) {
		state = s->item[0];
		s = &m->p.value[state];
	}
	if (to->kind == PICKLE_OBJECT && !to->map && s->kind == PICKLE_MAP)
		to->map = state;
}

static bool object(struct machine *m, unsigned char op)
{
	switch (op) {
	case 'c':
		push_line(m);
		push_line(m);
		push_last(m, PICKLE_GLOBAL, 2);
		return true;
	case 0x93: push_last(m, PICKLE_GLOBAL, 2); return true;
	case 'Q': push_last(m, PICKLE_STORED, 1); return true;
	case 'R': case 0x81: push_call(m); return true;
	case 'b': build(m); return true;
	}
	return false;
}

/* -- All of it --------------------------------------------------------------------------------- */

struct pickle pickle_read(const char *name, const void *bytes, size_t n)
{
	struct machine m = {.name = name, .begin = bytes, .at = bytes};
	size_t next = 0;
	unsigned char op;

	if (n > BYTES_MOST)
		die("%s: a pickle of %zu bytes: 67108864 are read", name, n);
	m.end = m.at + n;
	while ((op = *take(&m, 1)) != '.') {
		if (stack(&m, op, &next) || scalar(&m, op) || container(&m, op) || object(&m, op))
			continue;
		m.at--;
		die("%s: a pickle with opcode 0x%02x at byte %td, which torch.save does not use",
			name, op, m.at - m.begin);
	}
	m.p.root = pop(&m);
	free(m.stack);
	free(m.memo);
	return m.p;
}

void pickle_free(struct pickle *p)
{
	for (uint32_t i = 0; i < p->values; i++)
		free(p->value[i].item);
	free(p->value);
}

bool pickle_is_text(const struct pickle *p, uint32_t v, const char *text)
{
	const struct pickle_value *t = &p->value[v];

	return t->kind == PICKLE_TEXT && t->text.n == strlen(text)
		&& memcmp(t->text.at, text, t->text.n) == 0;
}

bool pickle_is_global(const struct pickle *p, uint32_t v, const char *module, const char *name)
{
	const struct pickle_value *g = &p->value[v];

	return g->kind == PICKLE_GLOBAL && pickle_is_text(p, g->item[0], module)
		&& pickle_is_text(p, g->item[1], name);
}
