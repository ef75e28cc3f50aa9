#include "file/array.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/folder.h"
#include "file/mapping.h"
#include "file/npy.h"
#include "file/npz.h"
#include "file/pt.h"
#include "file/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct archive {
	struct mapping file;
	bool zipped;			/* an .npz ... */
	struct zip zip;
	struct pt *pt;			/* ... or a .pt ... */
	json_t *header;			/* ... or a .safetensors, whose data begin at `data` ... */
	size_t data;
	struct zip_reader **member;	/* of the .npz, that were read */
	size_t members;
};

size_t array_count(const struct array *a)
{
	size_t n = 1;

	for (size_t i = 0; i < a->rank; i++)
		n *= a->shape[i];
	return n;
}

float *array_floats(const struct array *a)
{
	size_t n = array_count(a);

	memory_need((double)n * sizeof(float), NULL, "%zu weights", n);
	float *x = xalloc(n, sizeof *x);
	if (!a->fortran) {
		sm_to_float(x, a->data, a->dtype, n);
		return x;
	}
	for (size_t i = 0; i < a->shape[0]; i++)
		for (size_t j = 0; j < a->shape[1]; j++)
			x[i * a->shape[1] + j] = (float)sm_to_double(a->data, a->dtype,
				i + j * a->shape[0]);
	return x;
}

void array_refuse_boolean(const char *name, const struct array *a)
{
	if (a->boolean)
		die("%s: numbers of type bool cannot be read, but as a mask", name);
}

static void refuse_special(const char *name, const struct array *a)
{
	array_refuse_boolean(name, a);
	if (a->untyped)
		die("%s: numbers of type V2, which is how bfloat16 gets into a .npy, can be read "
			"as states only (--bf16): save .safetensors, or f4", name);
}

void array_refuse_fortran(const char *name, const struct array *a)
{
	if (a->fortran)
		die("%s: Fortran order: save it in C order (np.ascontiguousarray)", name);
}

char *array_base_name(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t begin = n;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	return xasprintf("%.*s", (int)(n - begin), path + begin);
}

size_t array_bytes(const char *name, const struct array *a)
{
	size_t bytes = sm_dtype_size(a->dtype);

	for (size_t i = 0; i < a->rank; i++)
		if (__builtin_mul_overflow(bytes, a->shape[i], &bytes))
			die("%s: the shape overflows", name);
	return bytes;
}

/* -- .npy -------------------------------------------------------------------------------------- */

/* The header is of `at` bytes, 0: cut short, in a file of n. */
static void check_length(const char *name, size_t at, size_t n, const struct array *a)
{
	if (at == 0 || n - at < array_bytes(name, a))
		die("%s: cut short: %zu bytes", name, n);
	if (n - at > array_bytes(name, a))
		die("%s: %zu bytes after the array", name, n - at - array_bytes(name, a));
}

static void npy(const char *name, const char *bytes, size_t n, struct array *a)
{
	size_t at = npy_header(name, bytes, n, a);

	check_length(name, at, n, a);
	a->data = bytes + at;
}

/* -- .npz -------------------------------------------------------------------------------------- */

static bool find_member(struct archive *f, const char *key, struct array *a)
{
	struct zip_reader *m = npz_open(&f->zip, f->file.name, key);

	if (!m)
		return false;
	f->member = xrealloc(f->member, f->members + 1, sizeof *f->member);
	f->member[f->members++] = m;
	if (!m->member->bytes)
		memory_need((double)m->left, NULL, "%s", m->name);
	npy(m->name, zip_next(m, m->left), m->member->n, a);
	return true;
}

/* -- All of them ------------------------------------------------------------------------------- */

static void open_zip(struct archive *f)
{
	f->pt = pt_open(f->file.name, f->file.bytes, f->file.n);
	if (f->pt)
		return;
	f->zipped = zip_open(&f->zip, f->file.bytes, f->file.n);
	if (!f->zipped)
		die("%s: a zip archive that cannot be read: %s", f->file.name, f->zip.wrong);
}

