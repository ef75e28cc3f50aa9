#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* The number in a file; infinity where there is none, or the word max. */
static double number_in(const char *path)
{
	FILE *f = fopen(path, "r");
	double x;

	if (!f || fscanf(f, "%lf", &x) != 1)
		x = INFINITY;
	if (f)
		fclose(f);
	return x;
}

/* The least of the numbers in `file` of the group and of all above it. */
static double least_above(const char *mount, char *group, const char *file)
{
	char path[2 * PATH_SIZE];
	double least = INFINITY;

	for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
		*end = '\0';
		snprintf(path, sizeof path, "%.4000s%.4000s/%s", mount, group, file);
		least = fmin(least, number_in(path));
	}
	return least;
}

/* A line is NUMBER:CONTROLLERS:GROUP; those of v2 have no controllers. */
double cgroup_limit(const char *self, const char *mount)
{
	FILE *f = fopen(self, "r");
	char line[PATH_SIZE], v1[PATH_SIZE];
	double least = INFINITY;

	snprintf(v1, sizeof v1, "%.4000s/memory", mount);
	while (f && fgets(line, sizeof line, f)) {
		char *controllers = strchr(line, ':'), *group;
		if (!controllers || !(group = strchr(++controllers, ':')))
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (!*controllers)
			least = fmin(least, least_above(mount, group, "memory.max"));
		else if (strcmp(controllers, "memory") == 0)
			least = fmin(least, least_above(v1, group, "memory.limit_in_bytes"));
	}
	if (f)
		fclose(f);
	return least;
}

double memory_left(void)
{
	static double limit;		/* of all that was touched */
	double page = (double)sysconf(_SC_PAGESIZE), all = 0, resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	struct rlimit space;

	if (limit == 0) {
		double machine = (double)sysconf(_SC_PHYS_PAGES) * page;
		limit = fmin(machine > 0 ? machine : INFINITY,
			cgroup_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
	}
	if (f && fscanf(f, "%lf %lf %lf", &all, &resident, &shared) != 3)
		all = resident = shared = 0;
	if (f)
		fclose(f);
	double left = limit - (resident - shared) * page;
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
		left = fmin(left, (double)space.rlim_cur - all * page);
	return fmax(left, 0);
}

static const char *put_bytes(char text[32], double bytes)
{
	static const char unit[] = "kMGTPE";
	size_t k = 0;

	for (bytes /= 1000; bytes >= 999.5 && unit[k + 1]; bytes /= 1000)
		k++;
	snprintf(text, 32, "%.3g %cB", bytes, unit[k]);
	return text;
}

void memory_for_blas(size_t threads)
{
	free(xalloc(threads, (128 << 20) + (64 << 10)));	/* not touched */
}

void memory_need(double bytes, const char *less, const char *format, ...)
{
	char what[512], needed[32], may[32];
	double left = memory_left();
	va_list args;

	if (bytes <= left)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	die("%s: %s of memory are needed, %s may be used%s%s%s", what,
		put_bytes(needed, bytes), put_bytes(may, left), less ? ": " : "",
		less ? less : "", less ? " takes less" : "");
}
