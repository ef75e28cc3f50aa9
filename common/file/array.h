/* Arrays in files: .npy, .npz (stored or deflated), .safetensors and .pt. Files are mapped, so that
 * one larger than memory can be read; pipes are read, and deflated members of an .npz unpacked,
 * into memory; so are views of a .pt whose numbers are not in order.
 * What is wrong with a file is one line on stderr and exit 1. */
#ifndef FILE_ARRAY_H
#define FILE_ARRAY_H

#include "stream/dtype.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { ARRAY_RANK = 6, ARRAYS_MOST = 1 << 16 /* in a file */ };

struct array {
	enum sm_dtype dtype;
	size_t rank, shape[ARRAY_RANK];
	bool boolean;		/* read as u1, for masks alone */
	bool untyped;		/* V2, read as u2, for states of bf16 alone */
	bool fortran;		/* column-major: only SAE weights are read so, by array_floats() */
	const void *data;	/* perhaps misaligned; until archive_close() */
};

/* A file of named arrays; a .npy is one with a single array. */
struct archive;

/* Opens by content, not by name. */
struct archive *archive_open(const char *path);
void archive_close(struct archive *);
const char *archive_name(const struct archive *);
bool archive_zipped(const struct archive *);		/* an .npz? */
bool archive_pickled(const struct archive *);		/* a .pt? */

/* What the file says beside its arrays, an object to json_decref(); NULL: nothing. */
json_t *archive_settings(const struct archive *);

/* The text of that name in an .npz, to free(); NULL: there is none. */
char *archive_text(const struct archive *, const char *key);
/* Texts of that name in an .npz, as file/npz.h has them; NULL: there are none. */
struct npz_texts *archive_texts(struct archive *, const char *key);

/* The array of that name; false when there is none. A NULL key is the only array there is. */
bool archive_find(struct archive *, const char *key, struct array *);
/* The same; that there is none ends the program. */
void archive_want(struct archive *, const char *key, struct array *);

/* The names of all arrays in the order of the file, each to free(), and the list; none of a
 * .npy, and of a .pt that is one tensor. What else an .npz holds is no array. */
char **archive_keys(struct archive *, size_t *n);

/* The numbers of an array in the order of the file, a part at a time; no more of it is held. NULL
 * when there is none of that name, and a NULL key is the only array; a->data stays NULL. */
struct array_parts;
struct array_parts *array_parts_open(struct archive *, const char *key, struct array *a);
/* The next n, as floats or as stored, perhaps misaligned, until the next call. */
void array_parts_read(struct array_parts *, float *x, size_t n);
const void *array_parts_next(struct array_parts *, size_t n);
void array_parts_close(struct array_parts *);

/* Lets go of the pages that were read: file/mapping.h. */
void archive_release(const struct archive *);

/* Of "FILE" or "FILE:KEY" the path, the longest that there is, to free(), and the key, or NULL. */
char *array_path(const char *spec, const char **key);
/* Opens "FILE" or "FILE:KEY"; *a is that array, row-major: Fortran order is refused. */
struct archive *array_open(const char *spec, struct array *a);
/* The same, but booleans may be in it, and numbers without a type. */
struct archive *array_open_any(const char *spec, struct array *a);

size_t array_count(const struct array *);
/* Of all numbers; a shape that overflows ends the program, with `name` in its line. */
size_t array_bytes(const char *name, const struct array *);
/* All of it as floats, row-major, to free(). */
float *array_floats(const struct array *);

/* Ends the program, with `name` in its line, when the array is of booleans, or column-major. */
void array_refuse_boolean(const char *name, const struct array *);
void array_refuse_fortran(const char *name, const struct array *);

/* The last part of a path, without slashes at its end, to free(). */
char *array_base_name(const char *path);

#endif
