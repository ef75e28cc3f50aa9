/* Text of any length that is put together by stdio. */
#ifndef BASE_TEXT_STREAM_H
#define BASE_TEXT_STREAM_H

#include <stdio.h>

/* A stream whose bytes become *text, to free(), with a zero behind them, and *size, how many they
 * are; both are set by text_stream_close(). Where memory ends the program does: what
 * open_memstream() of glibc cannot hold it leaves out, and neither ferror() nor fclose() tells. */
FILE *text_stream(char **text, size_t *size);
void text_stream_close(FILE *);

#endif
