/* Changes of files that leave the lengths, checksums and directories around them right. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Alters the bytes from a to b alone, in place: how many there are then. */
static size_t change_between(uint8_t *bytes, size_t *n, size_t most, size_t a, size_t b)
{
	static uint8_t tail[ROOM];
	size_t left = *n - b;

	memcpy(tail, bytes + b, left);
	size_t now = change_bytes(bytes + a, b - a, most - left - a);
	memcpy(bytes + a + now, tail, left);
	*n = a + now + left;
	return now;
}

static void put_integer(uint8_t *to, uint64_t x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(x >> 8 * i);
}

static uint32_t crc(const uint8_t *bytes, size_t n)
{
	static uint32_t table[256];
	uint32_t x = UINT32_MAX;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < n; i++)
		x = table[(x ^ bytes[i]) & 255] ^ x >> 8;
	return ~x;
}

static size_t change_simple(uint8_t *bytes, size_t n, size_t most);

/* -- Zip archives ------------------------------------------------------------------------------ */

enum { ENTRY = 46, LOCAL = 30, END = 22, MEMBERS = 64 };

struct member {
	const uint8_t *name, *bytes;
	size_t name_length, n, whole;	/* bytes as they stand, and unpacked */
	uint32_t crc;
	uint8_t method;
};

static uint64_t integer_at(const uint8_t *from, size_t n)
{
	uint64_t x = 0;

	for (size_t i = n; i > 0; i--)
		x = x << 8 | from[i - 1];
	return x;
}

/* The members of a plain archive without a comment; 0: it is none. */
static size_t find_members(struct member m[MEMBERS], const uint8_t *bytes, size_t n)
{
	size_t members = 0;

	if (n < END || memcmp(bytes + n - END, "PK\5\6", 4) != 0)
		return 0;
	for (size_t at = integer_at(bytes + n - 6, 4); at < n - END; members++) {
		const uint8_t *e = bytes + at;
		if (members == MEMBERS || n - at < ENTRY || memcmp(e, "PK\1\2", 4) != 0)
			return 0;
		size_t name = integer_at(e + 28, 2), local = integer_at(e + 42, 4);
		at += ENTRY + name + integer_at(e + 30, 2) + integer_at(e + 32, 2);
		if (at > n || local > n - LOCAL)
			return 0;
		size_t from = local + LOCAL + integer_at(bytes + local + 26, 2)
			+ integer_at(bytes + local + 28, 2);
		m[members] = (struct member){e + ENTRY, bytes + from, name, integer_at(e + 20, 4),
			integer_at(e + 24, 4), (uint32_t)integer_at(e + 16, 4), e[10]};
		if (from > n || m[members].n > n - from)
			return 0;
	}
	return members;
}

/* Appends a member, and its entry to the directory. */
static size_t put_member(uint8_t *to, size_t n, uint8_t *directory, size_t *d,
	const struct member *m)
{
	uint8_t head[LOCAL - 4] = {20, 0, 0, 0, m->method};

	put_integer(head + 10, m->crc, 4);
	put_integer(head + 14, m->n, 4);
	put_integer(head + 18, m->whole, 4);
	put_integer(head + 22, m->name_length, 2);
	memcpy(directory + *d, "PK\1\2\24", 6);
	memcpy(directory + *d + 6, head, LOCAL - 4);
	memset(directory + *d + 32, 0, 14);
	put_integer(directory + *d + 42, n, 4);
	memcpy(directory + *d + ENTRY, m->name, m->name_length);
	*d += ENTRY + m->name_length;
	memcpy(to + n, "PK\3\4", 4);
	memcpy(to + n + 4, head, LOCAL - 4);
	memcpy(to + n + LOCAL, m->name, m->name_length);
	memcpy(to + n + LOCAL + m->name_length, m->bytes, m->n);
	return n + LOCAL + m->name_length + m->n;
}

