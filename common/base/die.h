/* One line on stderr, and the exit status of the design: 1 bad data, input/output or memory; 2 a
 * wrong command line. */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#include <stdbool.h>
#include <stddef.h>

extern const char *program;	/* begins every line on stderr; NULL: the name that was called */
extern bool quiet;		/* --quiet: note() says nothing */

#define PRINTF(text, first) __attribute__((format(printf, text, first)))

_Noreturn void die(const char *format, ...) PRINTF(1, 2);	/* exit 1 */
_Noreturn void die_with(int status, const char *format, ...) PRINTF(2, 3);	/* another status */
_Noreturn void misuse(const char *format, ...) PRINTF(1, 2);	/* exit 2, points to --help */
void note(const char *format, ...) PRINTF(1, 2);	/* a fact that the user should know */

/* Writes the line "program: text" to stderr, at once: programs of one pipe do not tear each other's
 * lines. On a terminal that can, the line takes the place of one that does not end, which any
 * program may have left there. */
void say(const char *text, bool ends);
bool stderr_rewrites(void);	/* is stderr such a terminal? */

/* Why a call failed, of its errno: "out of memory", or as strerror(). */
const char *error_text(int number);

extern bool dying;		/* by die(): what is left to do fails in silence */

/* Called with the line, without the program's name, in place of the end; it must not return.
 * NULL at first. */
extern void (*die_handler)(int status, const char *line);

/* Memory for n things of a size, zeroed or not; n * size is checked, and failure is die(). */
void *xalloc(size_t n, size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *old, size_t n, size_t size);
char *xasprintf(const char *format, ...) PRINTF(1, 2);		/* a formatted string to free() */

#endif
