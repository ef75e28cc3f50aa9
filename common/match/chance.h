/* How near a nearest may be by chance. Of a feature that has a partner, the nearest column that
 * belongs to another row, since that is its own nearest, is what its nearest would be without the
 * partner and its like, such as the parts of a feature that was split. So these second nearest of
 * all such features say how near a feature without a partner has its nearest. They are a minimum of
 * about as many distances as the nearest is, at any number of columns. */
#ifndef MATCH_CHANCE_H
#define MATCH_CHANCE_H

#include "stream/distances.h"

/* second (rows), ascending: of the rows that are the nearest of their nearest column, the distance
 * of the nearest column whose nearest row is another; infinite where none is known. Returns how
 * many: 0 where only one column of each row is known. Of equal distances the lower column is nearer,
 * then the lower row. */
size_t second_nearest(float *second, const struct distances *);

/* The largest distance of which the share is at most that, 0 to 1; infinite where all are. */
float chance_ceiling(const float *second, size_t n, double share);

#endif
