/* The only file that knows MessagePack and LZ4. */
#include "stream/stream.h"

#include "base/die.h"
#include "base/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lz4frame.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

enum { PLAIN = 1, LZ4 = 2 };			/* ext types */
enum { FIRST_BYTES = 1 << 20 };			/* believed of a length before any byte has come */

/* -- Frames ----------------------------------------------------------------------------------- */

struct memory {
	char *payload, *packed;			/* the map's bytes; the LZ4 frame's, when it was one */
	size_t payload_room, packed_room;
	struct pool pool;			/* strings, copies of misaligned tensors */
	msgpack_unpacked unpacked;
};

static struct memory *memory_of(struct sm_frame *f)
{
	if (!f->memory) {
		struct memory *m = xcalloc(1, sizeof *m);
		msgpack_unpacked_init(&m->unpacked);
		f->memory = m;
	}
	return f->memory;
}

static void forget(struct sm_frame *f)
{
	struct memory *m = f->memory;

	f->n = 0;
	if (!m)
		return;
	msgpack_unpacked_destroy(&m->unpacked);
	msgpack_unpacked_init(&m->unpacked);
	pool_clear(&m->pool);
}

void sm_frame_free(struct sm_frame *f)
{
	struct memory *m = f->memory;

	forget(f);
	if (m) {
		msgpack_unpacked_destroy(&m->unpacked);
		pool_free(&m->pool);
		free(m->payload);
		free(m->packed);
		free(m);
	}
	free(f->field);
	*f = (struct sm_frame){0};
}

bool sm_in_streams(enum sm_dtype d)
{
	return d < SM_DTYPES && d != SM_U2 && d != SM_I2 && d != SM_I8;
}

struct sm_field *sm_find_field(const struct sm_frame *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->field[i].name, name) == 0)
			return &f->field[i];
	return NULL;
}

void sm_drop_all(struct sm_frame *f, size_t n, const char *const *name)
{
	for (size_t i = 0; i < n; i++) {
		struct sm_field *x = sm_find_field(f, name[i]);
		if (x) {
			memmove(x, x + 1, (size_t)(f->field + f->n - x - 1) * sizeof *x);
			f->n--;
		}
	}
}

static struct sm_field *append(struct sm_frame *f, const char *name)
{
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		f->field = xrealloc(f->field, f->room, sizeof *f->field);
	}
	f->field[f->n] = (struct sm_field){.name = name};
	return &f->field[f->n++];
}

static struct sm_field *place(struct sm_frame *f, const char *name, enum sm_field_kind kind)
{
	struct sm_field *x = sm_find_field(f, name);

	if (!x)
		x = append(f, name);
	x->kind = kind;
	return x;
}

void sm_set_shape(struct sm_frame *f, const char *name, enum sm_dtype dtype, const void *data, size_t rank,
	const size_t *shape)
{
	struct sm_tensor *t = &place(f, name, SM_TENSOR)->tensor;

	*t = (struct sm_tensor){.dtype = dtype, .rank = rank, .data = data};
	memcpy(t->shape, shape, rank * sizeof *shape);
}

void sm_set_strings(struct sm_frame *f, const char *name, size_t n, const char *const *item)
{
	place(f, name, SM_STRINGS)->strings = (struct sm_strings){n, item};
}

void sm_set_string(struct sm_frame *f, const char *name, const char *text)
{
	place(f, name, SM_STRING)->string = text;
}

void sm_set_integer(struct sm_frame *f, const char *name, int64_t value)
{
	place(f, name, SM_INTEGER)->integer = value;
}

void sm_set_real(struct sm_frame *f, const char *name, double value)
{
	place(f, name, SM_REAL)->real = value;
}

void sm_set_other(struct sm_frame *f, const char *name, const void *bytes, size_t n)
{
	struct sm_field *x = place(f, name, SM_OTHER);

	x->other.bytes = bytes;
	x->other.n = n;
}

/* -- Reading ---------------------------------------------------------------------------------- */

struct sm_reader {
	const char *name;
	int fd;
	char buffer[1 << 16];			/* short reads; long payloads go where they belong */
	size_t at, filled;
	XXH64_state_t *hash;
	LZ4F_dctx *lz4;
	size_t stream;				/* streams begun */
	int64_t frames;				/* the frame of this one that is read; 0: its header */
};

struct sm_reader *sm_reader_open(const char *path)
{
	struct sm_reader *r = xcalloc(1, sizeof *r);
	bool standard = !path || strcmp(path, "-") == 0;

