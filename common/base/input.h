/* Files and stdin, to be read by stdio. */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H

#include <stdbool.h>
#include <stdio.h>

bool is_stdin(const char *path);	/* NULL and "-" are */

/* Opens a file, or stdin, which fclose() leaves open. A read that a signal interrupts goes on, and
 * one that fails ends the program with a line that names the file: stdio alone would take what came
 * before for all there is. The path has to stay until fclose(). */
FILE *input_open(const char *path);

#endif
