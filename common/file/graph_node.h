/* What a node of an attribution graph is, by the words of all dialects of the JSON. */
#ifndef FILE_GRAPH_NODE_H
#define FILE_GRAPH_NODE_H

#include "base/json.h"
#include "kernel/influence.h"

#include <stdint.h>

/* Of a feature_type. */
enum node_type graph_node_type(const char *feature_type);

/* Where the index in the layer's dictionary stands in a node_id of this layer and position, in
 * digits; NULL: nowhere. In every dialect it stands there, while `feature` is also Cantor(layer,
 * index) or 100000 layer + index; but not of errors, whose node_id is 0_{layer}_{position}.
 * word: which of a layer's dictionaries it is of, where that is not the transcoder; or none. A
 * layer with two dictionaries is two layers, of which the other has this word behind its name. */
const char *graph_node_index(const char *id, const char *layer, int32_t ctx, struct span *word);

#endif
