#define _GNU_SOURCE		/* fopencookie; stdin, stdout and stderr are variables */
#include "base/standard.h"

#include "base/die.h"
#include "base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* All n bytes, or die(); 0, which stdio takes for an error, where the program ends already. */
static ssize_t put(void *cookie, const char *bytes, size_t n)
{
	size_t done = 0;

	(void)cookie;
	while (done < n && !dying) {
		ssize_t k = write(STDOUT_FILENO, bytes + done, n - done);
		if (k < 0 && errno != EINTR)
			die("stdout: %s", error_text(errno));
		done += k > 0 ? (size_t)k : 0;
	}
	return (ssize_t)done;
}

static int close_stdout(void *cookie)
{
	(void)cookie;
	if (close(STDOUT_FILENO) != 0 && !dying)
		die("stdout: %s", error_text(errno));
	return 0;
}

/* The lines of libraries. Those of OpenMP end the program: memory for its threads has dying. */
static ssize_t put_words(void *cookie, const char *bytes, size_t n)
{
	static char line[256];
	static size_t length;

	(void)cookie;
	for (size_t i = 0; i < n && !dying; i++) {
		if (bytes[i] != '\n' && length + 1 < sizeof line) {
			line[length++] = bytes[i];
			continue;
		}
		line[length] = '\0';
		if (strncmp(line, "libgomp: ", 9) == 0)
			die("out of memory for threads, or of threads (--threads 1 starts none): "
				"%s", line + 9);
		if (length > 0)
			note("%s", line);
		length = 0;
	}
	return (ssize_t)n;
}

static FILE *stream(cookie_io_functions_t does)
{
	FILE *file = fopencookie(NULL, "w", does);

	if (!file)
		die("out of memory");
	return file;
}

void standard_open(void)
{
	static char buffer[1 << 16];

	/* /dev/null takes the place of what is closed, the wrong way round: it fails when used */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	stdin = input_open(NULL);
	stdout = stream((cookie_io_functions_t){.write = put, .close = close_stdout});
	setvbuf(stdout, buffer, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof buffer);
	stderr = stream((cookie_io_functions_t){.write = put_words});
	setvbuf(stderr, NULL, _IONBF, 0);
}

void text_close(void)
{
	if (fclose(stdout) != 0)
		die("stdout: %s", error_text(errno));
}
