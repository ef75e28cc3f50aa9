/* Reading: ext objects from a file or stdin, plain or LZ4; headers, frames and end marks. */
#include "stream/internal.h"

#include "base/die.h"
#include "base/input.h"

#include <errno.h>
#include <limits.h>
#include <lz4frame.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { FIRST_BYTES = 1 << 20 };			/* believed of a length before any byte has come */

struct sm_reader {
	const char *name;
	int fd;
	bool again;			/* stdin, which another reader had before */
	char buffer[1 << 16];		/* short reads; long payloads go where they belong */
	size_t at, filled;
	bool ended;			/* nothing is read behind the end of the input */
	XXH64_state_t *hash;
	LZ4F_dctx *lz4;
	size_t stream;				/* streams begun */
	int64_t frames;			/* the frame of this one that is read; 0: its header */
};

struct sm_reader *sm_reader_open(const char *path)
{
	static bool stdin_had;
	bool standard = is_stdin(path);
	int fd = standard ? STDIN_FILENO : open_file(path);
	struct sm_reader *r = xcalloc(1, sizeof *r);
	r->name = standard ? "stdin" : path;
	r->fd = fd;
	r->again = standard && stdin_had;
	stdin_had |= standard;
	r->hash = XXH64_createState();
	if (!r->hash || LZ4F_isError(LZ4F_createDecompressionContext(&r->lz4, LZ4F_VERSION)))
		die("out of memory");
	return r;
}

void sm_reader_close(struct sm_reader *r)
{
	if (r->fd != STDIN_FILENO)
		close(r->fd);
	XXH64_freeState(r->hash);
	LZ4F_freeDecompressionContext(r->lz4);
	free(r);
}

size_t reader_bytes_left(const struct sm_reader *r)
{
	struct stat file;
	off_t at = lseek(r->fd, 0, SEEK_CUR);

	if (fstat(r->fd, &file) < 0 || !S_ISREG(file.st_mode) || at < 0 || at > file.st_size)
		return 0;
	return (size_t)(file.st_size - at) + (r->filled - r->at);
}

bool sm_begins_stream(char first)
{
	unsigned char byte = (unsigned char)first;

	return byte >= 0xc7 && byte <= 0xc9;	/* MessagePack's ext 8, 16 and 32 */
}

const char *sm_reader_name(const struct sm_reader *r)
{
	return r->name;
}

void sm_bad(const struct sm_reader *r, const char *format, ...)
{
	char what[512], stream[40] = "", where[40];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (r->stream > 1)
		snprintf(stream, sizeof stream, "stream %zu: ", r->stream);
	if (r->frames == 0)
		snprintf(where, sizeof where, "header: ");
	else
		snprintf(where, sizeof where, "frame %lld: ", (long long)r->frames);
	die("%s: %s%s%s", r->name, stream, where, what);
}

/* Is there more to read? */
static bool fill(struct sm_reader *r)
{
	if (r->at == r->filled) {
		r->at = 0;
		r->filled = r->ended ? 0 : read_some(r->fd, r->name, r->buffer,
			sizeof r->buffer);
		r->ended = r->filled == 0;
	}
	return r->at < r->filled;
}

/* Up to n bytes, fewer only at the end of the input. */
static size_t take(struct sm_reader *r, void *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		size_t part = r->filled - r->at < n - got ? r->filled - r->at : n - got;
		memcpy((char *)to + got, r->buffer + r->at, part);
		r->at += part;
		got += part;
		if (part == 0 && n - got >= sizeof r->buffer) {
			part = read_some(r->fd, r->name, (char *)to + got, n - got);
			if (part == 0)
				break;
			got += part;
		} else if (part == 0 && !fill(r)) {
			break;
		}
	}
	return got;
}

const char *lz4_error(size_t status)
{
	const char *name = LZ4F_getErrorName(status);

	return strcmp(name, "ERROR_allocation_failed") == 0 ? error_text(ENOMEM) : name;
}

void grow(char **p, size_t *room, size_t n)
{
	if (*room < n) {
		*p = xrealloc(*p, n, 1);
		*room = n;
	}
}

_Noreturn static void cut(const struct sm_reader *r)
{
	sm_bad(r, "cut short: no end mark (did the program before this one fail?)");
}

/* Payloads. The length is believed only as far as bytes arrive: memory at most doubles them. */
static void take_payload(struct sm_reader *r, char **p, size_t *room, size_t n)
{
	size_t got = 0, next = n < FIRST_BYTES ? n : FIRST_BYTES;

	grow(p, room, next);
	while (got < n) {
		next = *room < n ? *room : n;
		size_t k = take(r, *p + got, next - got);
		got += k;
		if (got < next)
			cut(r);
		if (got < n)
			grow(p, room, n - got > got ? 2 * got : n);
	}
}

