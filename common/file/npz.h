/* The arrays of an .npz, unpacked as they are read. What is wrong with one ends the program. */
#ifndef FILE_NPZ_H
#define FILE_NPZ_H

#include "file/npy.h"

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

/* A member of texts, one after the other; NULL when there is none of that name, or it holds
 * something else. */
struct npz_texts {
	struct npz_member *member;
	struct npy_texts shape;
	size_t left;
	char *stored, *text;
};
struct npz_texts *npz_texts_open(zip_t *, const char *file, const char *key);
/* UTF-8, until the next call; no more of them than `left` may be asked for. */
const char *npz_texts_next(struct npz_texts *);
void npz_texts_close(struct npz_texts *);

/* A member that is one short text, such as "csr", to free(); NULL when there is none of that
 * name. */
char *npz_text(zip_t *, const char *file, const char *key);

#endif
