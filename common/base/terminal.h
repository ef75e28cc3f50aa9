/* Lines for a terminal: how wide it is and what text takes on it. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of stdout: what COLUMNS says, else what the terminal says; 100 where there is none. */
size_t terminal_columns(void);
/* May stdout be coloured: is it a terminal that can, and does NO_COLOR not forbid it? */
bool terminal_colours(void);

/* Columns that a text takes, all of whose characters are shown (text_safe()). Wide characters take
 * two, combining ones none. */
size_t text_columns(const char *safe);
/* The bytes of as many of its first characters as fit into these columns. */
size_t text_fit(const char *safe, size_t columns);

#endif
