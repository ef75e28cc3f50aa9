/* Writing: frames as ext objects on stdout, plain or LZ4. */
#include "stream/internal.h"

#include "base/die.h"

#include <errno.h>
#include <lz4frame.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

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
		die_with(2, "stdout is a terminal: pipe the stream into frame2json to read it");
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

static void put_text(struct sm_writer *w, const char *s)
{
	check(msgpack_pack_str_with_body(&w->packer, s, strlen(s)));
}

static void put_bytes(struct sm_writer *w, const void *bytes, size_t n)
{
	check(msgpack_sbuffer_write(&w->skeleton, bytes, n));
}

static void put_value(struct sm_writer *w, const struct sm_value *v)
{
	msgpack_packer *to = &w->packer;
	size_t items = 0;

	switch (v->kind) {
	case SM_IS_NIL:
		check(msgpack_pack_nil(to));
		break;
	case SM_IS_BOOLEAN:
		check(v->natural ? msgpack_pack_true(to) : msgpack_pack_false(to));
		break;
	case SM_IS_NATURAL:
		check(msgpack_pack_uint64(to, v->natural));
		break;
	case SM_IS_NEGATIVE:
		check(msgpack_pack_int64(to, v->negative));
		break;
	case SM_IS_FLOATING:
		check(v->type == 4 ? msgpack_pack_float(to, (float)v->floating)
			: msgpack_pack_double(to, v->floating));
		break;
	case SM_IS_TEXT:
		check(msgpack_pack_str_with_body(to, v->bytes, v->n));
		break;
	case SM_IS_BYTES:
		check(msgpack_pack_bin_with_body(to, v->bytes, v->n));
		break;
	case SM_IS_EXTENSION:
		check(msgpack_pack_ext_with_body(to, v->bytes, v->n, (int8_t)v->type));
		break;
	case SM_IS_LIST:
		check(msgpack_pack_array(to, v->n));
		items = v->n;
		break;
	case SM_IS_MAP:
		check(msgpack_pack_map(to, v->n));
		items = 2 * v->n;
		break;
	}
	for (size_t i = 0; i < items; i++)
		put_value(w, &v->item[i]);
}

/* [dtype, shape, bytes]. MessagePack lets a short length be written in a longer form; three such
 * choices, worth 1, 2 and 4 bytes, bring the tensor's bytes to a multiple of 8 from the
 * payload's start, so that a reader can use them where they lie. */
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
		die("stdout: %s: a tensor of %zu bytes of %s does not fit into a frame", name,
			bytes, dtype);
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
		die("stdout: %zu fields in a frame: the limit is %d", n, SM_MAX_FIELDS);
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
		put_value(w, &x->value);
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
			die("stdout: %s", error_text(errno));
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
		size_t k = i < n
			? LZ4F_compressUpdate(w->lz4, to, room, v[i].iov_base, v[i].iov_len, NULL)
			: LZ4F_compressEnd(w->lz4, to, room, NULL);
		at = LZ4F_isError(k) ? k : at + k;
	}
	if (LZ4F_isError(at))
		die("stdout: LZ4: %s", lz4_error(at));
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
		die("stdout: a frame of %zu bytes: the limit is 4294967295", total);
	size_t packed = w->lz4 ? pack_lz4(w, v, n, total) : 0;
	/* What does not lie in tensors is values, of a byte or more. */
	bool pack = w->lz4 && w->skeleton.size <= most_values(packed);
	if (pack) {
		total = packed;
		v[0] = (struct iovec){w->packed, total};
		n = 1;
	}
	if (total > UINT32_MAX)
		die("stdout: a frame of %zu bytes: the limit is 4294967295", total);
	unsigned char head[6] = {0xc9, (unsigned char)(total >> 24), (unsigned char)(total >> 16),
		(unsigned char)(total >> 8), (unsigned char)total, pack ? LZ4 : PLAIN};
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

static bool is_history(const struct sm_field *x)
{
	return strcmp(x->name, "history") == 0 && x->kind == SM_OTHER
		&& x->value.kind == SM_IS_LIST;
}

/* The lists of all fields named history, one after another, and this program's entry. */
static void put_history(struct sm_writer *w, const struct sm_frame *header, bool own)
{
	size_t total = own, n = 0;

	for (const struct sm_field *x = header->field; x < header->field + header->n; x++)
		if (is_history(x))
			total += x->value.n;
	put_text(w, "history");
	check(msgpack_pack_array(&w->packer, total));
	for (const struct sm_field *x = header->field; x < header->field + header->n; x++)
		for (size_t i = 0; is_history(x) && i < x->value.n; i++)
			put_value(w, &x->value.item[i]);
	if (!own)
		return;
	while (w->argument[n])
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
		die("stdout: %s", error_text(errno));
	XXH64_freeState(w->hash);
	LZ4F_freeCompressionContext(w->lz4);
	msgpack_sbuffer_destroy(&w->skeleton);
	free(w->splice);
	free(w->packed);
	free(w);
}
