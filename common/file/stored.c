/* PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5. */
#include "file/stored.h"

#include "base/die.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { END = 22, END64 = 56, LOCATOR = 20, ENTRY = 46, LOCAL = 30, COMMENT_MOST = 65535 };

static uint64_t number(const char *at, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)(unsigned char)at[i] << 8 * i;
	return x;
}

static bool is(const char *at, const char *signature)
{
	return memcmp(at, signature, 4) == 0;
}

/* The record at the end, behind which is only its comment; NULL: there is none. */
static const char *end_of(const char *bytes, size_t n)
{
	for (size_t comment = 0; comment <= COMMENT_MOST && comment + END <= n; comment++) {
		const char *at = bytes + n - END - comment;
		if (is(at, "PK\5\6") && number(at + 20, 2) == comment)
			return at;
	}
	return NULL;
}

/* Where the directory lies in the n bytes, how many bytes and how many members it has. */
static bool directory(const char *bytes, size_t n, uint64_t *at, uint64_t *size, uint64_t *members)
{
	const char *end = end_of(bytes, n);

	if (!end)
		return false;
	*members = number(end + 10, 2);
	*size = number(end + 12, 4);
	*at = number(end + 16, 4);
	if (end - bytes >= LOCATOR && is(end - LOCATOR, "PK\6\7")) {
		uint64_t at64 = number(end - LOCATOR + 8, 8);
		if (at64 > n || n - at64 < END64 || !is(bytes + at64, "PK\6\6"))
			return false;
		*members = number(bytes + at64 + 32, 8);
		*size = number(bytes + at64 + 40, 8);
		*at = number(bytes + at64 + 48, 8);
	}
	return *at <= n && *size <= n - *at;
}

/* The numbers of an entry that its 4 bytes have no room for stand in an extra field, in order. */
static bool extend(const char *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *local)
{
	uint64_t *x[] = {size, packed, local};
	size_t id = 0, length = 0;

	for (; n >= 4; extra += 4 + length, n -= 4 + length) {
		id = (size_t)number(extra, 2);
		length = (size_t)number(extra + 2, 2);
		if (length > n - 4)
			return false;
		if (id == 1)
			break;
	}
	if (id != 1)
		length = 0;
	for (size_t i = 0, from = 4; i < 3; i++)
		if (*x[i] == UINT32_MAX) {
			if (from + 8 > 4 + length)
				return false;
			*x[i] = number(extra + from, 8);
			from += 8;
		}
	return true;
}

/* Where a member's bytes begin: its header in front of them has lengths of its own. */
static bool locate(struct stored_member *m, const char *bytes, size_t n, uint64_t local,
	uint64_t size)
{
	if (local > n || n - local < LOCAL || !is(bytes + local, "PK\3\4"))
		return false;
	uint64_t at = local + LOCAL + number(bytes + local + 26, 2)
		+ number(bytes + local + 28, 2);
	if (at > n || size > n - at)
		return false;
	m->bytes = bytes + at;
	return true;
}

/* One entry of the directory at `at`, of which `left` bytes are left: its length, 0 for none. */
static size_t entry(struct stored_member *m, const char *bytes, size_t n, const char *at,
	uint64_t left)
{
	if (left < ENTRY || !is(at, "PK\1\2"))
		return 0;
	uint64_t packed = number(at + 20, 4), size = number(at + 24, 4);
	uint64_t local = number(at + 42, 4);
	size_t name = (size_t)number(at + 28, 2), extra = (size_t)number(at + 30, 2);
	size_t length = ENTRY + name + extra + (size_t)number(at + 32, 2);
	if (length > left || !extend(at + ENTRY + name, extra, &size, &packed, &local))
		return 0;
	*m = (struct stored_member){at + ENTRY, name, NULL, (size_t)size};
	bool plain = number(at + 10, 2) == 0 && !(number(at + 8, 2) & 1) && packed == size;
	return !plain || locate(m, bytes, n, local, size) ? length : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct stored_member *x = a, *y = b;
	size_t n = x->name_length < y->name_length ? x->name_length : y->name_length;
	int order = memcmp(x->name, y->name, n);

	return order ? order
		: (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

bool stored_open(struct stored *s, const char *bytes, size_t n)
{
	uint64_t at, size, members;
	size_t room = 0, length;

	*s = (struct stored){0};
	if (!directory(bytes, n, &at, &size, &members))
		return false;
	for (const char *e = bytes + at; size > 0; e += length, size -= length) {
		if (s->members == room) {
			room = room ? 2 * room : 64;
			s->member = xrealloc(s->member, room, sizeof *s->member);
		}
		if (!(length = entry(&s->member[s->members], bytes, n, e, size))) {
			stored_close(s);
			return false;
		}
		s->members++;
	}
	if (s->members > 0)
		qsort(s->member, s->members, sizeof *s->member, by_name);
	return s->members == members;
}

void stored_close(struct stored *s)
{
	free(s->member);
	*s = (struct stored){0};
}

const struct stored_member *stored_find(const struct stored *s, const char *name)
{
	struct stored_member wanted = {.name = name, .name_length = strlen(name)};

	return s->members == 0 ? NULL
		: bsearch(&wanted, s->member, s->members, sizeof *s->member, by_name);
}

const struct stored_member *stored_twice(const struct stored *s)
{
	for (size_t i = 1; i < s->members; i++)
		if (by_name(&s->member[i - 1], &s->member[i]) == 0)
			return &s->member[i];
	return NULL;
}
