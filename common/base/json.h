/* JSON text, read in place from left to right:
 *
 *	struct json j = {.name = file, .text = text, .at = text};
 *	for (bool more = json_open(&j, '{'); more; more = json_more(&j, '}')) {
 *		struct span key = json_key(&j), value = json_value(&j);
 *		...
 *	}
 *	json_end(&j);
 *
 * The text ends with a NUL. What was passed is checked, down to escapes and UTF-8; what is no JSON
 * is die(), with the byte. Numbers are texts of any length. Nothing is allocated or changed. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JSON_DEPTH = 1000,	/* lists and objects within each other */
	REAL_TEXT = 32
};

struct json {
	const char *name;	/* of the file, for complaints */
	const char *kind;	/* what is read of it, or NULL, ... */
	size_t number;		/* ... and its number */
	const char *text, *at;	/* bytes are counted from text */
};

/* A value's text; {0} is none. */
struct span {
	const char *text;
	size_t n;
};

bool json_open(struct json *, char bracket);	/* past [ or {: does anything follow within? */
bool json_more(struct json *, char bracket);	/* past a comma, or past this ] or } */
struct span json_key(struct json *);		/* with its quotes; and past the colon */
struct span json_value(struct json *);
void json_end(struct json *);			/* nothing may follow */

/* The members of the object at j: value (n) gets those of n keys, which may stand once each.
 * Returns how many members there are. */
size_t json_members(struct json *, struct span *value, const char *const *key, size_t n);

/* Ends the program with a line that names the file and what is read of it. */
_Noreturn void json_wrong(const struct json *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The characters of a string's span, with a NUL behind them. They take less room than the span.
 * A lone surrogate becomes U+FFFD. Returns their length, which is not strlen() when one of them
 * is a NUL. */
size_t json_decode(char *to, struct span string);

/* The value at j as jansson's tree, to json_decref(). What that has no place for becomes the
 * nearest: half a surrogate pair U+FFFD, a number beyond a double null, of two members of one
 * key the last, a member whose key holds a NUL none. */
json_t *json_tree(struct json *);

/* -- Of text that was checked --------------------------------------------------------------- */

/* The value of an object's first member of this key; {0} when there is none. */
struct span json_find(const char *object, const char *key);

/* The object's text with another value for this member, which is appended when there is none; to
 * free(). All other bytes stay as they are. */
char *json_with(const char *object, const char *key, const char *value);

/* -- Writing -------------------------------------------------------------------------------- */

/* The value's text, to free(); takes the value. */
char *json_text(json_t *);

/* Writes n bytes of JSON to stdout. What a terminal would obey there stands in strings, and becomes
 * \u009b or so. */
void json_put(const char *text, size_t n);

/* The number in the fewest digits that read back as the same double, but no fewer than 15. It
 * has a point or an exponent, or is NaN, Infinity or -Infinity. Returns text. */
const char *real_text(char text[REAL_TEXT], double);
/* The same in `few` to `most` digits; up to 9 it is to read back as the same float, and `most`
 * always do. */
const char *digits_text(char text[REAL_TEXT], double, int few, int most);

#endif
