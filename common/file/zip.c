/* PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5. */
#include "file/zip.h"

#include "base/die.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	END = 22, END64 = 56, LOCATOR = 20, ENTRY = 46, LOCAL = 30, COMMENT_MOST = 65535,
	ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13,	/* flags */
	STORED = 0, DEFLATED = 8,		/* methods */
	RATIO_MOST = 1100,			/* deflate cannot pack more tightly */
	PART = 1 << 17				/* bytes that stay in a cache */
};

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
	return *at <= (size_t)(end - bytes) && *size <= (size_t)(end - bytes) - *at;
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

/* Where a member's bytes begin: its header in front of them repeats the name, and has an extra
 * field of its own. */
static bool locate(struct zip_member *m, const char *bytes, uint64_t n, uint64_t header)
{
	if (header > n || n - header < LOCAL || !is(bytes + header, "PK\3\4"))
		return false;
	const char *at = bytes + header;
	uint64_t name = number(at + 26, 2), front = LOCAL + name + number(at + 28, 2);
	m->header = at;
	m->packed = at + front;
	return front <= n - header && m->packed_n <= n - header - front
		&& number(at + 8, 2) == m->method && name == m->name_length
		&& memcmp(at + LOCAL, m->name, name) == 0 && !memchr(m->name, 0, name);
}

/* One entry of the directory at `at`, of which `left` bytes are left, of an archive whose members
 * have n bytes: its length, 0 for none. */
static size_t entry(struct zip_member *m, const char *bytes, uint64_t n, const char *at,
	uint64_t left)
{
	if (left < ENTRY || !is(at, "PK\1\2"))
		return 0;
	uint64_t packed = number(at + 20, 4), size = number(at + 24, 4);
	uint64_t header = number(at + 42, 4);
	size_t name = (size_t)number(at + 28, 2), extra = (size_t)number(at + 30, 2);
	size_t length = ENTRY + name + extra + (size_t)number(at + 32, 2);
	if (length > left || !extend(at + ENTRY + name, extra, &size, &packed, &header))
		return 0;
	*m = (struct zip_member){
		.name = at + ENTRY, .name_length = name, .n = size, .packed_n = packed,
		.crc = (uint32_t)number(at + 16, 4), .method = (unsigned)number(at + 10, 2),
		.encrypted = number(at + 8, 2) & ENCRYPTED,
	};
	if (!locate(m, bytes, n, header))
		return 0;
	if (m->method == STORED && !m->encrypted)
		m->bytes = m->packed;
	return m->bytes && packed != size ? 0 : length;
}