	r->name = standard ? "stdin" : path;
	r->fd = standard ? STDIN_FILENO : open(path, O_RDONLY);
	if (r->fd < 0)
		die("%s: %s", path, strerror(errno));
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

bool sm_begins_stream(char first)
{
	return (unsigned char)first >= 0xc7 && (unsigned char)first <= 0xc9;	/* MessagePack's ext 8, 16 and 32 */
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

/* Up to n bytes, fewer only at the end of the input. */
static size_t take(struct sm_reader *r, void *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		if (r->at < r->filled) {
			size_t part = r->filled - r->at < n - got ? r->filled - r->at : n - got;
			memcpy((char *)to + got, r->buffer + r->at, part);
			r->at += part;
			got += part;
			continue;
		}
		bool direct = n - got >= sizeof r->buffer;
		ssize_t k = direct ? read(r->fd, (char *)to + got, n - got < SSIZE_MAX ? n - got : SSIZE_MAX)
			: read(r->fd, r->buffer, sizeof r->buffer);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("%s: %s", r->name, strerror(errno));
		if (k == 0)
			break;
		if (direct) {
			got += (size_t)k;
		} else {
			r->at = 0;
			r->filled = (size_t)k;
		}
	}
	return got;
}

static void grow(char **p, size_t *room, size_t n)
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
		sm_bad(r, "not an LZ4 frame: %s", LZ4F_getErrorName(status));
	if (info.contentSize == 0 || info.contentChecksumFlag != LZ4F_contentChecksumEnabled)
		sm_bad(r, "LZ4 frame without content size or checksum");
	if (info.contentSize / 255 > packed || info.contentSize > UINT32_MAX)
		sm_bad(r, "LZ4 frame claims %llu bytes of %zu", info.contentSize, packed);
	grow(&m->payload, &m->payload_room, (size_t)info.contentSize);
	while (status != 0) {
		size_t room = (size_t)info.contentSize - out, source = packed - at;
		status = LZ4F_decompress(r->lz4, m->payload + out, &room, m->packed + at, &source, NULL);
		if (LZ4F_isError(status))
			sm_bad(r, "LZ4 frame: %s", LZ4F_getErrorName(status));
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

/* One value, without the items of a list or map, that has to lie within n bytes: how many it takes;
 * 0 when it does not fit or is no MessagePack. */
static size_t value_at(const unsigned char *p, size_t n, struct sm_value *v)
{
	unsigned c = n > 0 ? p[0] : 0xc1;
	size_t prefix = 0, skip = 0;	/* bytes of a number or length; of an extension's type */

	*v = (struct sm_value){.kind = SM_IS_NIL};
	if (c <= 0x7f || c >= 0xe0) {
		v->kind = c <= 0x7f ? SM_IS_NATURAL : SM_IS_NEGATIVE;
		v->negative = (int8_t)c;
	} else if (c <= 0x9f) {
		v->kind = c <= 0x8f ? SM_IS_MAP : SM_IS_LIST;
		v->n = c & 0xf;
	} else if (c <= 0xbf) {
		v->kind = SM_IS_TEXT;
		v->n = c & 0x1f;
	} else if (c == 0xc1) {
		return 0;
	} else if (c == 0xc2 || c == 0xc3) {
		v->kind = SM_IS_BOOLEAN;
		v->natural = c & 1;
	} else if (c >= 0xc4 && c <= 0xc9) {
		v->kind = c <= 0xc6 ? SM_IS_BYTES : SM_IS_EXTENSION;
		prefix = (size_t)1 << (c <= 0xc6 ? c - 0xc4 : c - 0xc7);
		skip = c >= 0xc7;
	} else if (c == 0xca || c == 0xcb) {
		v->kind = SM_IS_FLOATING;
		prefix = (size_t)4 << (c - 0xca);
	} else if (c >= 0xcc && c <= 0xd3) {
		v->kind = c <= 0xcf ? SM_IS_NATURAL : SM_IS_NEGATIVE;
		prefix = (size_t)1 << (c & 3);
	} else if (c >= 0xd4 && c <= 0xd8) {
		v->kind = SM_IS_EXTENSION;
		v->n = (size_t)1 << (c - 0xd4);
		skip = 1;
	} else if (c >= 0xd9) {
		v->kind = c <= 0xdb ? SM_IS_TEXT : c <= 0xdd ? SM_IS_LIST : SM_IS_MAP;
		prefix = c <= 0xdb ? (size_t)1 << (c - 0xd9) : (size_t)2 << (c & 1);
	}
	size_t head = 1 + prefix + skip;
	if (head > n)
		return 0;
	uint64_t number = big_endian(p + 1, prefix);
	if (v->kind == SM_IS_FLOATING) {
		uint32_t bits = (uint32_t)number;
		float single;
		memcpy(&single, &bits, sizeof single);
		memcpy(&v->floating, &number, sizeof number);
		if (prefix == 4)
			v->floating = (double)single;
	} else if (v->kind == SM_IS_NATURAL || v->kind == SM_IS_NEGATIVE) {
		unsigned spare = 64 - 8 * (unsigned)prefix;
		if (prefix > 0)
			v->natural = number;
		if (prefix > 0 && v->kind == SM_IS_NEGATIVE)
			v->negative = (int64_t)(number << spare) >> spare;
		if (v->negative >= 0)
			v->kind = SM_IS_NATURAL;
	} else if (prefix > 0) {
		v->n = (size_t)number;
	}
	if (v->kind == SM_IS_EXTENSION)
		v->type = (int8_t)p[head - 1];
	v->bytes = p + head;
	size_t body = v->kind == SM_IS_TEXT || v->kind == SM_IS_BYTES || v->kind == SM_IS_EXTENSION ? v->n : 0;
	return body > n - head ? 0 : head + body;
}

/* Is this one complete MessagePack object whose counts and lengths fit into n bytes? msgpack-c allocates
 * an array by its count, so counts are checked here first. */
static bool sound(const unsigned char *p, size_t n)
{
	uint64_t objects = 1;			/* still to come */
	struct sm_value v;

	while (objects > 0) {
		size_t k = objects <= n ? value_at(p, n, &v) : 0;
		if (k == 0)
			return false;
		p += k;
		n -= k;
		objects += (v.kind == SM_IS_LIST ? v.n : v.kind == SM_IS_MAP ? 2 * v.n : 0) - 1;
	}
	return n == 0;
}

struct sm_value sm_next_value(const void **bytes)
{
	struct sm_value v;

	*bytes = (const char *)*bytes + value_at(*bytes, SIZE_MAX, &v);
	return v;
}

/* Copies a string with a NUL behind it, and returns where the next may go. msgpack-c's pointer to
 * an empty one is NULL. */
static char *copy_text(char *to, const msgpack_object *o)
{
	size_t n = o->via.str.size;

	if (n > 0)
		memcpy(to, o->via.str.ptr, n);
	to[n] = '\0';
	return to + n + 1;
}

static const char *text(struct memory *m, const msgpack_object *o)
{
	char *s = pool_alloc(&m->pool, (size_t)o->via.str.size + 1, 1);

	copy_text(s, o);
	return s;
}

static bool is_text(const msgpack_object *o)
{
	const msgpack_object_str *s = &o->via.str;

	return o->type == MSGPACK_OBJECT_STR && (s->size == 0 || !memchr(s->ptr, '\0', s->size));
}

/* [dtype, shape, bytes] as a tensor; false where it is something else. */
static bool as_tensor(struct sm_reader *r, struct memory *m, struct sm_field *x, const msgpack_object *o)
{
	const msgpack_object *part = o->via.array.ptr;
	char dtype[8] = "";

	if (o->via.array.size != 3 || !is_text(&part[0])
			|| part[1].type != MSGPACK_OBJECT_ARRAY || part[2].type != MSGPACK_OBJECT_BIN)
		return false;
	if (part[0].via.str.size < sizeof dtype)
		copy_text(dtype, &part[0]);
	struct sm_tensor *t = &x->tensor;
	t->dtype = sm_dtype_named(dtype);
	t->rank = part[1].via.array.size;
	if (!sm_in_streams(t->dtype) || t->rank > SM_MAX_RANK)
		return false;
	size_t bytes = sm_dtype_size(t->dtype);
	for (size_t i = 0; i < t->rank; i++) {
		const msgpack_object *d = &part[1].via.array.ptr[i];
		if (d->type != MSGPACK_OBJECT_POSITIVE_INTEGER || d->via.u64 > UINT32_MAX)
			sm_bad(r, "%s: shape holds something that is no length", x->name);
		t->shape[i] = d->via.u64;
		if (__builtin_mul_overflow(bytes, t->shape[i], &bytes))
			sm_bad(r, "%s: shape overflows", x->name);
	}
	if (bytes != part[2].via.bin.size)
		sm_bad(r, "%s: %u bytes where its shape needs %zu", x->name, part[2].via.bin.size, bytes);
	t->data = bytes > 0 ? part[2].via.bin.ptr : m->payload;
	if ((uintptr_t)t->data % 8 != 0)
		t->data = memcpy(pool_alloc(&m->pool, bytes, 1), t->data, bytes);
	x->kind = SM_TENSOR;
	return true;
}

static bool as_strings(struct memory *m, struct sm_field *x, const msgpack_object *o)
{
	size_t n = o->via.array.size, bytes = n * sizeof(char *);

	for (size_t i = 0; i < n; i++) {
		if (!is_text(&o->via.array.ptr[i]))
			return false;
		bytes += o->via.array.ptr[i].via.str.size + 1;
	}
	const char **item = pool_alloc(&m->pool, bytes, 1);
	char *p = (char *)(item + n);
	for (size_t i = 0; i < n; i++) {
		item[i] = p;
		p = copy_text(p, &o->via.array.ptr[i]);
	}
	x->kind = SM_STRINGS;
	x->strings = (struct sm_strings){n, item};
	return true;
}

static void as_other(struct memory *m, struct sm_field *x, const msgpack_object *o)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	if (msgpack_pack_object(&packer, *o) != 0)
		die("out of memory");
	x->kind = SM_OTHER;
	x->other.n = buffer.size;
	x->other.bytes = memcpy(pool_alloc(&m->pool, buffer.size, 1), buffer.data, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
}

static void parse(struct sm_reader *r, struct sm_frame *f, size_t n)
{
	struct memory *m = f->memory;
	size_t at = 0;

	if (!sound((const unsigned char *)m->payload, n))
		sm_bad(r, "the payload is no MessagePack map");
	if (msgpack_unpack_next(&m->unpacked, m->payload, n, &at) != MSGPACK_UNPACK_SUCCESS)
		sm_bad(r, "values are nested deeper than %d", SM_MAX_DEPTH);
	if (m->unpacked.data.type != MSGPACK_OBJECT_MAP)
		sm_bad(r, "the payload is no MessagePack map");
	const msgpack_object_map *map = &m->unpacked.data.via.map;
	if (map->size > SM_MAX_FIELDS)
		sm_bad(r, "%u fields: %d is the most", map->size, SM_MAX_FIELDS);
	for (size_t i = 0; i < map->size; i++) {
		const msgpack_object *key = &map->ptr[i].key, *o = &map->ptr[i].val;
		if (!is_text(key))
			sm_bad(r, "a field's name is no string");
		const char *name = text(m, key);
		if (sm_find_field(f, name))
			sm_bad(r, "the field %s stands twice", name);
		struct sm_field *x = append(f, name);
		if (strcmp(name, "history") == 0) {
			if (o->type != MSGPACK_OBJECT_ARRAY)
				sm_bad(r, "the history is no list");
			as_other(m, x, o);
		} else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX) {
			x->kind = SM_INTEGER;
			x->integer = (int64_t)o->via.u64;
		} else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
			x->kind = SM_INTEGER;
			x->integer = o->via.i64;
		} else if (o->type == MSGPACK_OBJECT_FLOAT || o->type == MSGPACK_OBJECT_FLOAT32) {
			x->kind = SM_REAL;
			x->real = o->via.f64;
		} else if (is_text(o)) {
			x->kind = SM_STRING;
			x->string = text(m, o);
		} else if (o->type != MSGPACK_OBJECT_ARRAY
				|| (!as_tensor(r, m, x, o) && !as_strings(m, x, o))) {
			as_other(m, x, o);
		}
	}
}

