/* Changes of streams, see frame(5): of the objects, of a frame's fields, of a tensor's parts.
 * Lengths, the count of frames and the checksum are made right again, most of the time. */
#include "fuzz.h"

#include <lz4frame.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { OBJECTS = 256 };

/* -- Tensors ----------------------------------------------------------------------------------- */

static const char *const dtypes[] = {"<f4", "<f8", "<f2", "bf16", "<u4", "<u8", "<i4", "|u1",
	"|b1", ">f4", "<i8", ""};

static bool has(const msgpack_object *text, const char *is)
{
	return text->type == MSGPACK_OBJECT_STR && text->via.str.size == strlen(is)
		&& memcmp(text->via.str.ptr, is, strlen(is)) == 0;
}

static size_t dtype_width(const msgpack_object *text)
{
	static const uint8_t width[] = {4, 8, 2, 2, 4, 8, 4, 1, 1, 4, 8};

	for (size_t i = 0; i < sizeof width; i++)
		if (has(text, dtypes[i]))
			return width[i];
	return 1;
}

static bool is_tensor(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 3
		&& o->via.array.ptr[0].type == MSGPACK_OBJECT_STR
		&& o->via.array.ptr[1].type == MSGPACK_OBJECT_ARRAY
		&& o->via.array.ptr[2].type == MSGPACK_OBJECT_BIN;
}

static void put_element(char *to, const msgpack_object *dtype)
{
	double real = some_real();
	float single = (float)real;
	int64_t integer = some_integer();
	size_t width = dtype_width(dtype);

	if (has(dtype, "<f8"))
		memcpy(to, &real, 8);
	else if (has(dtype, "<f4"))
		memcpy(to, &single, 4);
	else if (width == 2)
		memcpy(to, &(uint16_t){(uint16_t)below(65536)}, 2);
	else
		memcpy(to, &integer, width);
}

static void set_text(msgpack_object *o, const char *text)
{
	o->type = MSGPACK_OBJECT_STR;
	o->via.str.ptr = text;
	o->via.str.size = (uint32_t)strlen(text);
}

static void set_integer(msgpack_object *o, int64_t x)
{
	o->type = x < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
	o->via.i64 = x;
}

/* A length becomes another, and there are as many bytes as the shape says, within limits. */
static void change_shape(msgpack_object *t, msgpack_zone *zone)
{
	msgpack_object *shape = &t->via.array.ptr[1], *bin = &t->via.array.ptr[2];
	size_t room = 1 << 14, n = dtype_width(&t->via.array.ptr[0]);
	msgpack_object *length = msgpack_zone_malloc(zone, 6 * sizeof *length);
	char *to = msgpack_zone_malloc(zone, room);

	memcpy(length, shape->via.array.ptr, (shape->via.array.size < 5
		? shape->via.array.size : 5) * sizeof *length);
	shape->via.array.ptr = length;
	size_t rank = shape->via.array.size < 5 ? shape->via.array.size : 5;
	if (below(6) == 0)
		set_integer(&length[rank++], (int64_t)below(3));
	else if (rank > 0 && below(6) == 0)
		rank--;
	else if (rank > 0) {
		msgpack_object *x = &length[below(rank)];
		set_integer(x, below(4) ? (int64_t)(x->via.u64 + (below(2) ? 1 : -1ull))
			: some_integer());
	}
	shape->via.array.size = (uint32_t)rank;
	for (size_t i = 0; i < rank; i++)
		if (length[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER
				|| __builtin_mul_overflow(n, length[i].via.u64, &n))
			n = 0;
	n = n < room ? n : room;
	memset(to, 0, n);
	memcpy(to, bin->via.bin.ptr, n < bin->via.bin.size ? n : bin->via.bin.size);
	bin->via.bin.ptr = to;
	if (below(12))
		bin->via.bin.size = (uint32_t)n;
}

static void change_elements(msgpack_object *t, msgpack_zone *zone)
{
	msgpack_object *dtype = &t->via.array.ptr[0], *bin = &t->via.array.ptr[2];
	size_t width = dtype_width(dtype), n = bin->via.bin.size / width;
	char *to = msgpack_zone_malloc(zone, bin->via.bin.size + 8);

	memcpy(to, bin->via.bin.ptr, bin->via.bin.size);
	bin->via.bin.ptr = to;
	if (n == 0)
		return;
	char *element = to + below(n) * width;
	switch (below(5)) {
	case 0:
		memcpy(element, to + below(n) * width, width);
		return;
	case 1:
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * width, element, width);
		return;
	case 2:
		element[0] = (char)(element[0] + (below(2) ? 1 : -1));
		return;
	case 3:
		change_bytes((uint8_t *)to, bin->via.bin.size, bin->via.bin.size);
		return;
	}
	put_element(element, dtype);
}

