/* The stream that ties the programs together: a header, frames, an end mark; see frame(5).
 *
 * A filter reads like this. Every failure of input, format or output is one line on stderr and exit 1,
 * so a call that returns has succeeded.
 *
 *	struct sm_reader *in = sm_reader_open(operand[0]);
 *	struct sm_writer *out = sm_writer_open();
 *	struct sm_frame header = {0}, frame = {0};
 *	while (sm_read_header(in, &header)) {
 *		sm_write_header(out, &header);
 *		while (sm_read_frame(in, &frame)) {
 *			size_t n = SM_ANY;
 *			const uint32_t *token = sm_want(in, &frame, "token", SM_U4, 1, &n);
 *			...
 *			sm_write_frame(out, &frame);
 *		}
 *		sm_write_end(out);
 *	}
 *	sm_writer_close(out);
 *	sm_reader_close(in);
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "stream/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SM_MAX_RANK = 4,
	SM_MAX_FIELDS = 4096,	/* of a header or a frame */
	SM_MAX_DEPTH = 31		/* lists and maps within each other, in a field */
};

struct sm_tensor {
	enum sm_dtype dtype;
	size_t rank, shape[SM_MAX_RANK];
	const void *data;	/* row-major, 8-byte aligned */
};

bool sm_in_streams(enum sm_dtype);	/* may a tensor of a stream be of this dtype? */

struct sm_strings {
	size_t n;
	const char *const *item;
};

enum sm_field_kind {
	SM_TENSOR, SM_STRINGS, SM_STRING, SM_INTEGER, SM_REAL,
	SM_OTHER		/* any other MessagePack value, kept as bytes so that it passes through */
};

struct sm_field {
	const char *name;
	enum sm_field_kind kind;
	union {
		struct sm_tensor tensor;
		struct sm_strings strings;
		const char *string;
		int64_t integer;
		double real;
		struct {
			const void *bytes;
			size_t n;
		} other;
	};
};

/* A header or a frame: named fields, in order. {0} is an empty one. What a field points to belongs to
 * the reader's buffer until the next read into the same frame, or to whoever called set_...(): it has
 * to stay until the frame is written. */
struct sm_frame {
	struct sm_field *field;
	size_t n, room;
	void *memory;		/* the reader's: payload, strings */
};

void sm_frame_free(struct sm_frame *);

/* -- Reading ---------------------------------------------------------------------------------- */

struct sm_reader;

/* Opens a file of streams; NULL or "-" is stdin. */
struct sm_reader *sm_reader_open(const char *path);
void sm_reader_close(struct sm_reader *);
const char *sm_reader_name(const struct sm_reader *);

/* The next stream's header; false where the input ends. An input without any stream is an error. */
bool sm_read_header(struct sm_reader *, struct sm_frame *header);

/* The next frame; false after an end mark that agrees with what was read. */
bool sm_read_frame(struct sm_reader *, struct sm_frame *);

