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

/* That the locale does not know, too: what it calls no character takes one. */
static size_t columns_of(uint32_t c)
{
	static bool begun;
	int n;

	if (c < 0x300)
		return 1;
	if (!begun)
		begun = setlocale(LC_CTYPE, "C.UTF-8") || true;
	n = wcwidth((wchar_t)c);
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
