/* Tables in files: lines of cells with a tab between two. Empty lines are passed over. What is
 * wrong with a table ends the program with a line that names the file and the line. */
#ifndef FILE_TABLE_H
#define FILE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	const char *path;
	char *text, *rest;
	size_t line;			/* that was read last, counted from 1 */
	size_t cells, room;
	char **cell;			/* (cells) of that line; texts stay until table_close() */
};

struct table table_open(const char *path);	/* "-" is stdin */
void table_close(struct table *);

/* Reads the next line; false at the end. */
bool table_read(struct table *);

/* A cell of the line: its text, or the index of a feature that it holds. */
const char *table_text(const struct table *, size_t cell);
uint32_t table_feature(const struct table *, size_t cell);

/* Is the text a whole number below 2^32, in digits alone? */
bool table_index(const char *text, uint32_t *index);

#endif
