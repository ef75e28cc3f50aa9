/* Text of unknown origin on its way to a terminal, or into a table or a line. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Is it no letter but an order: a control, an end of a line, a turn of direction? */
bool text_obeyed(uint32_t character);

/* The bytes of the character that begins at s; 0: none that may be shown as it is, but bytes that
 * are no UTF-8, or a character that is obeyed. *character: which it is, where the bytes are UTF-8;
 * otherwise the first byte. May be NULL. */
size_t text_shown(const char *s, uint32_t *character);

/* Writes a text whose every character is shown: those that are not become \t, \n, \r, \x1b (of
 * ASCII, and of bytes that are no UTF-8) or \u202e, and \ becomes \\. */
void text_write(FILE *, const char *text);
char *text_safe(const char *text);		/* the same, to free() */
/* The same, of the first `most` bytes or a little more, and an ellipsis for the rest. */
char *text_safe_begin(const char *text, size_t most);

#endif
