#define _GNU_SOURCE		/* fopencookie */
#include "base/input.h"

#include "base/die.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

struct input {
	const char *name;
	int fd;
};

int open_file(const char *path)
{
	int fd;

	while ((fd = open(path, O_RDONLY)) < 0 && errno == EINTR)
		;
	if (fd < 0)
		die("%s: %s", path, error_text(errno));
	return fd;
}

size_t read_some(int fd, const char *name, void *to, size_t n)
{
	ssize_t k;

	while ((k = read(fd, to, n < SSIZE_MAX ? n : SSIZE_MAX)) < 0)
		if (errno != EINTR)
			die("%s: %s", name, error_text(errno));
	return (size_t)k;
}

static ssize_t take(void *cookie, char *to, size_t n)
{
	const struct input *in = cookie;

	return (ssize_t)read_some(in->fd, in->name, to, n);
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
