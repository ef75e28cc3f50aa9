/* Files of torch.save, version 1.6 or later: a zip archive of a pickle and the numbers of its
 * tensors. The pickle is read, and nothing in it is executed: file/pickle.h. What is wrong with a
 * file ends the program.
 *
 * A tensor in maps or lists is named by the keys on the way to it: {"state_dict": {"W_enc": ...}}
 * has "state_dict.W_enc". A number of Python's own in maps is an array of no dimension. */
#ifndef FILE_PT_H
#define FILE_PT_H

#include "file/array.h"

#include <jansson.h>

struct pt;

/* The bytes have to stay. NULL when they are no such file. A line of JSON may stand before the
 * archive. */
struct pt *pt_open(const char *name, const char *bytes, size_t n);
void pt_close(struct pt *);

/* The names, those of the tensors first, the values of no use; {} of a file of one tensor alone. */
json_t *pt_tensors(const struct pt *);
json_t *pt_numbers(const struct pt *);

/* The array of that name, NULL: the only tensor; false when there is none. A tensor that is a view
 * of another's numbers is copied in order, but for a matrix that is column-major when `turned` lets
 * it be given so. */
bool pt_find(struct pt *, const char *key, bool turned, struct array *);

/* The settings that the file holds: "cfg" or "config" in the outermost map, or the line before the
 * archive; NULL when there are none. What is no text, number, truth, list or map is left out. */
json_t *pt_settings(struct pt *);

#endif
