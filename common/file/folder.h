/* Paths and folders. What cannot be told, for want of memory or for a device's error, is die(), so
 * that it is never taken for a file that is not there. */
#ifndef FILE_FOLDER_H
#define FILE_FOLDER_H

#include <dirent.h>
#include <stdbool.h>

bool path_exists(const char *path);
bool is_folder(const char *path);
char *real_path(const char *path);	/* without links, to free(); NULL: it is not there */

/* NULL: it is not there, or may not be read, which errno tells. */
DIR *folder_open(const char *path);
/* The next entry, or NULL at the end. */
struct dirent *folder_next(DIR *, const char *path);

#endif