/* What a file that is none of ours may be. */
static const char *guess(unsigned char first)
{
	return first == '{' ? " (JSON? graph2frame and json2frame read it)"
		: first == 0x93 ? " (a .npy? act-dump --hidden reads it)" : "";
}

/* The next ext object's map; false at the end of the input. The hash takes it in unless it is an end
 * mark, and is compared with one that is. */
static bool read_object(struct sm_reader *r, struct sm_frame *f)
{
	unsigned char head[6];
	size_t n = take(r, head, 1), length, prefix;

	if (n == 0)
		return false;
	if (head[0] >= 0xd4 && head[0] <= 0xd8)
		prefix = 0, length = (size_t)1 << (head[0] - 0xd4);	/* fixext */
	else if (head[0] >= 0xc7 && head[0] <= 0xc9)
		prefix = (size_t)1 << (head[0] - 0xc7), length = 0;
	else
		sm_bad(r, "not a semot stream: byte 0x%02x where an ext object begins%s", head[0], guess(head[0]));
	if (take(r, head + 1, prefix + 1) < prefix + 1)
		cut(r);
	if (prefix > 0)
		length = big_endian(head + 1, prefix);
	unsigned type = head[1 + prefix];
	if (type != PLAIN && type != LZ4)
		sm_bad(r, "not a semot stream: ext type %u", type);

	forget(f);
	struct memory *m = memory_of(f);
	size_t plain = length;
	if (type == LZ4) {
		take_payload(r, &m->packed, &m->packed_room, length);
		plain = unpack_lz4(r, m, length);
	} else {
		take_payload(r, &m->payload, &m->payload_room, length);
	}
	parse(r, f, plain);
	struct sm_field *x;
	if (r->frames > 0 && (x = sm_find_field(f, "end"))) {
		uint64_t hash = XXH64_digest(r->hash);
		struct sm_field *given = sm_find_field(f, "xxh64");
		if (x->kind != SM_INTEGER || x->integer != r->frames - 1)
			sm_bad(r, "the end mark counts other frames than the %lld read", (long long)r->frames - 1);
		if (f->n != (given ? 2u : 1u))
			sm_bad(r, "the end mark holds a field that is neither end nor xxh64");
		msgpack_object *o = given ? &m->unpacked.data.via.map.ptr[given - f->field].val : NULL;
		if (o && (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 != hash))
			sm_bad(r, "the checksum of the end mark is not that of the bytes read");
		return true;
	}
	XXH64_update(r->hash, head, 2 + prefix);
	XXH64_update(r->hash, type == LZ4 ? m->packed : m->payload, length);
	return true;
}

