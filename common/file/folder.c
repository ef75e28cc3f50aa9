#include "file/folder.h"

#include "base/die.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Ends the program unless the last call failed because of the path itself. */
static void check_error(const char *path)
{
	switch (errno) {
	case EACCES: case ELOOP: case ENAMETOOLONG: case ENOENT: case ENOTDIR:
		return;
	}
	die("%s: %s", path, error_text(errno));
}

static bool look(const char *path, struct stat *s)
{
	if (stat(path, s) == 0)
		return true;
	check_error(path);
	return false;
}

bool path_exists(const char *path)
{
	struct stat s;

	return look(path, &s);
}

bool is_folder(const char *path)
{
	struct stat s;

	return look(path, &s) && S_ISDIR(s.st_mode);
}

char *real_path(const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		check_error(path);
	return real;
}

DIR *folder_open(const char *path)
{
	DIR *folder;

	while (!(folder = opendir(path)) && errno == EINTR)
		;
	if (!folder)
		check_error(path);
	return folder;
}

struct dirent *folder_next(DIR *folder, const char *path)
{
	errno = 0;
	struct dirent *entry = readdir(folder);
	if (!entry && errno != 0)
		die("%s: %s", path, error_text(errno));
	return entry;
}
