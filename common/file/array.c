#include "file/array.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/mapping.h"
#include "file/npz.h"
#include "file/pt.h"
#include "file/safetensors.h"

#include <ctype.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

enum { HEADER_MOST = 100000000 };	/* of a .npy */

struct archive {
	struct mapping file;
	zip_t *zip;			/* an .npz ... */
	struct pt *pt;			/* ... or a .pt ... */
	json_t *header;			/* ... or a .safetensors, whose data begin at `data` ... */
	size_t data;
	char **member;			/* unpacked members of the .npz */
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

/* The text after 'key': in the header's dictionary. */
static const char *entry(const char *name, const char *header, const char *key)
{
	const char *p = strstr(header, key);

	if (!p || !(p = strchr(p + strlen(key), ':')))
		die("%s: the .npy header has no %s", name, key);
	while (*++p == ' ')
		;
	return p;
}

size_t array_npy_header(const char *name, const void *bytes, size_t n, struct array *a)
{
	const unsigned char *b = bytes;

	if (n >= 6 && memcmp(b, "\x93NUMPY", 6) != 0)
		die("%s: not a .npy array", name);
	if (n < 12)
		return 0;
	size_t fixed = b[6] == 1 ? 10 : 12;
	size_t length = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (b[6] < 1 || b[6] > 3 || length > HEADER_MOST)
		die("%s: .npy version %d.%d with a header of %zu bytes", name, b[6], b[7], length);
	if (n < fixed + length)
		return 0;

	char *header = xasprintf("%.*s", (int)length, (const char *)bytes + fixed);
	const char *descr = entry(name, header, "'descr'"), *p = entry(name, header, "'shape'");
	char dtype[8] = "";
	if (*descr != '\'')
		die("%s: a structured array: plain numbers are needed", name);
	for (size_t i = 0; i + 1 < sizeof dtype && descr[1 + i] && descr[1 + i] != '\''; i++)
		dtype[i] = descr[1 + i];
	if (strncmp(dtype, "|O", 2) == 0)
		die("%s: an array of Python objects: save numbers (astype('f4'))", name);
	a->dtype = sm_dtype_named(dtype);
	if (a->dtype == SM_DTYPES)
		die("%s: numbers of type '%s' cannot be read (f2 f4 f8 u1 u2 u4 u8 i2 i4 i8, "
			"little-endian, can)", name, dtype);
	if (*p++ != '(')
		die("%s: the .npy header has no shape", name);
	for (a->rank = 0; *p != ')'; a->rank++) {
		char *end;
		if (a->rank == ARRAY_RANK || !isdigit((unsigned char)*p))
			die("%s: a shape that cannot be read: %.40s", name, p);
		a->shape[a->rank] = strtoull(p, &end, 10);
		for (p = end; *p == ',' || *p == ' '; p++)
			;
	}
	a->fortran = a->rank > 1
		&& strncmp(entry(name, header, "'fortran_order'"), "False", 5) != 0;
	if (a->rank > 2)
		array_refuse_fortran(name, a);
	free(header);
	array_bytes(name, a);
	return fixed + length;
}

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
	size_t at = array_npy_header(name, bytes, n, a);

	check_length(name, at, n, a);
	a->data = bytes + at;
}

/* -- .npz -------------------------------------------------------------------------------------- */

static bool find_member(struct archive *f, const char *key, struct array *a)
{
	struct npz_member *m = npz_open(f->zip, f->file.name, key);

	if (!m)
		return false;
	char *bytes = xalloc(m->n, 1);
	npz_read(m, bytes, m->n);
	npz_end(m);
	f->member = xrealloc(f->member, f->members + 1, sizeof *f->member);
	f->member[f->members++] = bytes;
	npy(m->name, bytes, m->n, a);
	npz_close(m);
	return true;
}

/* -- All of them ------------------------------------------------------------------------------- */

static void open_zip(struct archive *f)
{
	f->pt = pt_open(f->file.name, f->file.bytes, f->file.n);
	if (f->pt)
		return;
	zip_source_t *source = zip_source_buffer_create(f->file.bytes, f->file.n, 0, NULL);

	f->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL) : NULL;
	if (!f->zip) {
		zip_source_free(source);
		die("%s: a zip archive that cannot be read (cut short?)", f->file.name);
	}
}

