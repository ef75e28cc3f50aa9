#define _GNU_SOURCE		/* fopencookie */
#include "base/input.h"

#include "base/die.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

struct input {
	const char *name;
	int fd;
};

static ssize_t take(void *cookie, char *to, size_t n)
{
	const struct input *in = cookie;
	ssize_t k;

	while ((k = read(in->fd, to, n)) < 0)
		if (errno != EINTR)
			die("%s: %s", in->name, error_text(errno));
	return k;
}

static int end(void *cookie)
{
	struct input *in = cookie;

	if (in->fd != STDIN_FILENO) {
		close(in->fd);
		free(in);
	}
	return 0;
}

bool is_stdin(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

FILE *input_open(const char *path)
{
	static struct input standard = {"stdin", STDIN_FILENO};
	struct input *in = &standard;

	if (!is_stdin(path)) {
		in = xalloc(1, sizeof *in);
		*in = (struct input){path, open_file(path)};
	}
	FILE *file = fopencookie(in, "r", (cookie_io_functions_t){.read = take, .close = end});
	if (!file || setvbuf(file, NULL, _IOFBF, BUFFER) != 0)
		die("out of memory");
	return file;
}
