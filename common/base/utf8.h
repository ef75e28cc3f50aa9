/* Characters of UTF-8, one at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MOST = 4 };

/* The bytes of the character at s, of n at most, or of a text that ends with a NUL; 0: there is
 * none, but a byte that is no UTF-8: cut, longer than it need be, a surrogate, or beyond U+10FFFF
 * (Unicode 15, table 3-7). *character: which it is, or the byte. */
size_t utf8_read(const char *s, size_t n, uint32_t *character);

/* The character at *s, which moves behind it; the text ends with a NUL. A byte that is no UTF-8
 * becomes half a surrogate pair, U+DC80 to U+DCFF, as Python's "surrogateescape" has it; so any
 * text has a way there and back. */
uint32_t utf8_next(const char **s);

/* How many bytes it took in `to`; 0: it is no character. */
size_t utf8_put(char to[UTF8_MOST], uint32_t character);

#endif
