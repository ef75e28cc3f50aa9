#include "base/text.h"

#include "base/text_stream.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

bool text_obeyed(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0)		/* ASCII's and Latin 1's controls */
		|| c == 0x61c || c == 0x200e || c == 0x200f	/* marks of direction */
		|| (c >= 0x2028 && c <= 0x202e)	/* ends of lines, embeddings of direction */
		|| (c >= 0x2066 && c <= 0x206f)	/* isolates of direction; shaping */
		|| c == 0xfeff				/* byte order */
		|| (c >= 0xfff9 && c <= 0xfffb);	/* annotations */
}

size_t text_shown(const char *s, uint32_t *character)
{
	uint32_t c;
	size_t n = utf8_read(s, SIZE_MAX, &c);

	if (character)
		*character = c;
	return n > 0 && text_obeyed(c) ? 0 : n;
}

/* Writes up to the character that holds byte `most`; returns what follows. */
static const char *write_begin(FILE *to, const char *text, size_t most)
{
	static const char named[] = "\\\t\n\r", name[] = "\\tnr";
	const char *begin = text;
	uint32_t c;

	while (*text && (size_t)(text - begin) < most) {
		size_t n = utf8_read(text, SIZE_MAX, &c);
		const char *letter = strchr(named, *text);
		if (letter)
			fprintf(to, "\\%c", name[letter - named]);
		else if (n > 0 && !text_obeyed(c))
			fwrite(text, 1, n, to);
		else
			fprintf(to, n > 1 ? "\\u%04x" : "\\x%02x", c);
		text += n > 0 ? n : 1;
	}
	return text;
}

void text_write(FILE *to, const char *text)
{
	write_begin(to, text, SIZE_MAX);
}

char *text_safe_begin(const char *text, size_t most)
{
	char *safe;
	size_t size;
	FILE *to = text_stream(&safe, &size);

	if (*write_begin(to, text, most))
		fputs("\u2026", to);
	text_stream_close(to);
	return safe;
}

char *text_safe(const char *text)
{
	return text_safe_begin(text, SIZE_MAX);
}
