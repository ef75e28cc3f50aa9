/* The arrays of a .safetensors. What is wrong with the file ends the program. */
#ifndef FILE_SAFETENSORS_H
#define FILE_SAFETENSORS_H

#include "file/array.h"

#include <jansson.h>

/* The header, to json_decref(), of a file of n >= 8 bytes; its data begin at *data. It has to keep
 * the format's own rules: at most 100 MB, no name twice, tensors that fill the file without holes
 * or overlaps. */
json_t *safetensors_header(const char *name, const char *bytes, size_t n, size_t *data);

/* False when there is none of that name. */
bool safetensors_find(json_t *header, const char *name, const char *key, const char *data,
	struct array *);

#endif