/* Ends the program with a line that names the stream and the frame. */
_Noreturn void sm_bad(const struct sm_reader *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Is this how a stream begins, and no text? */
bool sm_begins_stream(char first);

/* -- Fields ----------------------------------------------------------------------------------- */

#define SM_ANY SIZE_MAX
#define SM_COUNT(type, ...) (sizeof (type[]){__VA_ARGS__} / sizeof(type))

struct sm_field *sm_find_field(const struct sm_frame *, const char *name);	/* NULL when absent */
/* Takes away the fields of these names, where there are any. */
#define sm_drop(frame, ...) \
	sm_drop_all(frame, SM_COUNT(const char *, __VA_ARGS__), (const char *[]){__VA_ARGS__})
void sm_drop_all(struct sm_frame *, size_t n, const char *const *name);

/* The data of a tensor that has to be there with this dtype and rank. For each dimension a size_t *
 * follows: SM_ANY takes the tensor's length, another value has to be equal to it. */
#define sm_want(reader, frame, name, dtype, ...) \
	sm_want_shape(reader, frame, name, dtype, SM_COUNT(size_t *, __VA_ARGS__), (size_t *[]){__VA_ARGS__})
const void *sm_want_shape(const struct sm_reader *, const struct sm_frame *, const char *name, enum sm_dtype dtype,
	size_t rank, size_t *const *length);
/* The same for any float dtype: the tensor. */
#define sm_want_floats(reader, frame, name, ...) \
	sm_want_floats_shape(reader, frame, name, SM_COUNT(size_t *, __VA_ARGS__), (size_t *[]){__VA_ARGS__})
const struct sm_tensor *sm_want_floats_shape(const struct sm_reader *, const struct sm_frame *, const char *name,
	size_t rank, size_t *const *length);
/* The (n + 1) ends of n rows in tensors of `entries` numbers: they begin with 0, never descend and end with entries. n is
 * SM_ANY or has to be equal. */
const uint32_t *sm_want_indptr(const struct sm_reader *, const struct sm_frame *, const char *name, size_t *n,
	size_t entries);
struct sm_strings sm_want_strings(const struct sm_reader *, const struct sm_frame *, const char *name, size_t *n);
const char *sm_want_string(const struct sm_reader *, const struct sm_frame *, const char *name);
size_t sm_want_size(const struct sm_reader *, const struct sm_frame *, const char *name);
/* The header's "kind" has to be one of these; returns its place among them. */
#define sm_want_kind(reader, header, ...) \
	sm_want_one_of(reader, header, SM_COUNT(const char *, __VA_ARGS__), (const char *[]){__VA_ARGS__})
size_t sm_want_one_of(const struct sm_reader *, const struct sm_frame *header, size_t n, const char *const *kind);

const char *sm_get_string(const struct sm_frame *, const char *name, const char *otherwise);

/* Set a field in place, or append it. Names, texts and data are kept as pointers, not copied. */
#define sm_set_tensor(frame, name, dtype, data, ...) \
	sm_set_shape(frame, name, dtype, data, SM_COUNT(size_t, __VA_ARGS__), (size_t[]){__VA_ARGS__})
void sm_set_shape(struct sm_frame *, const char *name, enum sm_dtype dtype, const void *data, size_t rank,
	const size_t *shape);
void sm_set_strings(struct sm_frame *, const char *name, size_t n, const char *const *item);
void sm_set_string(struct sm_frame *, const char *name, const char *text);
void sm_set_integer(struct sm_frame *, const char *name, int64_t value);
void sm_set_real(struct sm_frame *, const char *name, double value);
void sm_set_other(struct sm_frame *, const char *name, const void *bytes, size_t n);

/* Adds to `to` the fields of `from` that it lacks, and the history of `from` after its own: the header
 * of what was made from two streams. `from` has to stay until `to` was written. */
void sm_join_header(struct sm_frame *to, const struct sm_frame *from);

/* -- Values of kind SM_OTHER ----------------------------------------------------------------------- */

enum sm_value_kind {
	SM_IS_NIL, SM_IS_BOOLEAN, SM_IS_NATURAL, SM_IS_NEGATIVE, SM_IS_FLOATING,
	SM_IS_TEXT, SM_IS_BYTES, SM_IS_EXTENSION, SM_IS_LIST, SM_IS_MAP
};

struct sm_value {
	enum sm_value_kind kind;
	union {
		uint64_t natural;	/* a boolean's as well: 0 or 1 */
		int64_t negative;
		double floating;
	};
	size_t n;			/* bytes of a text or extension; items of a list, pairs of a map */
	const void *bytes;		/* no zero ends them */
	int type;			/* of an extension */
};

/* The value at *bytes, which moves on behind it. The n items of a list follow as values of their own; so do
 * the n keys and values of a map. */
struct sm_value sm_next_value(const void **bytes);

struct sm_packing {
	char *bytes;			/* to free() */
	size_t n, room;
};

/* Appends a value to a packing, {0} at first; after a list or a map, its items or pairs. */
void sm_pack_value(struct sm_packing *, const struct sm_value *);

/* -- Writing ---------------------------------------------------------------------------------- */

struct sm_writer;

/* Writes to stdout, which must not be a terminal. The entry that write_header() appends to histories: this program, its
 * version and its arguments, NULL at the end; they have to stay until the writer is closed. */
struct sm_writer *sm_writer_open(const char *program, const char *version, const char *const *argument);
void sm_writer_compress(struct sm_writer *, bool lz4);	/* payloads from here on; plain unless told */

/* Writes the header with this program's entry appended to its history ... */
void sm_write_header(struct sm_writer *, const struct sm_frame *header);
/* ... or as it is, for a program that only repacks. */
void sm_rewrite_header(struct sm_writer *, const struct sm_frame *header);
void sm_write_frame(struct sm_writer *, const struct sm_frame *);
void sm_write_end(struct sm_writer *);

/* Closes stdout and checks that everything arrived. */
void sm_writer_close(struct sm_writer *);

#endif
