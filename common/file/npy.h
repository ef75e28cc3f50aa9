/* The header of a .npy. */
#ifndef FILE_NPY_H
#define FILE_NPY_H

#include "file/array.h"

enum {
	NPY_HEADER_MOST = 1 << 20,	/* numpy itself reads 10000 bytes */
	NPY_TEXT_MOST = 1 << 30		/* characters */
};

/* A .npy's header at the beginning of n bytes: sets *a but its data, and returns where they begin;
 * 0 when more bytes are needed. `name` is for the error line. */
size_t npy_header(const char *name, const void *bytes, size_t n, struct array *a);

/* An array of texts, of '<U' or '|S'; or of something else: bytes is 0. */
struct npy_texts {
	bool wide;			/* '<U': a character is of 4 bytes */
	size_t rank, n, width, bytes;	/* texts, and what each has room for */
};

/* The same for texts. */
size_t npy_texts_header(const char *name, const void *bytes, size_t n, struct npy_texts *);

#endif