/* -- Values ------------------------------------------------------------------------------------ */

static void change_value(msgpack_object *o, msgpack_zone *zone)
{
	struct word w = below(2) ? some_word() : some_number();

	switch (below(9)) {
	case 0:
		o->type = MSGPACK_OBJECT_FLOAT64;
		o->via.f64 = some_real();
		return;
	case 1:
		o->type = MSGPACK_OBJECT_NIL;
		return;
	case 2:
		o->type = MSGPACK_OBJECT_BOOLEAN;
		o->via.boolean = below(2);
		return;
	case 3:
	case 4:
		o->type = below(8) ? MSGPACK_OBJECT_STR : MSGPACK_OBJECT_BIN;
		o->via.str.ptr = w.text;
		o->via.str.size = (uint32_t)w.n;
		return;
	case 5: {
		msgpack_object *item = msgpack_zone_malloc(zone, sizeof *item);
		*item = *o;
		o->type = MSGPACK_OBJECT_ARRAY;
		o->via.array.ptr = item;
		o->via.array.size = (uint32_t)below(2);
		return;
	}
	case 6:
		if (o->type == MSGPACK_OBJECT_STR || o->type == MSGPACK_OBJECT_BIN) {
			size_t n = o->via.str.size, room = n + 64;
			uint8_t *to = msgpack_zone_malloc(zone, room);
			memcpy(to, n > 0 ? o->via.str.ptr : "", n);
			o->via.str.size = (uint32_t)change_bytes(to, n, room);
			o->via.str.ptr = (char *)to;
			return;
		}
		/* fall through */
	default:
		set_integer(o, some_integer());
	}
}

/* Items go, come twice, change places, or one changes. */
static void change_list(msgpack_object *o, msgpack_zone *zone)
{
	size_t n = o->via.array.size;
	msgpack_object *item = msgpack_zone_malloc(zone, (n + 1) * sizeof *item);

	memcpy(item, o->via.array.ptr, n * sizeof *item);
	o->via.array.ptr = item;
	if (n == 0) {
		change_value(&item[o->via.array.size++], zone);
		return;
	}
	msgpack_object *x = &item[below(n)];
	switch (below(6)) {
	case 0:
		*x = item[n - 1];
		o->via.array.size--;
		return;
	case 1:
		item[o->via.array.size++] = *x;
		return;
	case 2:
	case 3:
		*x = item[below(n)];
		return;
	}
	change_value(x, zone);
}

static void change_within(msgpack_object *o, msgpack_zone *zone)
{
	if (is_tensor(o) && below(12)) {
		size_t how = below(8);
		if (how == 0)
			set_text(o->via.array.ptr, dtypes[below(sizeof dtypes / sizeof *dtypes)]);
		else if (how < 3)
			change_shape(o, zone);
		else
			change_elements(o, zone);
		return;
	}
	for (int deep = 0; deep < 8 && below(3); deep++) {
		if (o->type == MSGPACK_OBJECT_MAP && o->via.map.size > 0)
			o = &o->via.map.ptr[below(o->via.map.size)].val;
		else if (o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size > 0 && below(2))
			o = &o->via.array.ptr[below(o->via.array.size)];
	}
	if (o->type == MSGPACK_OBJECT_ARRAY && below(8))
		change_list(o, zone);
	else
		change_value(o, zone);
}

enum { LONG = 1 << 24 };		/* features whose pairs only take long */

/* A field changes, goes, is there twice or under another name, or takes another's value. */
static void change_map(msgpack_object *map, msgpack_zone *zone)
{
	size_t n = map->via.map.size;
	msgpack_object_kv *field = msgpack_zone_malloc(zone, (n + 1) * sizeof *field);

	memcpy(field, map->via.map.ptr, n * sizeof *field);
	map->via.map.ptr = field;
	if (n == 0)
		return;
	msgpack_object_kv *x = &field[below(n)];
	switch (below(16)) {
	case 0:
		memmove(x, x + 1, (size_t)(field + n - x - 1) * sizeof *x);
		map->via.map.size--;
		return;
	case 1:
		field[map->via.map.size++] = *x;
		change_value(&field[n].key, zone);
		return;
	case 2:
		change_value(&x->key, zone);
		return;
	case 3:
		x->val = field[below(n)].val;
		return;
	case 4:
		if (below(8) == 0)
			field[map->via.map.size++] = *x;
		return;
	}
	change_within(&x->val, zone);
	if (has(&x->key, "features") && x->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER
			&& x->val.via.u64 < LONG)
		x->val.via.u64 %= 512;
}

