#define _GNU_SOURCE		/* program_invocation_short_name */
#include "base/die.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *program;
bool quiet, dying;
void (*die_handler)(int status, const char *line);

static const char *name(void)
{
	return program ? program : program_invocation_short_name;
}

enum { LINE = 1024 };

bool stderr_rewrites(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

void say(const char *text, bool ends)
{
	char line[LINE + 128];
	bool rewrites = stderr_rewrites();
	/* Back to the line's beginning, which is erased; and no line wraps, unless it stays. */
	const char *before = rewrites ? ends ? "\r\33[K" : "\r\33[K\33[?7l" : "";
	const char *after = ends || !rewrites ? "\n" : "\33[?7h";
	int n = snprintf(line, sizeof line, "%s%.64s: %.*s%s", before, name(), LINE, text, after);

	for (int at = 0; at < n; ) {
		ssize_t k = write(STDERR_FILENO, line + at, (size_t)(n - at));
		if (k < 0 && errno != EINTR)
			break;
		at += k > 0 ? (int)k : 0;
	}
}

static void format_line(char line[LINE], const char *format, va_list args)
{
	size_t n;

	vsnprintf(line, LINE, format, args);
	for (char *c = line; *c; c += n)	/* names come from files: one line stays one line */
		if ((n = text_shown(c, NULL)) == 0) {
			*c = '?';
			n = 1;
		}
}

_Noreturn static void end(int status, const char *format, va_list args)
{
	static atomic_flag ends = ATOMIC_FLAG_INIT;
	char line[LINE];

	format_line(line, format, args);
	if (die_handler)
		die_handler(status, line);
	while (atomic_flag_test_and_set(&ends))	/* another thread ends the program */
		pause();
	say(line, true);
	dying = true;
	exit(status);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(1, format, args);
}

void die_with(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(status, format, args);
}

void misuse(const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	format_line(line, format, args);
	va_end(args);
	die_with(2, "%s (see %s --help)", line, name());
}

void note(const char *format, ...)
{
	char line[LINE];
	va_list args;

	if (quiet)
		return;
	va_start(args, format);
	format_line(line, format, args);
	va_end(args);
	say(line, true);
}

const char *error_text(int number)
{
	return number == ENOMEM ? "out of memory" : strerror(number);
}

void *xrealloc(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
		die("out of memory: %zu elements of %zu bytes", n, size);
	void *p = realloc(old, bytes ? bytes : 1);
	if (!p)
		die("out of memory: %zu bytes more", bytes);
	return p;
}

void *xalloc(size_t n, size_t size)
{
	return xrealloc(NULL, n, size);
}

#pragma weak json_set_alloc_funcs	/* of the programs that use jansson */

static void *json_need(size_t bytes)
{
	return xalloc(bytes, 1);
}

/* Before main(). jansson takes no memory but what ends the program where there is none, so that no
 * text, list or object of its is ever incomplete. */
__attribute__((constructor)) static void set_json_memory(void)
{
	if (json_set_alloc_funcs)
		json_set_alloc_funcs(json_need, free);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die("out of memory: %zu elements of %zu bytes", n, size);
	return p;
}

char *xasprintf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = xalloc((size_t)n + 1, 1);
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}
