/* The header of a .npy. */
#ifndef FILE_NPY_H
#define FILE_NPY_H

#include "file/array.h"

enum { NPY_HEADER_MOST = 1 << 20 };	/* numpy itself reads 10000 bytes */

/* A .npy's header at the beginning of n bytes: sets *a but its data, and returns where they begin;
 * 0 when more bytes are needed. `name` is for the error line. */
size_t npy_header(const char *name, const void *bytes, size_t n, struct array *a);

#endif