bool sm_read_header(struct sm_reader *r, struct sm_frame *header)
{
	r->frames = 0;
	r->stream++;
	XXH64_reset(r->hash, 0);
	if (!read_object(r, header)) {
		if (r->stream == 1)
			die("%s: empty: not even a header (did the program before this one fail?)", r->name);
		return false;
	}
	struct sm_field *version = sm_find_field(header, "semot");
	if (!version || version->kind != SM_INTEGER)
		sm_bad(r, "not a semot stream: it begins with no header");
	if (version->integer != 1)
		sm_bad(r, "version %lld of the stream, where this program knows 1", (long long)version->integer);
	return true;
}

bool sm_read_frame(struct sm_reader *r, struct sm_frame *f)
{
	r->frames++;
	if (!read_object(r, f))
		cut(r);
	if (sm_find_field(f, "end")) {
		r->frames--;
		forget(f);
		return false;
	}
	if (sm_find_field(f, "semot"))
		sm_bad(r, "a header where a frame or the end mark has to be");
	return true;
}

/* -- Fields that have to be there -------------------------------------------------------------- */

static const struct sm_field *present(const struct sm_reader *r, const struct sm_frame *f, const char *name,
	enum sm_field_kind kind, const char *what)
{
	const struct sm_field *x = sm_find_field(f, name);

