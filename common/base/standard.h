/* The standard streams. */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

/* At the program's start. From here on what cannot be written to stdout or read from stdin ends the
 * program, at once; a call that a signal interrupts (EINTR) is made again; what a library says on
 * stderr is a line of the program's. A descriptor that is closed stays so: no file takes its
 * place. */
void standard_open(void);

/* The end of a program that writes text: all that was written to stdout arrived, or die(). */
void text_close(void);

#endif
