/* Pages for the browser: a template, which the Makefile makes of a .html file, with data in it as
 * JSON. All goes to stdout.
 *
 *	struct html page = html_begin(template);
 *	html_open(&page, NULL, '{');
 *	html_text(&page, "name", "x");
 *	html_floats(&page, "cost", cost, n);
 *	html_close(&page, '}');
 *	html_end(&page);
 *
 * Every key is NULL in a list. Numbers of a column are text, their type and their little-endian
 * bytes in base64: "f4:AACAPw==". No text can end the script element that the data are in. */
#ifndef BASE_HTML_H
#define BASE_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct html {
	const char *rest;	/* of the template */
	bool comma;		/* does one have to precede what comes next? */
};

/* The template up to its @DATA@; and from there on. */
struct html html_begin(const unsigned char *template);
void html_end(const struct html *);

void html_open(struct html *, const char *key, char bracket);	/* [ or { */
void html_close(struct html *, char bracket);			/* ] or } */

/* Bytes that are no UTF-8 become U+FFFD; NULL becomes null. */
void html_text(struct html *, const char *key, const char *text);
void html_bytes(struct html *, const char *key, const char *text, size_t n);
void html_texts(struct html *, const char *key, const char *const *text, size_t n);

void html_integer(struct html *, const char *key, int64_t);
void html_real(struct html *, const char *key, double);		/* null unless finite */

/* Columns; of naturals u1, u2 or u4, whichever holds them. */
void html_floats(struct html *, const char *key, const float *, size_t n);
void html_naturals(struct html *, const char *key, const uint32_t *, size_t n);
void html_octets(struct html *, const char *key, const uint8_t *, size_t n);

#endif
