/* Frames and numbers as text: lines of JSON, see frame2json(1), and cells of a table. */
#ifndef TEXT_H
#define TEXT_H

#include "frame.h"

enum { NUMBER_TEXT = 32 };

/* Number i of a tensor, in digits that read back to the same bits. A floating one has a point or an
 * exponent, or is NaN, Infinity or -Infinity. Returns text. */
const char *number_text(char text[NUMBER_TEXT], const struct tensor *, size_t i);

/* Prints a header or a frame as one line of JSON. A field's name has to be UTF-8, or it is bad(). */
void print_json(const struct reader *, const struct frame *);

/* Closes stdout and checks that everything arrived. */
void text_close(void);

#endif
