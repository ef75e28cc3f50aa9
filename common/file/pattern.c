#define _GNU_SOURCE		/* GLOB_ALTDIRFUNC */
#include "file/pattern.h"

#include "base/die.h"
#include "file/folder.h"

#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Numbers in names by their values, all else by bytes. */
static int natural(const char *x, const char *y)
{
	for (; *x && *y; x++, y++) {
		if (!isdigit((unsigned char)*x) || !isdigit((unsigned char)*y)) {
			if (*x != *y)
				break;
			continue;
		}
		x += strspn(x, "0");
		y += strspn(y, "0");
		size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
		int order = n != m ? (n > m) - (n < m) : memcmp(x, y, n);
		if (order != 0)
			return order;
		x += n;
		y += m;
		x--;
		y--;
	}
	return (unsigned char)*x - (unsigned char)*y;
}

static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int order = natural(x, y);

	return order != 0 ? order : strcmp(x, y);
}

static void append(struct list *files, const char *path, const char *key)
{
	files->item = xrealloc(files->item, files->n + 1, sizeof *files->item);
	files->item[files->n++] = xasprintf("%s%s", path, key);
}

/* For glob(), which itself takes a folder that cannot be read for an empty one. */
static void *folder(const char *path)
{
	return folder_open(path);
}

static struct dirent *entry(void *dir)
{
	return folder_next(dir, "a folder of a pattern");
}

static void close_folder(void *dir)
{
	closedir(dir);
}

/* Appends what matches; false for nothing. */
static bool matches(struct list *files, const char *pattern, const char *key)
{
	glob_t found = {.gl_opendir = folder, .gl_readdir = entry, .gl_closedir = close_folder,
		.gl_stat = stat, .gl_lstat = lstat};
	int status = glob(pattern, GLOB_ALTDIRFUNC, NULL, &found);

	if (status == GLOB_NOSPACE)
		die("%s: out of memory", pattern);
	if (status != 0)
		return false;
	qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name);
	for (size_t i = 0; i < found.gl_pathc; i++)
		append(files, found.gl_pathv[i], key);
	globfree(&found);
	return true;
}

void pattern_files(struct list *files, const char *spec)
{
	bool literal = !strpbrk(spec, "*?["), done = false;
	char *path = xasprintf("%s", spec);

	for (char *colon = NULL; !literal; ) {		/* FILE is as long as it can be */
		literal = path_exists(path);
		if (!literal && (done = matches(files, path, spec + strlen(path))))
			break;
		if (!(colon = strrchr(path, ':')))
			break;
		*colon = '\0';
	}
	free(path);
	if (!literal && !done)
		die("%s: no file matches", spec);
	if (literal)
		append(files, spec, "");
}
