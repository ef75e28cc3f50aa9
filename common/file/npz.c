#include "file/npz.h"

#include "base/die.h"

#include <stdlib.h>

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
