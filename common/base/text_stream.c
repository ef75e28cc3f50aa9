#define _GNU_SOURCE		/* fopencookie */
#include "base/text_stream.h"

#include "base/die.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 10 };

struct held {
	char *text, **to;
	size_t n, room, *size;
	bool ends;			/* the program: exit() writes what is left to it */
};

static ssize_t hold(void *cookie, const char *bytes, size_t n)
{
	struct held *h = cookie;

	if (h->ends)
		return 0;
	if (h->n + n >= h->room) {
		h->ends = true;
		while (h->n + n >= h->room)
			h->room *= 2;
		h->text = xrealloc(h->text, h->room, 1);
		h->ends = false;
	}
	memcpy(h->text + h->n, bytes, n);
	h->n += n;
	return (ssize_t)n;
}

static int give(void *cookie)
{
	struct held *h = cookie;

	h->text[h->n] = '\0';
	*h->to = h->text;
	*h->size = h->n;
	free(h);
	return 0;
}

FILE *text_stream(char **text, size_t *size)
{
	struct held *h = xalloc(1, sizeof *h);

	*h = (struct held){.text = xalloc(ROOM, 1), .to = text, .room = ROOM, .size = size};
	FILE *file = fopencookie(h, "w", (cookie_io_functions_t){.write = hold, .close = give});
	if (!file)
		die("out of memory");
	return file;
}

void text_stream_close(FILE *file)
{
	if (fclose(file) != 0)
		die("out of memory");
}
