/* Files and stdin. What fails ends the program with a line that names the file, and what a signal
 * interrupts goes on. */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H

#include <stdbool.h>
#include <stdio.h>

bool is_stdin(const char *path);	/* NULL and "-" are */

int open_file(const char *path);
size_t read_some(int fd, const char *name, void *to, size_t n);	/* bytes; 0 at the end */

/* Opens a file, or stdin, which fclose() leaves open, for stdio, which alone would take what came
 * before a failed read for all there is. The path has to stay until fclose(). */
FILE *input_open(const char *path);

#endif