	if (!x)
		sm_bad(r, "no %s", name);
	if (x->kind != kind)
		sm_bad(r, "%s is no %s", name, what);
	return x;
}

static void check_shape(const struct sm_reader *r, const char *name, const struct sm_tensor *t, size_t rank,
	size_t *const *length)
{
	if (t->rank != rank)
		sm_bad(r, "%s has %zu dimensions, not %zu", name, t->rank, rank);
	for (size_t i = 0; i < rank; i++) {
		if (*length[i] == SM_ANY)
			*length[i] = t->shape[i];
		else if (*length[i] != t->shape[i])
			sm_bad(r, "dimension %zu of %s is %zu, not %zu", i, name, t->shape[i], *length[i]);
	}
}

const void *sm_want_shape(const struct sm_reader *r, const struct sm_frame *f, const char *name, enum sm_dtype dtype,
	size_t rank, size_t *const *length)
{
	const struct sm_tensor *t = &present(r, f, name, SM_TENSOR, "tensor")->tensor;

	if (t->dtype != dtype)
		sm_bad(r, "%s is %s, not %s", name, sm_dtype_name(t->dtype), sm_dtype_name(dtype));
	check_shape(r, name, t, rank, length);
	return t->data;
}

const struct sm_tensor *sm_want_floats_shape(const struct sm_reader *r, const struct sm_frame *f, const char *name,
	size_t rank, size_t *const *length)
{
	const struct sm_tensor *t = &present(r, f, name, SM_TENSOR, "tensor")->tensor;

	if (t->dtype != SM_F4 && t->dtype != SM_F8 && t->dtype != SM_F2 && t->dtype != SM_BF16)
		sm_bad(r, "%s is %s, not floating", name, sm_dtype_name(t->dtype));
	check_shape(r, name, t, rank, length);
	return t;
}

const uint32_t *sm_want_indptr(const struct sm_reader *r, const struct sm_frame *f, const char *name, size_t *n,
	size_t entries)
{
	size_t ends = *n == SM_ANY ? SM_ANY : *n + 1;
	const uint32_t *indptr = sm_want(r, f, name, SM_U4, &ends);

	if (ends == 0)
		sm_bad(r, "%s is empty", name);
	*n = ends - 1;
	if (indptr[0] != 0 || indptr[*n] != entries)
		sm_bad(r, "%s runs from %u to %u, not from 0 to %zu", name, indptr[0], indptr[*n], entries);
	for (size_t i = 0; i < *n; i++)
		if (indptr[i] > indptr[i + 1])
			sm_bad(r, "%s row %zu descends", name, i);
	return indptr;
}

struct sm_strings sm_want_strings(const struct sm_reader *r, const struct sm_frame *f, const char *name, size_t *n)
{
	struct sm_strings s = present(r, f, name, SM_STRINGS, "list of strings")->strings;

	if (*n == SM_ANY)
		*n = s.n;
	else if (*n != s.n)
		sm_bad(r, "%s has %zu entries, not %zu", name, s.n, *n);
	return s;
}

const char *sm_want_string(const struct sm_reader *r, const struct sm_frame *f, const char *name)
{
	return present(r, f, name, SM_STRING, "string")->string;
}

size_t sm_want_size(const struct sm_reader *r, const struct sm_frame *f, const char *name)
{
	int64_t x = present(r, f, name, SM_INTEGER, "whole number")->integer;

	if (x < 0)
		sm_bad(r, "%s is negative", name);
	return (size_t)x;
}

