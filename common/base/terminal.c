#define _GNU_SOURCE		/* wcwidth */
#include "base/terminal.h"

#include "base/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

size_t terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	size_t columns = said ? strtoul(said, NULL, 10) : 0;
	struct winsize size;

	if (columns == 0 && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		columns = size.ws_col;
	return columns > 0 && columns < 10000 ? columns : 100;
}

bool terminal_colours(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0
		&& (!none || !*none);
}

/* On a machine without the locale, as on a cluster: marks that are set on others, joiners and
 * variants take no column; Chinese, Japanese, Korean and pictures take two. */
static size_t usual_columns(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		size_t columns;
	} range[] = {
		{0x300, 0x36f, 0}, {0x483, 0x489, 0}, {0x591, 0x5bd, 0}, {0x610, 0x61a, 0},
		{0x64b, 0x65f, 0}, {0xe34, 0xe3a, 0}, {0xe47, 0xe4e, 0}, {0x1ab0, 0x1aff, 0},
		{0x1dc0, 0x1dff, 0}, {0x200b, 0x200f, 0}, {0x20d0, 0x20f0, 0}, {0xfe00, 0xfe0f, 0},
		{0xfe20, 0xfe2f, 0}, {0x1100, 0x115f, 2}, {0x2e80, 0x303e, 2}, {0x3041, 0xa4cf, 2},
		{0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2}, {0xfe30, 0xfe6f, 2}, {0xff01, 0xff60, 2},
		{0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2},
		{0x20000, 0x3fffd, 2},
	};

	for (size_t i = 0; i < sizeof range / sizeof *range; i++)
		if (c >= range[i].first && c <= range[i].last)
			return range[i].columns;
	return 1;
}

/* What the locale calls no character takes one. */
static size_t columns_of(uint32_t c)
{
	static bool begun, known;
	int n;

	if (c < 0x300)
		return 1;
	if (!begun)
		known = setlocale(LC_CTYPE, "C.UTF-8");
	begun = true;
	n = known ? wcwidth((wchar_t)c) : (int)usual_columns(c);
	return n < 0 ? 1 : (size_t)n;
}

size_t text_fit(const char *safe, size_t columns)
{
	size_t bytes = 0;
	uint32_t c;

	for (size_t n; safe[bytes]; bytes += n > 0 ? n : 1) {
		n = text_shown(safe + bytes, &c);
		size_t its = columns_of(c);
		if (its > columns)
			break;
		columns -= its;
	}
	return bytes;
}

size_t text_columns(const char *safe)
{
	size_t columns = 0;
	uint32_t c;

	for (size_t n; *safe; safe += n > 0 ? n : 1) {
		n = text_shown(safe, &c);
		columns += columns_of(c);
	}
	return columns;
}
