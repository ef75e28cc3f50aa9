/* Every filter as a target. An input's part "args" has the words of its command line, one a line,
 * in which @ is the folder, and @x its file x; "stdin" is its stdin. */
#include "fuzz.h"

#include "filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 32, TARGETS = 128 };

const struct input *current;

static struct target targets[TARGETS];
static size_t n_targets;

void target_add(struct target t)
{
	if (n_targets == TARGETS)
		abort();
	targets[n_targets++] = t;
}

void filter_add(const char *name, int (*main)(int, char **))
{
	target_add((struct target){.name = name, .main = main});
}

const struct target *target_find(const char *name)
{
	for (size_t i = 0; i < n_targets; i++)
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	return NULL;
}

const struct target *target_number(size_t i)
{
	return i < n_targets ? &targets[i] : NULL;
}

/* The words of a part, after the name. */
static void read_words(char *word[WORDS], char *text, size_t room, const struct part *p)
{
	size_t n = 1, at = 0;

	for (const uint8_t *w = p ? p->bytes : NULL; w && w < p->bytes + p->n && n < WORDS - 1; ) {
		const uint8_t *end = memchr(w, '\n', (size_t)(p->bytes + p->n - w));
		end = end ? end : p->bytes + p->n;
		if (room - at < (size_t)(end - w) + 1024)
			break;
		word[n++] = text + at;
		at += 1 + (size_t)(*w == '@' && end > w
			? sprintf(text + at, "%s%s%.*s", folder, end > w + 1 ? "/" : "",
				(int)(end - w - 1), (const char *)w + 1)
			: sprintf(text + at, "%.*s", (int)(end - w), (const char *)w));
		w = end + 1;
	}
	word[n] = NULL;
}

bool filter_once(const struct target *t, const struct input *in)
{
	static char text[1 << 16], name[64];
	char *word[WORDS] = {name};
	struct bytes out, given = {0};
	const struct part *p = input_find(in, "stdin");

	snprintf(name, sizeof name, "%s", t->name);
	read_words(word, text, sizeof text, input_find(in, "args"));
	if (p)
		given = (struct bytes){(uint8_t *)(uintptr_t)p->bytes, p->n};
	if (filter_run(t, word, given, 0, &out) != 0)
		return false;
	if (out.n > 0 && (*out.bytes == 0xc9 || *out.bytes == 0xc7) && !stream_is_whole(out)) {
		fprintf(stderr, "%s: what it wrote is no whole stream\n", t->name);
		abort();
	}
	return true;
}