size_t sm_want_one_of(const struct sm_reader *r, const struct sm_frame *header, size_t n, const char *const *kind)
{
	const char *given = sm_want_string(r, header, "kind");

	for (size_t i = 0; i < n; i++)
		if (strcmp(given, kind[i]) == 0)
			return i;
	sm_bad(r, "a stream of %s, where %s are read", given, kind[0]);
}

const char *sm_get_string(const struct sm_frame *f, const char *name, const char *otherwise)
{
	const struct sm_field *x = sm_find_field(f, name);

	return x && x->kind == SM_STRING ? x->string : otherwise;
}

/* -- Writing ---------------------------------------------------------------------------------- */

struct sm_writer {
	LZ4F_cctx *lz4;			/* NULL: plain */
	uint64_t frames;
	XXH64_state_t *hash;
	msgpack_sbuffer skeleton;	/* everything but the tensors' bytes ... */
	msgpack_packer packer;
	struct splice {			/* ... which follow the skeleton's first `at` bytes */
		size_t at, n;
		const void *data;
	} *splice;
	size_t splices, room, spliced;	/* spliced: their bytes */
	char *packed;
	size_t packed_room;
	const char *program, *version, *const *argument;
};

struct sm_writer *sm_writer_open(const char *name, const char *version, const char *const *argument)
{
	struct sm_writer *w = xcalloc(1, sizeof *w);

	if (isatty(STDOUT_FILENO))
		misuse("stdout is a terminal: pipe the stream into frame2json to read it");
	w->program = name;
	w->version = version;
	w->argument = argument;
	w->hash = XXH64_createState();
	if (!w->hash)
		die("out of memory");
	msgpack_sbuffer_init(&w->skeleton);
	msgpack_packer_init(&w->packer, &w->skeleton, msgpack_sbuffer_write);
	return w;
}

void sm_writer_compress(struct sm_writer *w, bool lz4)
{
	LZ4F_freeCompressionContext(w->lz4);
	w->lz4 = NULL;
	if (lz4 && LZ4F_isError(LZ4F_createCompressionContext(&w->lz4, LZ4F_VERSION)))
		die("out of memory");
}

static void check(int status)
{
	if (status != 0)
		die("out of memory");
}

static int add(void *packing, const char *bytes, size_t n)
{
	struct sm_packing *p = packing;

	if (p->room - p->n < n)
		grow(&p->bytes, &p->room, 2 * p->room + n);
	memcpy(p->bytes + p->n, bytes, n);
	p->n += n;
	return 0;
}

void sm_pack_value(struct sm_packing *to, const struct sm_value *v)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, to, add);
	switch (v->kind) {
	case SM_IS_NIL:
		msgpack_pack_nil(&packer);
		break;
	case SM_IS_BOOLEAN:
		v->natural ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
		break;
	case SM_IS_NATURAL:
		msgpack_pack_uint64(&packer, v->natural);
		break;
	case SM_IS_NEGATIVE:
		msgpack_pack_int64(&packer, v->negative);
		break;
	case SM_IS_FLOATING:
		msgpack_pack_double(&packer, v->floating);
		break;
	case SM_IS_TEXT:
		msgpack_pack_str_with_body(&packer, v->bytes, v->n);
		break;
	case SM_IS_BYTES:
		msgpack_pack_bin_with_body(&packer, v->bytes, v->n);
		break;
	case SM_IS_EXTENSION:
		msgpack_pack_ext_with_body(&packer, v->bytes, v->n, (int8_t)v->type);
		break;
	case SM_IS_LIST:
		msgpack_pack_array(&packer, v->n);
		break;
	case SM_IS_MAP:
		msgpack_pack_map(&packer, v->n);
		break;
	}
}

static void put_text(struct sm_writer *w, const char *s)
{
	check(msgpack_pack_str_with_body(&w->packer, s, strlen(s)));
}

static void put_bytes(struct sm_writer *w, const void *bytes, size_t n)
{
	check(msgpack_sbuffer_write(&w->skeleton, bytes, n));
}

/* [dtype, shape, bytes]. MessagePack lets a short length be written in a longer form; three such choices,
 * worth 1, 2 and 4 bytes, bring the tensor's bytes to a multiple of 8 from the payload's start, so that a
 * reader can use them where they lie. */
