#include "base/utf8.h"

size_t utf8_read(const char *s, size_t n, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *c = (const unsigned char *)s;
	size_t bytes = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3
		: *c < 0xf5 ? 4 : 0;
	uint32_t x = bytes > 1 ? *c & (0x7fu >> bytes) : *c;

	*character = *c;
	if (bytes == 0 || bytes > n)
		return 0;
	for (size_t i = 1; i < bytes; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		x = x << 6 | (c[i] & 0x3fu);
	}
	if (x < least[bytes] || x > 0x10ffff || (x >= 0xd800 && x < 0xe000))
		return 0;
	*character = x;
	return bytes;
}

uint32_t utf8_next(const char **s)
{
	uint32_t x;
	size_t n = utf8_read(*s, SIZE_MAX, &x);

	*s += n ? n : 1;
	return n ? x : 0xdc00u | x;
}

size_t utf8_put(char to[UTF8_MOST], uint32_t x)
{
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = x < 0x80 ? 1 : x < 0x800 ? 2 : x < 0x10000 ? 3 : 4;

	if (x >= 0xdc80 && x < 0xdd00) {
		to[0] = (char)(x & 0xff);
		return 1;
	}
	if (x > 0x10ffff || (x >= 0xd800 && x < 0xe000))
		return 0;
	for (size_t i = n; i-- > 1; x >>= 6)
		to[i] = (char)(0x80 | (x & 0x3f));
	to[0] = (char)(n == 1 ? x : first[n] | x);
	return n;
}
