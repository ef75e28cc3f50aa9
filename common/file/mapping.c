#include "file/mapping.h"

#include "base/die.h"
#include "base/input.h"
#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mapping *all;		/* that are mapped, for the signal's handler */

/* Appends what fits of a text; control characters become '?', as in die(). */
static size_t append(char *line, size_t n, size_t room, const char *text)
{
	for (; *text && n < room; text++)
		line[n++] = (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
	return n;
}

/* Calls nothing but what a handler may call. */
static void say_shorter(int number, siginfo_t *info, void *context)
{
	const char *at = info->si_addr;
	char line[1024];

	(void)context;
	for (const struct mapping *m = all; m; m = m->next) {
		if (at < m->bytes || at >= m->bytes + m->n)
			continue;
		size_t n = append(line, 0, 900, program);
		n = append(line, n, 900, ": ");
		n = append(line, n, 900, m->name);
		n = append(line, n, sizeof line - 1, ": became shorter while it was read");
		line[n++] = '\n';
		(void)!write(STDERR_FILENO, line, n);
		_exit(1);
	}
	signal(number, SIG_DFL);	/* of something else: it is raised again, and kills */
}

static void map(struct mapping *m, int fd, size_t n)
{
	struct sigaction shorter = {.sa_sigaction = say_shorter, .sa_flags = SA_SIGINFO};

	m->n = n;
	m->bytes = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->bytes == MAP_FAILED)
		die("%s: %s, of %zu bytes to map", m->name, error_text(errno), n);
	m->mapped = true;
	m->next = all;
	all = m;
	sigemptyset(&shorter.sa_mask);
	sigaction(SIGBUS, &shorter, NULL);
}

static void read_all(struct mapping *m, int fd, mapping_length *length)
{
	size_t room = 0, most = 0;
	size_t k = 1;

	while (k != 0 && (most == 0 || m->n <= most)) {
		if (m->n == room) {
			room = room ? 2 * room : 1 << 16;
			memory_need((double)(room - m->n), "a file in place of the pipe",
				"%s: more than %zu bytes", m->name, m->n);
			m->bytes = xrealloc(m->bytes, room, 1);
		}
		k = read_some(fd, m->name, m->bytes + m->n, room - m->n);
		m->n += k;
		if (most == 0 && length)
			most = length(m->name, m->bytes, m->n);
	}
}

void mapping_open(struct mapping *m, const char *path, mapping_length *length)
{
	struct stat stat;
	int fd = open_file(path);

	*m = (struct mapping){.name = xasprintf("%s", path)};
	if (fstat(fd, &stat) != 0)
		die("%s: %s", path, error_text(errno));
	if (S_ISREG(stat.st_mode) && stat.st_size > 0)
		map(m, fd, (size_t)stat.st_size);
	else
		read_all(m, fd, length);
	close(fd);
}

void mapping_release(const struct mapping *m)
{
	if (m->mapped)
		madvise(m->bytes, m->n, MADV_DONTNEED);
}

void mapping_close(struct mapping *m)
{
	for (struct mapping **at = &all; *at; )
		if (*at == m)
			*at = m->next;
		else
			at = &(*at)->next;
	if (m->mapped)
		munmap(m->bytes, m->n);
	else
		free(m->bytes);
	free(m->name);
}

void mapping_close_all(void)
{
	while (all)
		mapping_close(all);
}
