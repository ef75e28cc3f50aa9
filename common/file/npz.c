#include "file/npz.h"

#include "base/die.h"

#include <stdlib.h>
#include <string.h>

struct npz_member *npz_open(zip_t *zip, const char *file, const char *key)
{
	char *name = xasprintf("%s.npy", key);
	struct npz_member *m = NULL;
	zip_stat_t stat;

	if (zip_stat(zip, name, 0, &stat) == 0) {
		m = xalloc(1, sizeof *m);
		*m = (struct npz_member){xasprintf("%s:%s", file, key), stat.size,
			zip_fopen(zip, name, 0)};
		if (!(stat.valid & ZIP_STAT_SIZE) || stat.size / 1100 > stat.comp_size)
			die("%s: claims to unpack to %llu bytes", m->name,
				(unsigned long long)stat.size);
		if (!m->zip)
			die("%s: %s", m->name, zip_strerror(zip));
	}
	free(name);
	return m;
}

void npz_read(struct npz_member *m, void *bytes, size_t n)
{
	for (size_t got = 0; got < n; ) {
		zip_int64_t k = zip_fread(m->zip, (char *)bytes + got, n - got);
		if (k <= 0)
			die("%s: %s", m->name, k < 0 ? zip_file_strerror(m->zip) : "cut short");
		got += (size_t)k;
	}
}

void npz_end(struct npz_member *m)
{
	if (zip_fread(m->zip, (char[1]){0}, 1) != 0)
		die("%s: %s", m->name, zip_file_strerror(m->zip));
}

void npz_close(struct npz_member *m)
{
	zip_fclose(m->zip);
	free(m->name);
	free(m);
}

char *npz_text(zip_t *zip, const char *file, const char *key)
{
	enum { HEADER = 10, MOST = 1024 };
	struct npz_member *m = npz_open(zip, file, key);
	unsigned char b[MOST];
	size_t at, n = 0;

	if (!m)
		return NULL;
	if (m->n < HEADER || m->n > MOST)
		die("%s: %zu bytes, where a short text is expected", m->name, m->n);
	npz_read(m, b, m->n);
	npz_end(m);
	at = HEADER + b[8] + ((size_t)b[9] << 8);
	if (memcmp(b, "\x93NUMPY\1", 7) != 0 || at > m->n)
		die("%s: not a .npy array", m->name);
	for (; at < m->n; at++)
		if (b[at])		/* a character is of four bytes, of which one is not 0 */
			b[n++] = b[at];
	npz_close(m);
	return xasprintf("%.*s", (int)n, (const char *)b);
}