/* torch.save's before 1.6: the number that begins it. */
static const char old_pt[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19";

struct archive *archive_open(const char *path)
{
	struct archive *f = xcalloc(1, sizeof *f);

	mapping_open(&f->file, path);
	const char *bytes = f->file.bytes;
	if (f->file.n < 10)
		die("%s: cut short: %zu bytes", path, f->file.n);
	if (memcmp(bytes, "PK", 2) == 0)
		open_zip(f);
	else if (*bytes == '{' && (f->pt = pt_open(path, bytes, f->file.n)))
		;
	else if (f->file.n >= sizeof old_pt && memcmp(bytes, old_pt, sizeof old_pt - 1) == 0)
		die("%s: written by torch before 1.6: load it, and save it with torch.save of "
			"today", path);
	else if (memcmp(bytes, "\x93NUMPY", 6) != 0 && bytes[8] == '{')
		f->header = safetensors_header(path, bytes, f->file.n, &f->data);
	else if (memcmp(bytes, "\x93NUMPY", 6) != 0)
		die("%s: neither .npy, .npz, .safetensors nor .pt", path);
	return f;
}

void archive_close(struct archive *f)
{
	for (size_t i = 0; i < f->members; i++)
		free(f->member[i]);
	free(f->member);
	if (f->zip)
		zip_discard(f->zip);
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

bool archive_zipped(const struct archive *f)
{
	return f->zip;
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
	size_t zipped = f->zip ? (size_t)zip_get_num_entries(f->zip, 0) : 0;
	json_t *named = f->pt ? pt_tensors(f->pt) : f->header;
	json_t *more = f->pt ? pt_numbers(f->pt) : NULL;
	char **name = xalloc(zipped + json_object_size(named) + json_object_size(more) + 1,
		sizeof *name);

	for (*n = 0; *n < zipped; ++*n) {
		const char *member = zip_get_name(f->zip, *n, 0);
		size_t length = member ? strlen(member) : 0;
		if (length > 4 && strcmp(member + length - 4, ".npy") == 0)
			length -= 4;
		name[*n] = xasprintf("%.*s", (int)length, member ? member : "");
	}
	*n = add_keys(name, *n, named);
	*n = add_keys(name, *n, more);
	return name;
}

/* The name of the only array, which no number of Python's own is. */
static char *only_key(struct archive *f)
{
	size_t n;
	char **name = archive_keys(f, &n);

	if (f->pt)
		n = json_object_size(pt_tensors(f->pt));
	if (n == 0)
		die("%s: holds no array", f->file.name);
	if (n > 1)
		die("%s: several arrays: say which, as %s:KEY, such as %s:%s", f->file.name,
			f->file.name, f->file.name, name[0]);
	char *only = name[0];
	free(name);
	return only;
}

bool archive_find(struct archive *f, const char *key, struct array *a)
{
	if (f->pt && !key && pt_find(f->pt, NULL, false, a))
		return true;
	if (!f->zip && !f->header && !f->pt) {
		if (!key)
			npy(f->file.name, f->file.bytes, f->file.n, a);
		return !key;
	}
	char *only = key ? NULL : only_key(f);
	const char *name = key ? key : only;
	bool found = f->zip ? find_member(f, name, a) : f->pt ? pt_find(f->pt, name, false, a)
		: safetensors_find(f->header, f->file.name, name, f->file.bytes + f->data, a);
	free(only);
	return found;
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
	struct npz_member *member;	/* ... is unpacked, ... */
	char *bytes;			/* ... into these */
};

/* Takes the .npy's header, and no byte more. */
static void read_npy_header(struct npz_member *m, struct array *a)
{
	size_t n = 0, at = 0;
	char *bytes = NULL;

	while (at == 0 && n < m->n) {
		bytes = xrealloc(bytes, n + 1, 1);
		npz_read(m, bytes + n++, 1);
		if (n >= 10)
			at = array_npy_header(m->name, bytes, n, a);
	}
	check_length(m->name, at, m->n, a);
	free(bytes);
}

struct array_parts *array_parts_open(struct archive *f, const char *key, struct array *a)
{
	struct array_parts p = {.file = f};

	if (f->zip) {
		if (!(p.member = npz_open(f->zip, f->file.name, key)))
			return NULL;
		read_npy_header(p.member, a);
	} else {
		if (!(f->pt ? pt_find(f->pt, key, true, a) : archive_find(f, key, a)))
			return NULL;
		p.data = a->data;
	}
	a->data = NULL;
	p.dtype = a->dtype;
	p.left = array_count(a);
	struct array_parts *parts = xalloc(1, sizeof *parts);
	*parts = p;
	return parts;
}

void array_parts_read(struct array_parts *p, float *x, size_t n)
{
	size_t size = n * sm_dtype_size(p->dtype);

	if (p->member) {
		p->bytes = xrealloc(p->bytes, size, 1);
		npz_read(p->member, p->bytes, size);
		sm_to_float(x, p->bytes, p->dtype, n);
	} else {
		sm_to_float(x, p->data, p->dtype, n);
		p->data += size;
	}
	archive_release(p->file);
	p->left -= n;
	if (p->member && p->left == 0)
		npz_end(p->member);
}

void array_parts_close(struct array_parts *p)
{
	if (p->member)
		npz_close(p->member);
	free(p->bytes);
	free(p);
}

/* -- One array --------------------------------------------------------------------------------- */

struct archive *array_open(const char *spec, struct array *a)
{
	const char *colon = strrchr(spec, ':');
	char *path = xasprintf("%s", spec);

	if (colon && access(spec, F_OK) != 0)
		path[colon - spec] = '\0';
	else
		colon = NULL;
	struct archive *f = archive_open(path);
	if (!archive_find(f, colon ? colon + 1 : NULL, a))
		die("%s: no array %s", path, colon ? colon + 1 : "");
	array_refuse_fortran(spec, a);
	free(path);
	return f;
}
