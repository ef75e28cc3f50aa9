/* Streams as the fuzzer sees them, see frame(5): objects, which need not be what they should. */
#include "fuzz.h"

#include <lz4frame.h>
#include <msgpack.h>
#include <string.h>
#include <xxhash.h>

static uint64_t big_endian(const uint8_t *bytes, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x = x << 8 | bytes[i];
	return x;
}

size_t find_objects(struct object *o, size_t most, const uint8_t *bytes, size_t n)
{
	size_t k = 0;

	for (size_t at = 0; k < most && at < n; k++) {
		if (bytes[at] < 0xc7 || bytes[at] > 0xc9)
			break;
		size_t width = (size_t)1 << (bytes[at] - 0xc7), head = width + 2;
		if (n - at < head)
			break;
		o[k] = (struct object){bytes[at + head - 1], bytes + at + head,
			big_endian(bytes + at + 1, width)};
		if (o[k].n > n - at - head)
			break;
		at += head + o[k].n;
	}
	return k;
}

static bool begins(const struct object *o, const char *key)
{
	size_t n = strlen(key);

	return o->type == PLAIN && o->n > n + 2 && (*o->bytes & 0xf0) == 0x80
		&& o->bytes[1] == (0xa0 | n) && memcmp(o->bytes + 2, key, n) == 0;
}

bool is_end(const struct object *o)
{
	return begins(o, "end");
}

void unpack_lz4(struct object *o)
{
	static uint8_t plain[ROOM];
	LZ4F_dctx *lz4;
	size_t room = ROOM, n = o->n;

	LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION);
	size_t left = LZ4F_decompress(lz4, plain, &room, o->bytes, &n, NULL);
	LZ4F_freeDecompressionContext(lz4);
	if (left == 0)
		*o = (struct object){PLAIN, plain, room};
}

/* Does the end mark say these numbers? */
static bool agrees(const struct object *o, uint64_t frames, uint64_t hash)
{
	msgpack_zone zone;
	msgpack_object end;
	size_t at = 0;

	msgpack_zone_init(&zone, 512);
	bool fine = msgpack_unpack((char *)(uintptr_t)o->bytes, o->n, &at, &zone, &end) > 0
		&& end.type == MSGPACK_OBJECT_MAP && end.via.map.size == 2
		&& end.via.map.ptr[0].val.via.u64 == frames
		&& end.via.map.ptr[1].val.via.u64 == hash;
	msgpack_zone_destroy(&zone);
	return fine;
}

bool stream_is_whole(struct bytes b)
{
	const uint8_t *begin = b.bytes, *at = begin, *end = begin + b.n;
	uint64_t frames = 0;
	struct object o;

	while (at < end) {
		if (find_objects(&o, 1, at, (size_t)(end - at)) == 0)
			return false;
		const uint8_t *next = o.bytes + o.n;
		if (o.type == LZ4)
			unpack_lz4(&o);
		if (is_end(&o)) {
			if (!agrees(&o, frames - 1, XXH64(begin, (size_t)(at - begin), 0)))
				return false;
			begin = next;
			frames = 0;
		} else {
			frames++;
		}
		at = next;
	}
	return begin == end;
}

enum { DEEP = 64 };

/* The end of a value of MessagePack, or NULL: there is none before `end`. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end, int depth)
{
	static const uint8_t width[] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8,
		2, 3, 5, 9, 17, 1, 2, 4, 2, 4, 2, 4};

	if (at == end || depth == DEEP)
		return NULL;
	uint8_t b = *at++;
	uint64_t bytes = 0, items = 0;
	if (b >= 0xc0 && b < 0xe0) {
		size_t n = width[b - 0xc0];
		if ((size_t)(end - at) < n)
			return NULL;
		uint64_t x = big_endian(at, n < 8 ? n : 0);
		at += n;
		if (b >= 0xc4 && b <= 0xc9)
			bytes = x + (b >= 0xc7);
		else if (b >= 0xd9 && b <= 0xdb)
			bytes = x;
		else if (b >= 0xdc)
			items = b < 0xde ? x : 2 * x;
	} else if (b >= 0x80 && b < 0xc0) {
		bytes = b >= 0xa0 ? b & 31u : 0;
		items = b < 0x90 ? 2 * (b & 15u) : b < 0xa0 ? b & 15u : 0;
	}
	if ((uint64_t)(end - at) < bytes)
		return NULL;
	for (at += bytes; items > 0 && at; items--)
		at = value_end(at, end, depth + 1);
	return at;
}

bool payload_is_sound(const uint8_t *bytes, size_t n)
{
	return value_end(bytes, bytes + n, 0) == bytes + n;
}
