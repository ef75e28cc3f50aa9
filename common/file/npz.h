/* The arrays of an .npz, unpacked as they are read. What is wrong with one ends the program. */
#ifndef FILE_NPZ_H
#define FILE_NPZ_H

#include <stddef.h>
#include <zip.h>

struct npz_member {
	char *name;			/* FILE:KEY */
	size_t n;			/* bytes unpacked: a .npy */
	zip_file_t *zip;
};

/* NULL when `file` has none of that name. */
struct npz_member *npz_open(zip_t *, const char *file, const char *key);
void npz_read(struct npz_member *, void *bytes, size_t n);	/* the next n */
void npz_end(struct npz_member *);	/* after all of them: compares the checksum */
void npz_close(struct npz_member *);

/* A member that is a text, such as "csr", to free(); NULL when there is none of that name. */
char *npz_text(zip_t *, const char *file, const char *key);

#endif
