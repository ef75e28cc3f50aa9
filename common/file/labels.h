/* What people call features: text by layer and index. A file of labels is one of
 *
 *	a table (file/table.h) of layer, feature and label: its first line names these columns, in
 *	any order and among others; or the first three columns are these, without such a line;
 *	Neuronpedia's explanations: JSON of objects with layer, index and description, line after
 *	line or in one list;
 *	an attribution graph's JSON: the clerps of its features.
 *
 * An empty label is none. A table may give a feature one label only. Of several explanations or
 * clerps of a feature the first counts. Texts may hold any bytes but NUL: who shows one escapes
 * it. */
#ifndef FILE_LABELS_H
#define FILE_LABELS_H

#include "base/opt.h"
#include "stream/distances.h"

struct labels;

/* const char *file[2]: that of the rows (of all, where there is one), that of the columns. */
#define OPT_LABELS(file) \
	{"labels", OPT_TEXT, &(file)[0], "FILE", \
		"what features are called: a table, explanations or a graph", 0, 0}, \
	{"labels-b", OPT_TEXT, &(file)[1], "FILE", "the same for the columns alone", 0, 0}

/* What is wrong with the file ends the program. NULL is a file without labels, where path is. */
struct labels *labels_open(const char *path);
void labels_close(struct labels *);
/* Those of OPT_LABELS; both are the same where one file is given. */
void labels_open_sides(struct labels *l[2], const char *const file[2]);
void labels_close_sides(struct labels *l[2]);

/* The label of a feature; NULL: none. The layer's name is the file's, or the number before a
 * hyphen in that: 12 is 12-gemmascope-res-16k. Such a number of two layers ends the program. */
const char *labels_find(struct labels *, const char *layer, uint32_t feature);

/* After all features of `where` were asked for: ends the program, with the layers of both, when the
 * file has none of their layers. whole: also when it has none of the features; and a note counts
 * labels of others. */
void labels_tell(const struct labels *, const char *where, bool whole);
void labels_tell_sides(struct labels *const l[2], const char *where, bool whole);

/* Ends the program when rows and columns of one layer's name are of two dictionaries: one file
 * cannot tell them apart. */
void labels_want_apart(struct labels *const l[2], const struct ids *row, const struct ids *col);

/* number[k][i]: of the label of feature i of side k, the same for the same text; 0: none. */
void labels_number(uint32_t *const number[2], const struct ids side[2], struct labels *const l[2]);

#endif
