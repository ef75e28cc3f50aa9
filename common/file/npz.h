/* The arrays of an .npz, unpacked as they are read. What is wrong with one ends the program. */
#ifndef FILE_NPZ_H
#define FILE_NPZ_H

#include "file/npy.h"
#include "file/zip.h"

#include <stddef.h>

/* The .npy of that name; NULL when the archive `file` has none. */
struct zip_reader *npz_open(const struct zip *, const char *file, const char *key);
/* Reads its header, and no byte more, as npy_header() or, without an array, npy_texts_header(): how
 * many bytes. */
size_t npz_header(struct zip_reader *, struct array *, struct npy_texts *);

/* A member of texts, one after the other; NULL when there is none of that name, or it holds
 * something else. */
struct npz_texts {
	struct zip_reader *member;
	struct npy_texts shape;
	size_t left;
	char *text;
};
struct npz_texts *npz_texts_open(const struct zip *, const char *file, const char *key);
/* UTF-8, until the next call; no more of them than `left` may be asked for. */
const char *npz_texts_next(struct npz_texts *);
void npz_texts_close(struct npz_texts *);

/* A member that is one short text, such as "csr", to free(); NULL when there is none of that
 * name. */
char *npz_text(const struct zip *, const char *file, const char *key);

#endif