/* Another map in place of the one that is packed: how many bytes, or 0: it is none. */
static size_t change_payload(uint8_t *to, size_t most, const uint8_t *bytes, size_t n)
{
	msgpack_zone zone;
	msgpack_object map;
	msgpack_sbuffer out;
	msgpack_packer packer;
	size_t at = 0, now = 0;

	msgpack_zone_init(&zone, 8192);
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
	if (payload_is_sound(bytes, n)
			&& msgpack_unpack((char *)(uintptr_t)bytes, n, &at, &zone, &map) > 0
			&& map.type == MSGPACK_OBJECT_MAP) {
		for (size_t times = 1 + below(2); times > 0; times--)
			change_map(&map, &zone);
		if (msgpack_pack_object(&packer, map) == 0 && out.size <= most) {
			now = out.size;
			memcpy(to, out.data, now);
		}
	}
	msgpack_sbuffer_destroy(&out);
	msgpack_zone_destroy(&zone);
	return now;
}

/* -- Objects ----------------------------------------------------------------------------------- */

static uint8_t packed[ROOM];

static void pack_lz4(struct object *o)
{
	LZ4F_preferences_t how = {.frameInfo = {.contentSize = o->n,
		.contentChecksumFlag = LZ4F_contentChecksumEnabled}};

	if (LZ4F_compressFrameBound(o->n, &how) <= ROOM)
		*o = (struct object){LZ4, packed,
			LZ4F_compressFrame(packed, ROOM, o->bytes, o->n, &how)};
}

static void change_object(struct object *o)
{
	static uint8_t body[ROOM];
	bool was_packed = o->type == LZ4;

	if (was_packed && below(8))
		unpack_lz4(o);
	size_t n = o->type == PLAIN && below(12)
		? change_payload(body, ROOM / 2, o->bytes, o->n) : 0;
	if (n == 0 && o->n < ROOM / 2) {
		memcpy(body, o->bytes, o->n);
		n = change_bytes(body, o->n, o->n + 64);
	}
	o->bytes = body;
	o->n = n;
	if (was_packed == (below(24) != 0) && o->type == PLAIN)
		pack_lz4(o);
	if (below(200) == 0)
		o->type = (uint8_t)below(256);
}

static size_t put_end(uint8_t *to, uint64_t frames, uint64_t hash)
{
	uint8_t *at = to;

	memcpy(at, "\x82\xa3" "end\xcf", 6);
	for (int i = 0; i < 8; i++)
		at[6 + i] = (uint8_t)(frames >> 8 * (7 - i));
	memcpy(at + 14, "\xa5" "xxh64\xcf", 7);
	for (int i = 0; i < 8; i++)
		at[21 + i] = (uint8_t)(hash >> 8 * (7 - i));
	return 29;
}

/* The objects as one string of bytes; `right`: with end marks that agree. */
static size_t put_objects(uint8_t *to, size_t most, const struct object *o, size_t n, bool right)
{
	size_t at = 0, begin = 0, frames = 0;
	uint8_t mark[29];

	for (size_t i = 0; i < n; i++, frames++) {
		struct object x = o[i];
		if (is_end(&x) && right)
			x = (struct object){PLAIN, mark,
				put_end(mark, frames - 1, XXH64(to + begin, at - begin, 0))};
		if (most - at < 6 || x.n > most - at - 6)
			return 0;
		to[at] = 0xc9;
		for (int k = 0; k < 4; k++)
			to[at + 1 + (size_t)k] = (uint8_t)(x.n >> 8 * (3 - k));
		to[at + 5] = x.type;
		memcpy(to + at + 6, x.bytes, x.n);
		at += 6 + x.n;
		if (is_end(&o[i])) {
			begin = at;
			frames = (size_t)-1;
		}
	}
	return at;
}

size_t change_stream(uint8_t *bytes, size_t n, size_t most)
{
	static uint8_t out[ROOM];
	struct object o[OBJECTS + 1], x;
	size_t k = find_objects(o, OBJECTS, bytes, n), a = below(k), b = below(k);

	if (k == 0)
		return change_bytes(bytes, n, most);
	switch (below(20)) {
	case 0:
		memmove(o + a, o + a + 1, (--k - a) * sizeof *o);
		break;
	case 1:
		memmove(o + a + 1, o + a, (k++ - a) * sizeof *o);
		break;
	case 2:
		x = o[a];
		o[a] = o[b];
		o[b] = x;
		break;
	default:
		if (is_end(&o[a]) && below(8))
			a = b;
		change_object(&o[a]);
	}
	size_t now = put_objects(out, most < ROOM ? most : ROOM, o, k, below(24) > 0);
	if (now == 0)
		return n;
	memcpy(bytes, out, now);
	return now;
}