static void put_tensor(struct sm_writer *w, const char *name, const struct sm_tensor *t)
{
	const char *dtype = sm_dtype_name(t->dtype);
	size_t bytes = sm_dtype_size(t->dtype), form = 1 + 1 + strlen(dtype) + 1 + 5;

	for (size_t i = 0; i < t->rank; i++) {
		if (t->shape[i] > UINT32_MAX || __builtin_mul_overflow(bytes, t->shape[i], &bytes))
			bytes = SIZE_MAX;
		form += 5;
	}
	if (bytes > UINT32_MAX || !sm_in_streams(t->dtype))
		die("stdout: %s: a tensor of %zu bytes of %s does not fit into a frame", name, bytes, dtype);
	size_t pad = -(w->skeleton.size + w->spliced + form) % 8;
	if (pad & 2)
		put_bytes(w, "\xdc\x00\x03", 3);
	else
		put_bytes(w, "\x93", 1);
	if (pad & 1)
		put_bytes(w, (char[]){(char)0xd9, (char)strlen(dtype)}, 2);
	else
		put_bytes(w, (char[]){(char)(0xa0 | strlen(dtype))}, 1);
	put_bytes(w, dtype, strlen(dtype));
	if (pad & 4)
		put_bytes(w, (char[]){(char)0xdd, 0, 0, 0, (char)t->rank}, 5);
	else
		put_bytes(w, (char[]){(char)(0x90 | t->rank)}, 1);
	for (size_t i = 0; i < t->rank; i++) {
		uint32_t d = __builtin_bswap32((uint32_t)t->shape[i]);
		put_bytes(w, "\xce", 1);
		put_bytes(w, &d, 4);
	}
	uint32_t length = __builtin_bswap32((uint32_t)bytes);
	put_bytes(w, "\xc6", 1);
	put_bytes(w, &length, 4);
	if (w->splices == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->splice = xrealloc(w->splice, w->room, sizeof *w->splice);
	}
	w->splice[w->splices++] = (struct splice){w->skeleton.size, bytes, t->data};
	w->spliced += bytes;
}

static void put_map(struct sm_writer *w, size_t n)
{
	if (n > SM_MAX_FIELDS)
		die("stdout: %zu fields in a frame: %d is the most", n, SM_MAX_FIELDS);
	check(msgpack_pack_map(&w->packer, n));
}

static void put_field(struct sm_writer *w, const struct sm_field *x)
{
	put_text(w, x->name);
	switch (x->kind) {
	case SM_TENSOR:
		put_tensor(w, x->name, &x->tensor);
		break;
	case SM_STRINGS:
		check(msgpack_pack_array(&w->packer, x->strings.n));
		for (size_t i = 0; i < x->strings.n; i++)
			put_text(w, x->strings.item[i]);
		break;
	case SM_STRING:
		put_text(w, x->string);
		break;
	case SM_INTEGER:
		check(msgpack_pack_int64(&w->packer, x->integer));
		break;
	case SM_REAL:
		check(msgpack_pack_double(&w->packer, x->real));
		break;
	case SM_OTHER:
		put_bytes(w, x->other.bytes, x->other.n);
		break;
	}
}

static void emit(struct iovec *v, size_t n)
{
	while (n > 0) {
		ssize_t k = writev(STDOUT_FILENO, v, n < 64 ? (int)n : 64);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("stdout: %s", strerror(errno));
		for (; n > 0 && (size_t)k >= v->iov_len; v++, n--)
			k -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + k;
			v->iov_len -= (size_t)k;
		}
	}
}

/* Compresses the pieces into one, and returns its length. */
static size_t pack_lz4(struct sm_writer *w, const struct iovec *v, size_t n, size_t total)
{
	LZ4F_preferences_t how = {
		.frameInfo = {.blockSizeID = LZ4F_max256KB, .blockMode = LZ4F_blockIndependent,
			.contentChecksumFlag = LZ4F_contentChecksumEnabled, .contentSize = total},
	};

	grow(&w->packed, &w->packed_room, LZ4F_compressBound(total, &how) + LZ4F_HEADER_SIZE_MAX);
	size_t at = LZ4F_compressBegin(w->lz4, w->packed, w->packed_room, &how);
	for (size_t i = 0; i <= n && !LZ4F_isError(at); i++) {
		char *to = w->packed + at;
		size_t room = w->packed_room - at;
		size_t k = i < n ? LZ4F_compressUpdate(w->lz4, to, room, v[i].iov_base, v[i].iov_len, NULL)
			: LZ4F_compressEnd(w->lz4, to, room, NULL);
		at = LZ4F_isError(k) ? k : at + k;
	}
	if (LZ4F_isError(at))
		die("stdout: LZ4: %s", LZ4F_getErrorName(at));
	return at;
}

