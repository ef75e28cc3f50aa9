/* What people call features: a table (file/table.h) whose first line names its columns, at least
 * layer, feature and label. */
#ifndef FILE_LABELS_H
#define FILE_LABELS_H

#include "base/opt.h"
#include "stream/activations.h"

/* Two sides, labelled by one file or by one each. number[k][i] is that of the label of feature i of
 * side k: the same for the same text, and 0 where there is none. Features that neither side has are
 * counted in a note; where all are such, or two dictionaries of one layer's name share a file, the
 * program ends. */
void read_labels(uint32_t *number[2], const struct dictionary side[2], const struct list *files);

#endif
