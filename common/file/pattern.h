/* Files by a pattern of the shell, in natural order: shard-2 before shard-10. */
#ifndef FILE_PATTERN_H
#define FILE_PATTERN_H

#include "base/opt.h"

/* Appends the files of "FILE" or "FILE:KEY" to the list, each to free(), with the same key: FILE
 * itself where it is there or holds none of *, ? and [; else all that match it, which has to be
 * one at least. */
void pattern_files(struct list *files, const char *spec);

#endif