static size_t unpack_lz4(struct sm_reader *r, struct memory *m, size_t packed)
{
	LZ4F_frameInfo_t info;
	size_t at = packed, out = 0;

	LZ4F_resetDecompressionContext(r->lz4);
	size_t status = LZ4F_getFrameInfo(r->lz4, &info, m->packed, &at);
	if (LZ4F_isError(status))
		sm_bad(r, "not an LZ4 frame: %s", lz4_error(status));
	if (info.contentSize == 0 || info.contentChecksumFlag != LZ4F_contentChecksumEnabled)
		sm_bad(r, "LZ4 frame without content size or checksum");
	if (info.contentSize / 255 > packed || info.contentSize > UINT32_MAX)
		sm_bad(r, "LZ4 frame claims %llu bytes of %zu", info.contentSize, packed);
	grow(&m->payload, &m->payload_room, (size_t)info.contentSize);
	while (status != 0) {
		size_t room = (size_t)info.contentSize - out, source = packed - at;
		status = LZ4F_decompress(r->lz4, m->payload + out, &room, m->packed + at, &source,
			NULL);
		if (LZ4F_isError(status))
			sm_bad(r, "LZ4 frame: %s", lz4_error(status));
		out += room;
		at += source;
		if (status != 0 && room == 0 && source == 0)
			sm_bad(r, "LZ4 frame cut short");
	}
	if (out != info.contentSize || at != packed)
		sm_bad(r, "LZ4 frame of the wrong length");
	return out;
}

static uint64_t big_endian(const unsigned char *p, size_t n)
{
	uint64_t x = 0;

	while (n-- > 0)
		x = x << 8 | *p++;
	return x;
}

/* What a file that is none of ours may be. */
static const char *guess(unsigned char first)
{
	return first == '{' ? " (JSON? graph2frame and json2frame read it)"
		: first == 0x93 ? " (a .npy? act-dump --hidden reads it)" : "";
}

/* How an ext object begins. */
struct head {
	unsigned char bytes[6];
	size_t n, length;		/* length: of the payload */
	unsigned type;
};

/* False at the end of the input. */
static bool read_head(struct sm_reader *r, struct head *h)
{
	if (take(r, h->bytes, 1) == 0)
		return false;
	unsigned char first = h->bytes[0];
	bool fixed = first >= 0xd4 && first <= 0xd8;
	if (!fixed && !sm_begins_stream((char)first))
		sm_bad(r, "not a semot stream: byte 0x%02x where an ext object begins%s", first,
			guess(first));
	size_t prefix = fixed ? 0 : (size_t)1 << (first - 0xc7);
	if (take(r, h->bytes + 1, prefix + 1) < prefix + 1)
		cut(r);
	h->n = 2 + prefix;
	h->length = fixed ? (size_t)1 << (first - 0xd4) : (size_t)big_endian(h->bytes + 1, prefix);
	h->type = h->bytes[1 + prefix];
	if (h->type != PLAIN && h->type != LZ4)
		sm_bad(r, "not a semot stream: ext type %u", h->type);
	return true;
}

static void check_end(const struct sm_reader *r, const struct sm_frame *f)
{
	const struct sm_field *end = sm_find_field(f, "end"), *given = sm_find_field(f, "xxh64");
	const struct memory *m = f->memory;

	if (end->kind != SM_INTEGER || end->integer != r->frames - 1)
		sm_bad(r, "the end mark counts other frames than the %lld read",
			(long long)r->frames - 1);
	if (f->n != (given ? 2u : 1u))
		sm_bad(r, "the end mark holds a field that is neither end nor xxh64");
	if (!given)
		return;
	const struct sm_value *hash = &m->map.item[2 * (given - f->field) + 1];
	if (hash->kind != SM_IS_NATURAL || hash->natural != XXH64_digest(r->hash))
		sm_bad(r, "the checksum of the end mark is not that of the bytes read");
}

/* The next ext object's map; false at the end of the input. The hash takes it in unless it is an
 * end mark, and is compared with one that is. */
static bool read_object(struct sm_reader *r, struct sm_frame *f)
{
	struct head h;

	if (!read_head(r, &h))
		return false;
	frame_forget(f);
	struct memory *m = frame_memory(f);
	size_t plain = h.length;
	if (h.type == LZ4) {
		take_payload(r, &m->packed, &m->packed_room, h.length);
		plain = unpack_lz4(r, m, h.length);
	} else {
		take_payload(r, &m->payload, &m->payload_room, h.length);
	}
	parse_payload(r, f, plain, h.length);
	if (r->frames > 0 && sm_find_field(f, "end")) {
		check_end(r, f);
		return true;
	}
	XXH64_update(r->hash, h.bytes, h.n);
	XXH64_update(r->hash, h.type == LZ4 ? m->packed : m->payload, h.length);
	return true;
}

bool sm_read_header(struct sm_reader *r, struct sm_frame *header)
{
	r->frames = 0;
	r->stream++;
	XXH64_reset(r->hash, 0);
	if (!read_object(r, header)) {
		if (r->stream == 1)
			die("%s: empty: %s", r->name, r->again
				? "its streams were read as another input, which is stdin, too"
				: "not even a header (did the program before this one fail?)");
		return false;
	}
	struct sm_field *version = sm_find_field(header, "semot");
	if (!version || version->kind != SM_INTEGER)
		sm_bad(r, "not a semot stream: it begins with no header");
	if (version->integer != 1)
		sm_bad(r, "version %lld of the stream, where this program knows 1",
			(long long)version->integer);
	return true;
}

bool sm_read_frame(struct sm_reader *r, struct sm_frame *f)
{
	r->frames++;
	if (!read_object(r, f))
		cut(r);
	if (sm_find_field(f, "end")) {
		r->frames--;
		frame_forget(f);
		fill(r);	/* what fails does so before the program writes its own end mark */
		return false;
	}
	if (sm_find_field(f, "semot"))
		sm_bad(r, "a header where a frame or the end mark has to be");
	return true;
}
