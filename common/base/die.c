#include "base/die.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

const char *program = "semot";
bool quiet;

static void say(const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof line, format, args);
	for (char *c = line; *c; c++)	/* names come from files: one line stays one line */
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	fprintf(stderr, "%s: %s\n", program, line);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(1);
}

void misuse(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	fprintf(stderr, "%s: %s (see %s --help)\n", program, line, program);
	exit(2);
}

void note(const char *format, ...)
{
	va_list args;

	if (quiet)
		return;
	va_start(args, format);
	say(format, args);
	va_end(args);
}

void *xrealloc(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
		die("out of memory: %zu things of %zu bytes", n, size);
	void *p = realloc(old, bytes ? bytes : 1);
	if (!p)
		die("out of memory: %zu bytes more", bytes);
	return p;
}

void *xalloc(size_t n, size_t size)
{
	return xrealloc(NULL, n, size);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die("out of memory: %zu things of %zu bytes", n, size);
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
