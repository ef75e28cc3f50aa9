/* Zip archives that lie in memory. A member is stored, and read where it lies, or deflated, and
 * unpacked as it is read. */
#ifndef FILE_ZIP_H
#define FILE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct zip_member {
	const char *name;	/* name_length characters, without a 0 */
	size_t name_length;
	const char *bytes;	/* NULL: compressed or encrypted */
	size_t n;		/* bytes, unpacked */
	const char *header, *packed;	/* where it begins, and its bytes as they lie there ... */
	size_t packed_n;
	uint32_t crc;
	bool encrypted;
	unsigned method;
};

struct zip {
	struct zip_member *member;	/* in the order of the directory */
	const struct zip_member **by_name;
	size_t members;
	char *wrong;
};

/* Reads the directory of n bytes, zip64 or not; the bytes have to stay. False when they are no
 * archive, or one that is damaged: `wrong` says why. */
bool zip_open(struct zip *, const char *bytes, size_t n);
void zip_close(struct zip *);

/* NULL when there is none of that name. */
const struct zip_member *zip_find(const struct zip *, const char *name);

/* A member's bytes in order. What is wrong with them ends the program with `name` in its line; so
 * does, behind the last of them, another checksum. */
struct zip_reader {
	char *name;
	const struct zip_member *member;
	size_t left;			/* bytes that were not read */
	z_stream z;			/* zip.c's own, from here */
	size_t packed_left;		/* bytes that z was not given */
	uLong crc;
	char *part;
};
struct zip_reader *zip_reader_open(const struct zip_member *, char *name);	/* to be free()d */
void zip_reader_close(struct zip_reader *);
/* The next n, where they lie or until the next call. */
const char *zip_next(struct zip_reader *, size_t n);

#endif
