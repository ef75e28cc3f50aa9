/* PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5; NumPy's NEP 1 for a .npy. */
#include "file/npz_writer.h"

#include "base/die.h"
#include "base/standard.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
	MEMBERS_MOST = UINT16_MAX - 1,
	NPY_HEADER = 10, NPY_ALIGN = 64,
	PLAIN = 20, ZIP64 = 45,		/* versions that are needed to read it */
	UTF8 = 1 << 11,			/* flag: of names */
	DATE = 1 << 5 | 1		/* 1980-01-01: the same input makes the same bytes */
};

struct member {
	char *name;
	uint64_t size, at;
	uint32_t crc;
};

struct npz_writer {
	bool writing;			/* or looking at the bytes before */
	uint64_t size, at;		/* of the member's bytes; of the file so far */
	uLong crc;
	struct member *member;
	size_t members, room;
};

struct npz_writer *npz_writer_open(void)
{
	if (isatty(STDOUT_FILENO))
		die_with(2, "stdout is a terminal: send the .npz to a file");
	return xcalloc(1, sizeof(struct npz_writer));
}

static void emit(struct npz_writer *w, const void *bytes, size_t n)
{
	fwrite(bytes, 1, n, stdout);
	w->at += n;
}

void npz_put(struct npz_writer *w, const void *bytes, size_t n)
{
	if (w->writing) {
		emit(w, bytes, n);
	} else {
		w->crc = crc32_z(w->crc, bytes, n);
		w->size += n;
	}
}

/* Numbers of the given widths in bytes, little-endian. */
struct record {
	unsigned char bytes[64];
	size_t n;
};

static void add(struct record *r, size_t width, uint64_t x)
{
	for (size_t i = 0; i < width; i++)
		r->bytes[r->n++] = (unsigned char)(x >> 8 * i);
}

static uint32_t low(uint64_t x)
{
	return x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
}

/* What the header in front of a member and its entry in the directory have in common. */
static void add_common(struct record *r, const struct member *m, bool large, size_t extra)
{
	add(r, 2, large ? ZIP64 : PLAIN);
	add(r, 2, UTF8);
	add(r, 2, 0);					/* stored */
	add(r, 4, (uint32_t)DATE << 16);
	add(r, 4, m->crc);
	add(r, 4, large ? UINT32_MAX : m->size);
	add(r, 4, large ? UINT32_MAX : m->size);
	add(r, 2, strlen(m->name));
	add(r, 2, extra);
}

static void begin_member(struct npz_writer *w, const struct member *m)
{
	bool large = m->size >= UINT32_MAX;
	struct record r = {0}, extra = {0};

	if (large) {
		add(&extra, 2, 1);
		add(&extra, 2, 16);
		add(&extra, 8, m->size);
		add(&extra, 8, m->size);
	}
	add(&r, 4, 0x04034b50);
	add_common(&r, m, large, extra.n);
	emit(w, r.bytes, r.n);
	emit(w, m->name, strlen(m->name));
	emit(w, extra.bytes, extra.n);
}

static void list_member(struct npz_writer *w, const struct member *m)
{
	bool large = m->size >= UINT32_MAX || m->at >= UINT32_MAX;
	struct record r = {0}, extra = {0};

	if (large) {
		add(&extra, 2, 1);
		add(&extra, 2, 24);
		add(&extra, 8, m->size);
		add(&extra, 8, m->size);
		add(&extra, 8, m->at);
	}
	add(&r, 4, 0x02014b50);
	add(&r, 2, ZIP64);
	add_common(&r, m, large, extra.n);
	add(&r, 8, 0);				/* no comment; disk 0; no attributes */
	add(&r, 2, 0);
	add(&r, 4, large ? UINT32_MAX : m->at);
	emit(w, r.bytes, r.n);
	emit(w, m->name, strlen(m->name));
	emit(w, extra.bytes, extra.n);
}

/* The header of a .npy, to free(); its length becomes *n. */
static char *npy_head(const char *dtype, size_t rank, const size_t *shape, size_t *n)
{
	char *lengths = xasprintf("%s", ""), *text;

	for (size_t i = 0; i < rank; i++) {
		text = xasprintf("%s%s%zu", lengths, i ? ", " : "", shape[i]);
		free(lengths);
		lengths = text;
	}
	text = xasprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }", dtype,
		lengths, rank == 1 ? "," : "");
	size_t length = strlen(text);
	*n = (NPY_HEADER + length + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN;
	char *head = xalloc(*n, 1);
	memset(head, ' ', *n);
	memcpy(head, "\x93NUMPY\1\0", 8);
	head[8] = (char)((*n - NPY_HEADER) & 255);
	head[9] = (char)((*n - NPY_HEADER) >> 8);
	memcpy(head + NPY_HEADER, text, length);
	head[*n - 1] = '\n';
	free(lengths);
	free(text);
	return head;
}

void npz_write(struct npz_writer *w, const char *key, const char *dtype, size_t rank,
	const size_t *shape, npz_bytes *bytes, const void *from)
{
	size_t n;
	char *head = npy_head(dtype, rank, shape, &n);
	struct member m = {.name = xasprintf("%s.npy", key), .at = w->at};

	if (w->members == MEMBERS_MOST || strlen(m.name) > UINT16_MAX)
		die("stdout: more arrays, or a longer name, than an .npz has room for");
	w->writing = false;
	w->size = 0;
	w->crc = crc32_z(0, NULL, 0);
	npz_put(w, head, n);
	bytes(w, from);
	m.size = w->size;
	m.crc = (uint32_t)w->crc;
	w->writing = true;
	begin_member(w, &m);
	npz_put(w, head, n);
	bytes(w, from);
	if (w->members == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->member = xrealloc(w->member, w->room, sizeof *w->member);
	}
	w->member[w->members++] = m;
	free(head);
}

void npz_writer_close(struct npz_writer *w)
{
	struct record r = {0};
	uint64_t begin = w->at;

	for (struct member *m = w->member; w->members > 0 && m < w->member + w->members; m++) {
		list_member(w, m);
		free(m->name);
	}
	uint64_t end = w->at;
	if (end >= UINT32_MAX) {
		add(&r, 4, 0x06064b50);
		add(&r, 8, 44);			/* bytes that follow */
		add(&r, 2, ZIP64);
		add(&r, 2, ZIP64);
		add(&r, 8, 0);			/* disks */
		add(&r, 8, w->members);
		add(&r, 8, w->members);
		add(&r, 8, end - begin);
		add(&r, 8, begin);
		emit(w, r.bytes, r.n);
		r.n = 0;
		add(&r, 4, 0x07064b50);
		add(&r, 4, 0);
		add(&r, 8, end);
		add(&r, 4, 1);
		emit(w, r.bytes, r.n);
		r.n = 0;
	}
	add(&r, 4, 0x06054b50);
	add(&r, 4, 0);
	add(&r, 2, w->members);
	add(&r, 2, w->members);
	add(&r, 4, low(end - begin));
	add(&r, 4, low(begin));
	add(&r, 2, 0);
	emit(w, r.bytes, r.n);
	text_close();
	free(w->member);
	free(w);
}
