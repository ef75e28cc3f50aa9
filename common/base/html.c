#include "base/html.h"

#include "base/json.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct html html_begin(const unsigned char *template)
{
	static const char placeholder[] = "@DATA@";
	const char *text = (const char *)template, *end = strstr(text, placeholder);

	fwrite(text, 1, (size_t)(end - text), stdout);
	return (struct html){.rest = end + strlen(placeholder)};
}

void html_end(const struct html *h)
{
	fputs(h->rest, stdout);
}

/* -- Texts ------------------------------------------------------------------------------------- */

/* In a script element a '<' could begin its end. U+2028 and U+2029 end lines of scripts. */
static bool is_written(uint32_t c)
{
	return c >= 0x20 && c != 0x2028 && c != 0x2029
		&& (c > 0x7f || !strchr("\"\\<>&\x7f", (int)c));
}

static void put_text(const char *s, size_t n)
{
	uint32_t c;

	putchar('"');
	for (size_t i = 0, bytes; i < n; i += bytes ? bytes : 1) {
		bytes = utf8_read(s + i, n - i, &c);
		if (bytes == 0)
			fputs("\\ufffd", stdout);
		else if (is_written(c))
			fwrite(s + i, 1, bytes, stdout);
		else
			printf("\\u%04x", c);
	}
	putchar('"');
}

/* -- JSON -------------------------------------------------------------------------------------- */

/* What precedes a value. */
static void begin_value(struct html *h, const char *key)
{
	if (h->comma)
		putchar(',');
	h->comma = true;
	if (key) {
		put_text(key, strlen(key));
		putchar(':');
	}
}

void html_open(struct html *h, const char *key, char bracket)
{
	begin_value(h, key);
	if (!key)
		putchar('\n');
	putchar(bracket);
	h->comma = false;
}

void html_close(struct html *h, char bracket)
{
	putchar(bracket);
	h->comma = true;
}

void html_bytes(struct html *h, const char *key, const char *text, size_t n)
{
	begin_value(h, key);
	if (text)
		put_text(text, n);
	else
		fputs("null", stdout);
}

void html_text(struct html *h, const char *key, const char *text)
{
	html_bytes(h, key, text, text ? strlen(text) : 0);
}

void html_texts(struct html *h, const char *key, const char *const *text, size_t n)
{
	html_open(h, key, '[');
	for (size_t i = 0; i < n; i++)
		html_text(h, NULL, text[i]);
	html_close(h, ']');
}

void html_integer(struct html *h, const char *key, int64_t x)
{
	begin_value(h, key);
	printf("%" PRId64, x);
}

void html_real(struct html *h, const char *key, double x)
{
	char text[REAL_TEXT];

	begin_value(h, key);
	fputs(isfinite(x) ? real_text(text, x) : "null", stdout);
}

/* -- Columns ----------------------------------------------------------------------------------- */

static void put_base64(const unsigned char *s, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned x = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0)
			| (left > 2 ? s[i + 2] : 0);
		char four[4] = {digit[x >> 18], digit[x >> 12 & 63],
			left > 1 ? digit[x >> 6 & 63] : '=', left > 2 ? digit[x & 63] : '='};
		fwrite(four, 1, 4, stdout);
	}
}

static void put_column(struct html *h, const char *key, const char *type, const void *data,
	size_t bytes)
{
	begin_value(h, key);
	printf("\"%s:", type);
	put_base64(data, bytes);
	putchar('"');
}

void html_floats(struct html *h, const char *key, const float *x, size_t n)
{
	put_column(h, key, "f4", x, 4 * n);
}

void html_octets(struct html *h, const char *key, const uint8_t *x, size_t n)
{
	put_column(h, key, "u1", x, n);
}

/* In pieces of a multiple of three bytes, which base64 joins without a seam. */
static void put_narrow(const uint32_t *x, size_t n, size_t bytes)
{
	unsigned char piece[3 * 1024];
	size_t some = sizeof piece / bytes;

	for (size_t i = 0; i < n; i += some) {
		size_t m = n - i < some ? n - i : some;
		for (size_t k = 0; k < m; k++) {
			piece[bytes * k] = (unsigned char)x[i + k];
			if (bytes == 2)
				piece[bytes * k + 1] = (unsigned char)(x[i + k] >> 8);
		}
		put_base64(piece, m * bytes);
	}
}

void html_naturals(struct html *h, const char *key, const uint32_t *x, size_t n)
{
	uint32_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
	size_t bytes = most < 256 ? 1 : most < 65536 ? 2 : 4;
	if (bytes == 4) {
		put_column(h, key, "u4", x, 4 * n);
		return;
	}
	begin_value(h, key);
	printf("\"u%zu:", bytes);
	put_narrow(x, n, bytes);
	putchar('"');
}
