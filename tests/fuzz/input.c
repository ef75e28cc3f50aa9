/* Inputs: how the files of a folder are one string of bytes, and files again. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char folder[FOLDER];

bool input_unpack(struct input *in, const uint8_t *bytes, size_t n)
{
	for (in->parts = 0; n > 0 && in->parts < PARTS; in->parts++) {
		struct part *p = &in->part[in->parts];
		const uint8_t *line = memchr(bytes, '\n', n < 99 ? n : 99);
		char head[100] = "";
		if (!line)
			return false;
		memcpy(head, bytes, (size_t)(line - bytes));
		if (sscanf(head, "%63[A-Za-z0-9_.] %zu", p->name, &p->n) != 2
				|| strspn(p->name, ".") == strlen(p->name)
				|| p->n > n - (size_t)(line + 1 - bytes))
			return false;
		p->bytes = line + 1;
		n -= (size_t)(line + 1 - bytes) + p->n;
		bytes = line + 1 + p->n;
	}
	return in->parts > 0;
}

size_t input_pack(uint8_t *to, size_t most, const struct input *in)
{
	size_t n = 0;

	for (size_t i = 0; i < in->parts; i++) {
		const struct part *p = &in->part[i];
		if (most - n < sizeof p->name + 24 || p->n > most - n - sizeof p->name - 24)
			return 0;
		n += (size_t)sprintf((char *)to + n, "%s %zu\n", p->name, p->n);
		memcpy(to + n, p->bytes, p->n);
		n += p->n;
	}
	return n;
}

const struct part *input_find(const struct input *in, const char *name)
{
	for (size_t i = 0; i < in->parts; i++)
		if (strcmp(in->part[i].name, name) == 0)
			return &in->part[i];
	return NULL;
}

void input_path(char path[FOLDER + 66], const struct part *p)
{
	snprintf(path, FOLDER + 66, "%s/%s", folder, p->name);
}

/* What filters take from memory is no file. */
static bool is_file(const struct part *p)
{
	return strcmp(p->name, "args") != 0 && strcmp(p->name, "stdin") != 0;
}

void input_write(const struct input *in)
{
	char path[FOLDER + 66];

	for (size_t i = 0; i < in->parts; i++) {
		if (!is_file(&in->part[i]))
			continue;
		input_path(path, &in->part[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, in->part[i].bytes, in->part[i].n) != (ssize_t)in->part[i].n
				|| close(fd) != 0)
			abort();
	}
}

void input_remove(const struct input *in)
{
	char path[FOLDER + 66];

	for (size_t i = 0; i < in->parts; i++)
		if (is_file(&in->part[i])) {
			input_path(path, &in->part[i]);
			unlink(path);
		}
}