/* Writes what was put as one ext object. */
static void flush(struct sm_writer *w, bool hashed)
{
	size_t n = 0, at = 0, total = w->skeleton.size + w->spliced;
	struct iovec *all = xalloc(2 * w->splices + 2, sizeof *all), *v = all + 1;

	for (size_t i = 0; i < w->splices; i++) {
		const struct splice *s = &w->splice[i];
		v[n++] = (struct iovec){w->skeleton.data + at, s->at - at};
		v[n++] = (struct iovec){(void *)(uintptr_t)s->data, s->n};
		at = s->at;
	}
	v[n++] = (struct iovec){w->skeleton.data + at, w->skeleton.size - at};
	if (total > UINT32_MAX)
		die("stdout: a frame of %zu bytes: 4294967295 is the most", total);
	if (w->lz4) {
		total = pack_lz4(w, v, n, total);
		v[0] = (struct iovec){w->packed, total};
		n = 1;
	}
	if (total > UINT32_MAX)
		die("stdout: a frame of %zu bytes: 4294967295 is the most", total);
	unsigned char head[6] = {0xc9, (unsigned char)(total >> 24), (unsigned char)(total >> 16),
		(unsigned char)(total >> 8), (unsigned char)total, w->lz4 ? LZ4 : PLAIN};
	all[0] = (struct iovec){head, sizeof head};
	if (hashed)
		for (size_t i = 0; i <= n; i++)
			if (all[i].iov_len > 0)
				XXH64_update(w->hash, all[i].iov_base, all[i].iov_len);
	emit(all, n + 1);
	free(all);
	msgpack_sbuffer_clear(&w->skeleton);
	w->splices = w->spliced = 0;
}

static uint32_t list_length(const uint8_t *bytes, size_t *prefix)
{
	*prefix = (bytes[0] & 0xf0) == 0x90 ? 1 : bytes[0] == 0xdc ? 3 : 5;
	return *prefix == 1 ? bytes[0] & 0xf : (uint32_t)big_endian(bytes + 1, *prefix - 1);
}

/* The lists of all fields named history, one after another, and this program's entry. */
static void put_history(struct sm_writer *w, const struct sm_frame *header, bool own)
{
	uint32_t total = own;
	size_t prefix, n;

	for (size_t i = 0; i < header->n; i++)
		if (strcmp(header->field[i].name, "history") == 0 && header->field[i].kind == SM_OTHER)
			total += list_length(header->field[i].other.bytes, &prefix);
	put_text(w, "history");
	check(msgpack_pack_array(&w->packer, total));
	for (size_t i = 0; i < header->n; i++)
		if (strcmp(header->field[i].name, "history") == 0 && header->field[i].kind == SM_OTHER) {
			const uint8_t *bytes = header->field[i].other.bytes;
			list_length(bytes, &prefix);
			put_bytes(w, bytes + prefix, header->field[i].other.n - prefix);
		}
	if (!own)
		return;
	for (n = 0; w->argument[n]; )
		n++;
	check(msgpack_pack_array(&w->packer, 3));
	put_text(w, w->program);
	put_text(w, w->version);
	check(msgpack_pack_array(&w->packer, n));
	for (size_t i = 0; i < n; i++)
		put_text(w, w->argument[i]);
}

static void put_header(struct sm_writer *w, const struct sm_frame *header, bool own)
{
	size_t fields = 2;

	for (size_t i = 0; i < header->n; i++)
		fields += strcmp(header->field[i].name, "history") != 0
			&& strcmp(header->field[i].name, "semot") != 0;
	XXH64_reset(w->hash, 0);
	w->frames = 0;
	put_map(w, fields);
	put_text(w, "semot");
	check(msgpack_pack_int(&w->packer, 1));
	for (size_t i = 0; i < header->n; i++)
		if (strcmp(header->field[i].name, "history") != 0
				&& strcmp(header->field[i].name, "semot") != 0)
			put_field(w, &header->field[i]);
	put_history(w, header, own);
	flush(w, true);
}

void sm_join_header(struct sm_frame *to, const struct sm_frame *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strcmp(from->field[i].name, "history") == 0 || !sm_find_field(to, from->field[i].name))
			*append(to, from->field[i].name) = from->field[i];
}

void sm_write_header(struct sm_writer *w, const struct sm_frame *header)
{
	put_header(w, header, true);
}

void sm_rewrite_header(struct sm_writer *w, const struct sm_frame *header)
{
	put_header(w, header, false);
}

void sm_write_frame(struct sm_writer *w, const struct sm_frame *f)
{
	put_map(w, f->n);
	for (size_t i = 0; i < f->n; i++)
		put_field(w, &f->field[i]);
	flush(w, true);
	w->frames++;
}

void sm_write_end(struct sm_writer *w)
{
	check(msgpack_pack_map(&w->packer, 2));
	put_text(w, "end");
	check(msgpack_pack_uint64(&w->packer, w->frames));
	put_text(w, "xxh64");
	check(msgpack_pack_uint64(&w->packer, XXH64_digest(w->hash)));
	flush(w, false);
}

void sm_writer_close(struct sm_writer *w)
{
	if (close(STDOUT_FILENO) != 0)
		die("stdout: %s", strerror(errno));
	XXH64_freeState(w->hash);
	LZ4F_freeCompressionContext(w->lz4);
	msgpack_sbuffer_destroy(&w->skeleton);
	free(w->splice);
	free(w->packed);
	free(w);
}