/* One member gets another name, other bytes, or other numbers in its entry. */
static void change_member(struct member *m, size_t most)
{
	static uint8_t name[256], body[ROOM];

	switch (below(12)) {
	case 0:
		m->name_length = m->name_length < 200 ? m->name_length : 200;
		memcpy(name, m->name, m->name_length);
		m->name_length = change_bytes(name, m->name_length, sizeof name);
		m->name = name;
		return;
	case 1:
		m->whole = (size_t)some_integer() & UINT32_MAX;
		return;
	case 2:
		m->method = (uint8_t)(below(2) ? 8u - m->method : below(256));
		return;
	}
	memcpy(body, m->bytes, m->n);
	m->n = m->method == 0 ? change_simple(body, m->n, m->n + most)
		: change_bytes(body, m->n, m->n + most);
	m->bytes = body;
	if (m->method == 0) {
		m->whole = m->n;
		m->crc = crc(body, m->n);
	}
}

/* An archive stays whole, with one of its members changed; false: not one that can be read. */
static bool change_zip(uint8_t *bytes, size_t *n, size_t most)
{
	static uint8_t out[2 * ROOM], directory[ROOM];
	struct member m[MEMBERS];
	size_t to = 0, d = 0, members = find_members(m, bytes, *n);
	uint8_t end[END] = "PK\5\6";

	if (members == 0)
		return false;
	size_t least = END + 512;
	for (size_t i = 0; i < members; i++)
		least += ENTRY + LOCAL + 2 * m[i].name_length + m[i].n;
	if (least >= most || least >= ROOM)
		return false;
	change_member(&m[below(members)], most - least);
	for (size_t i = 0; i < members; i++)
		to = put_member(out, to, directory, &d, &m[i]);
	put_integer(end + 8, members, 2);
	put_integer(end + 10, members, 2);
	put_integer(end + 12, d, 4);
	put_integer(end + 16, to, 4);
	if (to + d + END > most)
		return false;
	memcpy(bytes, out, to);
	memcpy(bytes + to, directory, d);
	memcpy(bytes + to + d, end, END);
	*n = to + d + END;
	return true;
}

/* The length that stands before a header of text stays right. */
static size_t change_simple(uint8_t *bytes, size_t n, size_t most)
{
	uint64_t length = 0;

	if (n > 10 && memcmp(bytes, "\x93NUMPY\1", 7) == 0 && below(4)
			&& 10 + (length = bytes[8] | (size_t)bytes[9] << 8) <= n) {
		put_integer(bytes + 8, change_between(bytes, &n, most, 10, 10 + length), 2);
		return n;
	}
	if (n > 8)
		memcpy(&length, bytes, 8);
	if (n > 9 && bytes[8] == '{' && length <= n - 8 && below(4)) {
		put_integer(bytes, change_between(bytes, &n, most, 8, 8 + length), 8);
		return n;
	}
	return change_bytes(bytes, n, most);
}

static bool is_stream(const uint8_t *bytes)
{
	return *bytes == 0xc7 || *bytes == 0xc8 || *bytes == 0xc9;
}

size_t change_file(uint8_t *bytes, size_t n, size_t most)
{
	size_t kind = below(8);

	if (n > 4 && memcmp(bytes, "PK", 2) == 0 && kind > 0 && change_zip(bytes, &n, most))
		return n;
	if (n > 4 && is_stream(bytes) && kind > 0)
		return change_stream(bytes, n, most);
	if (n > 1 && (*bytes == '{' || *bytes == '[') && kind > 3)
		return change_json(bytes, n, most);
	return change_simple(bytes, n, most);
}

size_t change_input(uint8_t *bytes, size_t n, size_t most)
{
	static uint8_t file[ROOM], out[ROOM];
	struct input in;

	if (most > ROOM)
		most = ROOM;
	if (!input_unpack(&in, bytes, n))
		return n;
	struct part *p = &in.part[below(4) ? 0 : below(in.parts)];
	size_t others = n - p->n + PARTS * (sizeof p->name + 24);
	if (strcmp(p->name, "args") == 0 || others > most || p->n > most - others)
		return n;
	memcpy(file, p->bytes, p->n);
	p->n = change_file(file, p->n, most - others);
	p->bytes = file;
	size_t now = input_pack(out, most, &in);
	if (now == 0)
		return n;
	memcpy(bytes, out, now);
	return now;
}