/* torch.save's before 1.6: the number that begins it. */
static const char old_pt[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19";

/* Formats that are not read, by how they begin. */
static _Noreturn void die_unread(const char *path, const char *bytes)
{
	static const struct {
		const char *begin, *name;
	} format[] = {
		{"PAR1", "parquet"}, {"ARROW1", "Arrow"}, {"\xff\xff\xff\xff", "Arrow"},
		{"\x89HDF", "HDF5"}, {"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"},
	};
	const char *name = bytes ? NULL : strerror(EISDIR);

	for (size_t i = 0; bytes && i < sizeof format / sizeof *format; i++)
		if (strncmp(bytes, format[i].begin, strlen(format[i].begin)) == 0)
			name = format[i].name;
	die("%s: %s%sneither .npy, .npz, .safetensors nor .pt: act-dump(1), OTHER FILES, says how "
		"Arrow, parquet, zarr and saev are read", path, name ? name : "",
		name ? ", " : "");
}

static bool is_npy(const char *bytes)
{
	return memcmp(bytes, "\x93NUMPY", 6) == 0;
}

/* A mapping_length(): only an .npy begins with it. */
static size_t length_of(const char *name, const char *bytes, size_t n)
{
	struct array a;

	if (n < 10)
		return 0;
	if (!is_npy(bytes) && bytes[8] != '{' && !memchr("P{\x80", *bytes, 3))
		die_unread(name, bytes);
	if (!is_npy(bytes))
		return SIZE_MAX;
	size_t at = npy_header(name, bytes, n, &a);
	return at > 0 ? at + array_bytes(name, &a) : 0;
}

struct archive *archive_open(const char *path)
{
	struct archive *f = xcalloc(1, sizeof *f);

	if (is_folder(path))
		die_unread(path, NULL);
	mapping_open(&f->file, path, length_of);
	const char *bytes = f->file.bytes;
	if (f->file.n < 10)
		die("%s: cut short: %zu bytes", path, f->file.n);
	if (memcmp(bytes, "PK", 2) == 0)
		open_zip(f);
	else if (*bytes == '{' && (f->pt = pt_open(f->file.name, bytes, f->file.n)))
		;
	else if (f->file.n >= sizeof old_pt && memcmp(bytes, old_pt, sizeof old_pt - 1) == 0)
		die("%s: written by torch before 1.6: load it, and save it with torch.save of "
			"today", path);
	else if (!is_npy(bytes) && bytes[8] == '{')
		f->header = safetensors_header(path, bytes, f->file.n, &f->data);
	else if (!is_npy(bytes))
		die_unread(path, bytes);
	return f;
}

void archive_close(struct archive *f)
{
	for (size_t i = 0; i < f->members; i++)
		zip_reader_close(f->member[i]);
	free(f->member);
	zip_close(&f->zip);
	if (f->pt)
		pt_close(f->pt);
	json_decref(f->header);
	mapping_close(&f->file);
	free(f);
}

const char *archive_name(const struct archive *f)
{
	return f->file.name;
}

char *archive_text(const struct archive *f, const char *key)
{
	return f->zipped ? npz_text(&f->zip, f->file.name, key) : NULL;
}

struct npz_texts *archive_texts(struct archive *f, const char *key)
{
	return f->zipped ? npz_texts_open(&f->zip, f->file.name, key) : NULL;
}

bool archive_zipped(const struct archive *f)
{
	return f->zipped;
}

bool archive_pickled(const struct archive *f)
{
	return f->pt;
}

json_t *archive_settings(const struct archive *f)
{
	return f->pt ? pt_settings(f->pt) : NULL;
}

/* The keys of an object, appended to names. */
static size_t add_keys(char **name, size_t n, json_t *object)
{
	const char *key;
	json_t *v;

	json_object_foreach(object, key, v)
		if (strcmp(key, "__metadata__") != 0)
			name[n++] = xasprintf("%s", key);
	return n;
}

char **archive_keys(struct archive *f, size_t *n)
{
	json_t *named = f->pt ? pt_tensors(f->pt) : f->header;
	json_t *more = f->pt ? pt_numbers(f->pt) : NULL;
	size_t most = f->zip.members + json_object_size(named) + json_object_size(more);

	if (most > ARRAYS_MOST)
		die("%s: %zu arrays: %d are the most", f->file.name, most, ARRAYS_MOST);
	char **name = xalloc(most + 1, sizeof *name);

	*n = 0;
	for (size_t i = 0; i < f->zip.members; i++) {
		const struct zip_member *m = &f->zip.member[i];
		size_t length = m->name_length;
		if (length >= 4 && memcmp(m->name + length - 4, ".npy", 4) == 0)
			name[(*n)++] = xasprintf("%.*s", (int)(length - 4), m->name);
	}
	*n = add_keys(name, *n, named);
	*n = add_keys(name, *n, more);
	return name;
}

/* The name of the only array, which no number of Python's own is. */
static char *only_key(struct archive *f)
{
	size_t all, n;
	char **name = archive_keys(f, &all);

	n = f->pt ? json_object_size(pt_tensors(f->pt)) : all;
	if (n == 0)
		die("%s: holds no array", f->file.name);
	if (n > 1)
		die("%s: several arrays: say which, as %s:KEY; there are %s, %s%s%s%s",
			f->file.name, f->file.name, name[0], name[1], n > 2 ? ", " : "",
			n > 2 ? name[2] : "", n > 3 ? ", ..." : "");
	char *only = name[0];
	for (size_t i = 1; i < all; i++)
		free(name[i]);
	free(name);
	return only;
}

static bool find_any(struct archive *f, const char *key, struct array *a)
{
	if (f->pt && !key && pt_find(f->pt, NULL, false, a))
		return true;
	if (!f->zipped && !f->header && !f->pt) {
		if (!key)
			npy(f->file.name, f->file.bytes, f->file.n, a);
		return !key;
	}
	char *only = key ? NULL : only_key(f);
	const char *name = key ? key : only;
	bool found = f->zipped ? find_member(f, name, a) : f->pt ? pt_find(f->pt, name, false, a)
		: safetensors_find(f->header, f->file.name, name, f->file.bytes + f->data, a);
	free(only);
	return found;
}

bool archive_find(struct archive *f, const char *key, struct array *a)
{
	bool found = find_any(f, key, a);

	if (found)
		refuse_special(f->file.name, a);
	return found;
}

void archive_want(struct archive *f, const char *key, struct array *a)
{
	if (!archive_find(f, key, a))
		die("%s: no array %s", f->file.name, key ? key : "");
}

void archive_release(const struct archive *f)
{
	mapping_release(&f->file);
}

/* -- A part at a time -------------------------------------------------------------------------- */

struct array_parts {
	const struct archive *file;
	enum sm_dtype dtype;
	size_t left;			/* numbers */
	const char *data;		/* of an array that lies in the file, or ... */
	struct zip_reader *member;	/* ... is one of the .npz */
};

struct array_parts *array_parts_open(struct archive *f, const char *key, struct array *a)
{
	struct array_parts p = {.file = f};

	if (f->zipped) {
		char *only = key ? NULL : only_key(f);
		p.member = npz_open(&f->zip, f->file.name, key ? key : only);
		free(only);
		if (!p.member)
			return NULL;
		check_length(p.member->name, npz_header(p.member, a, NULL), p.member->member->n, a);
		refuse_special(p.member->name, a);
	} else {
		if (!(f->pt && key ? pt_find(f->pt, key, true, a) : find_any(f, key, a)))
			return NULL;
		refuse_special(f->file.name, a);
		p.data = a->data;
	}
	a->data = NULL;
	p.dtype = a->dtype;
	p.left = array_count(a);
	struct array_parts *parts = xalloc(1, sizeof *parts);
	*parts = p;
	return parts;
}

const void *array_parts_next(struct array_parts *p, size_t n)
{
	size_t size = n * sm_dtype_size(p->dtype);
	const char *data = p->data;

	archive_release(p->file);
	if (p->member)
		data = zip_next(p->member, size);
	else
		p->data += size;
	p->left -= n;
	return data;
}

void array_parts_read(struct array_parts *p, float *x, size_t n)
{
	sm_to_float(x, array_parts_next(p, n), p->dtype, n);
}

void array_parts_close(struct array_parts *p)
{
	if (p->member)
		zip_reader_close(p->member);
	free(p);
}

/* -- One array --------------------------------------------------------------------------------- */

char *array_path(const char *spec, const char **key)
{
	char *path = xasprintf("%s", spec), *colon = strrchr(path, ':');
	size_t length = colon ? (size_t)(colon - path) : strlen(path);

	while (!path_exists(path) && (colon = strrchr(path, ':')))
		*colon = '\0';
	if (path_exists(path))
		length = strlen(path);
	free(path);
	*key = spec[length] ? spec + length + 1 : NULL;
	return xasprintf("%.*s", (int)length, spec);
}

struct archive *array_open_any(const char *spec, struct array *a)
{
	const char *key;
	char *path = array_path(spec, &key);
	struct archive *f = archive_open(path);

	if (!find_any(f, key, a))
		die("%s: no array %s", path, key ? key : "");
	array_refuse_fortran(spec, a);
	free(path);
	return f;
}

struct archive *array_open(const char *spec, struct array *a)
{
	struct archive *f = array_open_any(spec, a);

	refuse_special(spec, a);
	return f;
}
