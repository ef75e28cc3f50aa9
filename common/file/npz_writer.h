/* An .npz on stdout, stored, a member at a time; stdout may be a pipe. A member's length and
 * checksum stand in front of its bytes, so these are made twice. */
#ifndef FILE_NPZ_WRITER_H
#define FILE_NPZ_WRITER_H

#include <stddef.h>

struct npz_writer;

/* Refuses a terminal. */
struct npz_writer *npz_writer_open(void);

/* Gives all bytes of an array to npz_put(), in order; the same each time it is called. */
typedef void npz_bytes(struct npz_writer *, const void *from);
void npz_put(struct npz_writer *, const void *bytes, size_t n);

/* The array KEY.npy of a dtype in NumPy's notation, such as "<f4" or "<U12"; row-major. */
void npz_write(struct npz_writer *, const char *key, const char *dtype, size_t rank,
	const size_t *shape, npz_bytes *, const void *from);

/* Closes stdout and checks that everything arrived. */
void npz_writer_close(struct npz_writer *);

#endif
