/* Streams of semot: a header, frames, an end mark; see frame(5). A filter reads like this:
 *
 *	struct sm_reader *in = sm_reader_open(path);
 *	struct sm_writer *out = sm_writer_open("first-filter", "1", argv + 1);
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
 *	sm_frame_free(&header);
 *	sm_frame_free(&frame);
 *
 * A call that returns has succeeded. What fails (input, format, memory, output) ends the program,
 * as sm_on_error() says. */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "stream/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A failure is one line, such as "12.dist: frame 3: no token". It goes to stderr behind the
 * program's name, and the program exits with status 1, or with 2 where stdout is a terminal. A
 * handler gets status and line instead. It must not return: it exits, or it leaves by longjmp().
 * Readers, writers and frames can then only be closed and freed. NULL: as at first. */
void sm_on_error(void (*handler)(int status, const char *line));

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

enum sm_value_kind {
	SM_IS_NIL, SM_IS_BOOLEAN, SM_IS_NATURAL, SM_IS_NEGATIVE, SM_IS_FLOATING,
	SM_IS_TEXT, SM_IS_BYTES, SM_IS_EXTENSION, SM_IS_LIST, SM_IS_MAP
};

/* Any value of MessagePack. */
struct sm_value {
	enum sm_value_kind kind;
	int type;		/* of an extension; of a floating number 4 when it has 4 bytes */
	union {
		uint64_t natural;	/* a boolean's as well: 0 or 1 */
		int64_t negative;
		double floating;
		size_t n;	/* bytes of a text or so; items of a list; pairs of a map */
	};
	union {
		const void *bytes;	/* no zero ends them */
		struct sm_value *item;	/* of a list (n); a map's keys and values in turn (2 n) */
	};
};

enum sm_field_kind {
	SM_TENSOR, SM_STRINGS, SM_STRING, SM_INTEGER, SM_REAL,
	SM_OTHER		/* any other value, which passes through */
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
		struct sm_value value;
	};
};

/* A header or a frame: named fields, in order. {0} is an empty one. What a field points to
 * belongs to the frame until the next read into it, or to whoever called sm_set_...(): it has to
 * stay until the frame is written. */
struct sm_frame {
	struct sm_field *field;
	size_t n, room;
	void *memory;		/* of what was read: payload, strings */
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

/* Fails with a line that names the stream and the frame. */
_Noreturn void sm_bad(const struct sm_reader *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Is this how a stream begins, and no text? */
bool sm_begins_stream(char first);

/* -- Fields ----------------------------------------------------------------------------------- */

#define SM_ANY SIZE_MAX
#define SM_COUNT(type, ...) (sizeof (type[]){__VA_ARGS__} / sizeof(type))

/* NULL when absent. */
struct sm_field *sm_find_field(const struct sm_frame *, const char *name);
/* Takes away the fields of these names, where there are any. */
#define sm_drop(frame, ...) \
	sm_drop_all(frame, SM_COUNT(const char *, __VA_ARGS__), (const char *[]){__VA_ARGS__})
void sm_drop_all(struct sm_frame *, size_t n, const char *const *name);

/* The data of a tensor that has to be there with this dtype and rank. For each dimension a size_t *
 * follows: SM_ANY takes the tensor's length, another value has to be equal to it. */
#define sm_want(reader, frame, name, dtype, ...) \
	sm_want_shape(reader, frame, name, dtype, SM_COUNT(size_t *, __VA_ARGS__), \
		(size_t *[]){__VA_ARGS__})
const void *sm_want_shape(const struct sm_reader *, const struct sm_frame *, const char *name,
	enum sm_dtype dtype, size_t rank, size_t *const *length);
/* The same for any float dtype: the tensor. */
#define sm_want_floats(reader, frame, name, ...) \
	sm_want_floats_shape(reader, frame, name, SM_COUNT(size_t *, __VA_ARGS__), \
		(size_t *[]){__VA_ARGS__})
const struct sm_tensor *sm_want_floats_shape(const struct sm_reader *, const struct sm_frame *,
	const char *name, size_t rank, size_t *const *length);
/* The (n + 1) ends of n rows in tensors of `entries` numbers: they begin with 0, never descend
 * and end with entries. n is SM_ANY or has to be equal. */
const uint32_t *sm_want_indptr(const struct sm_reader *, const struct sm_frame *, const char *name,
	size_t *n, size_t entries);
struct sm_strings sm_want_strings(const struct sm_reader *, const struct sm_frame *,
	const char *name, size_t *n);
const char *sm_want_string(const struct sm_reader *, const struct sm_frame *, const char *name);
size_t sm_want_size(const struct sm_reader *, const struct sm_frame *, const char *name);
/* The header's "kind" has to be one of these; returns its place among them. */
#define sm_want_kind(reader, header, ...) \
	sm_want_one_of(reader, header, SM_COUNT(const char *, __VA_ARGS__), \
		(const char *[]){__VA_ARGS__})
size_t sm_want_one_of(const struct sm_reader *, const struct sm_frame *header, size_t n,
	const char *const *kind);

const char *sm_get_string(const struct sm_frame *, const char *name, const char *otherwise);
/* 0 when it is no positive integer. */
size_t sm_get_size(const struct sm_frame *, const char *name);

/* Set a field in place, or append it. Names, texts and data are kept as pointers, not copied. */
#define sm_set_tensor(frame, name, dtype, data, ...) \
	sm_set_shape(frame, name, dtype, data, SM_COUNT(size_t, __VA_ARGS__), \
		(size_t[]){__VA_ARGS__})
void sm_set_shape(struct sm_frame *, const char *name, enum sm_dtype dtype, const void *data,
	size_t rank, const size_t *shape);
void sm_set_strings(struct sm_frame *, const char *name, size_t n, const char *const *item);
void sm_set_string(struct sm_frame *, const char *name, const char *text);
void sm_set_integer(struct sm_frame *, const char *name, int64_t value);
void sm_set_real(struct sm_frame *, const char *name, double value);
void sm_set_value(struct sm_frame *, const char *name, const struct sm_value *);

/* Adds to `to` the fields of `from` that it lacks, and the history of `from` after its own: the
 * header of what was made from two streams. `from` has to stay until `to` was written. */
void sm_join_header(struct sm_frame *to, const struct sm_frame *from);

/* -- Writing ---------------------------------------------------------------------------------- */

struct sm_writer;

/* Writes to stdout, which must not be a terminal. sm_write_header() appends an entry to
 * histories: this program, its version and its arguments, NULL at the end. All three have to
 * stay until the writer is closed. */
struct sm_writer *sm_writer_open(const char *program, const char *version,
	const char *const *argument);
/* LZ4 payloads from here on, or plain ones, as at first. */
void sm_writer_compress(struct sm_writer *, bool lz4);

/* Writes the header with this program's entry appended to its history ... */
void sm_write_header(struct sm_writer *, const struct sm_frame *header);
/* ... or as it is, for a program that only repacks. */
void sm_rewrite_header(struct sm_writer *, const struct sm_frame *header);
void sm_write_frame(struct sm_writer *, const struct sm_frame *);
void sm_write_end(struct sm_writer *);

/* Closes stdout and checks that everything arrived. */
void sm_writer_close(struct sm_writer *);

#endif