static int by_name(const void *a, const void *b)
{
	const struct zip_member *x = *(const struct zip_member *const *)a;
	const struct zip_member *y = *(const struct zip_member *const *)b;
	size_t n = x->name_length < y->name_length ? x->name_length : y->name_length;
	int order = memcmp(x->name, y->name, n);

	return order ? order
		: (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

static int by_place(const void *a, const void *b)
{
	const struct zip_member *x = *(const struct zip_member *const *)a;
	const struct zip_member *y = *(const struct zip_member *const *)b;

	return (x->header > y->header) - (x->header < y->header);
}

/* Sorts the members. Those that share bytes, by which a small file could hold any number of arrays,
 * or a name are refused. */
static bool sort(struct zip *s)
{
	const struct zip_member **m = s->by_name = xalloc(s->members + 1, sizeof *m);

	for (size_t i = 0; i < s->members; i++)
		m[i] = &s->member[i];
	qsort(m, s->members, sizeof *m, by_place);
	for (size_t i = 1; i < s->members && !s->wrong; i++)
		if (m[i - 1]->packed + m[i - 1]->packed_n > m[i]->header)
			s->wrong = xasprintf("two members overlap");
	qsort(m, s->members, sizeof *m, by_name);
	for (size_t i = 1; i < s->members && !s->wrong; i++)
		if (by_name(&m[i - 1], &m[i]) == 0)
			s->wrong = xasprintf("two members are named %.*s", (int)m[i]->name_length,
				m[i]->name);
	return !s->wrong;
}

bool zip_open(struct zip *s, const char *bytes, size_t n)
{
	uint64_t at, size, members;
	size_t room = 0, length = 1;

	*s = (struct zip){0};
	if (!directory(bytes, n, &at, &size, &members)) {
		s->wrong = xasprintf("no directory at its end: cut short?");
		return false;
	}
	for (const char *e = bytes + at; size > 0 && length > 0; e += length, size -= length) {
		if (s->members == room) {
			room = room ? 2 * room : 64;
			s->member = xrealloc(s->member, room, sizeof *s->member);
		}
		length = entry(&s->member[s->members], bytes, at, e, size);
		s->members += length > 0;
	}
	if (size > 0 || s->members != members)
		s->wrong = xasprintf("its directory is damaged");
	return !s->wrong && sort(s);
}

void zip_close(struct zip *s)
{
	free(s->member);
	free(s->by_name);
	free(s->wrong);
	*s = (struct zip){0};
}

const struct zip_member *zip_find(const struct zip *s, const char *name)
{
	const struct zip_member wanted = {.name = name, .name_length = strlen(name)}, *w = &wanted;
	const struct zip_member **found = s->members == 0 ? NULL
		: bsearch(&w, s->by_name, s->members, sizeof *s->by_name, by_name);

	return found ? *found : NULL;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* As many of n bytes as come at once. */
static size_t inflate_some(struct zip_reader *r, void *to, size_t n)
{
	z_stream *z = &r->z;
	size_t most = n < PART ? n : PART;
	int status = Z_OK;

	z->next_out = to;
	z->avail_out = (uInt)most;
	while (status == Z_OK && z->avail_out > 0) {
		if (z->avail_in == 0) {
			z->avail_in = r->packed_left < UINT_MAX ? (uInt)r->packed_left : UINT_MAX;
			r->packed_left -= z->avail_in;
		}
		status = inflate(z, Z_NO_FLUSH);
	}
	if (status == Z_MEM_ERROR)
		die("%s: out of memory", r->name);
	if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
		die("%s: damaged: %s", r->name, z->msg ? z->msg : "not what deflate writes");
	return most - z->avail_out;
}

/* Behind the last byte. */
static void check_end(struct zip_reader *r)
{
	if (!r->member->bytes && (inflate_some(r, (char[1]){0}, 1) > 0 || r->z.avail_in > 0
			|| r->packed_left > 0))
		die("%s: damaged: more bytes than the %zu that its entry says", r->name,
			r->member->n);
	if (r->crc != r->member->crc)
		die("%s: damaged: not the checksum that its entry says", r->name);
	inflateEnd(&r->z);
}

struct zip_reader *zip_reader_open(const struct zip_member *m, char *name)
{
	struct zip_reader *r = xcalloc(1, sizeof *r);

	r->name = name;
	r->member = m;
	r->left = m->n;
	r->packed_left = m->packed_n;
	if (m->encrypted)
		die("%s: encrypted", name);
	if (m->method != STORED && m->method != DEFLATED)
		die("%s: packed by method %u of zip: stored (0) and deflated (8) can be read",
			name, m->method);
	if (m->n / RATIO_MOST > m->packed_n)
		die("%s: claims to unpack to %zu bytes", name, m->n);
	r->z.next_in = (Bytef *)m->packed;
	if (!m->bytes && inflateInit2(&r->z, -MAX_WBITS) != Z_OK)
		die("%s: out of memory", name);
	if (m->n == 0)
		check_end(r);
	return r;
}

void zip_reader_close(struct zip_reader *r)
{
	inflateEnd(&r->z);
	free(r->part);
	free(r->name);
	free(r);
}

const char *zip_next(struct zip_reader *r, size_t n)
{
	const char *bytes = r->member->bytes;

	if (n > r->left)
		die("%s: cut short", r->name);
	if (bytes)
		bytes += r->member->n - r->left;
	else
		bytes = r->part = xrealloc(r->part, n, 1);
	for (size_t at = 0, some; at < n; at += some) {
		some = r->member->bytes ? n : inflate_some(r, r->part + at, n - at);
		if (some == 0)
			die("%s: damaged: fewer bytes than the %zu that its entry says", r->name,
				r->member->n);
		r->crc = crc32_z(r->crc, (const Bytef *)bytes + at, some);
	}
	r->left -= n;
	if (n > 0 && r->left == 0)
		check_end(r);
	return bytes;
}
