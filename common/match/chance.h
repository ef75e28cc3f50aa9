/* How near a nearest may be by chance. The second nearest of a feature that has a partner is what
 * its nearest would be without it; so the second nearest of all such features say how near a feature
 * without a partner has its nearest. They are a minimum of as many distances as the nearest is, at
 * any number of columns. */
#ifndef MATCH_CHANCE_H
#define MATCH_CHANCE_H

#include "stream/distances.h"

/* second (rows), ascending: the distances of the second nearest columns of the rows that are the
 * nearest of their nearest column; infinite where all others are forbidden. Returns how many: 0
 * where only one column of each row is known. Of equal distances the lower column is nearer, then
 * the lower row. */
size_t second_nearest(float *second, const struct distances *);

/* The share of them that is no farther than this. */
float chance_of(const float *second, size_t n, float dist);

/* The largest distance of which the share is at most that, 0 to 1; infinite where all are. */
float chance_ceiling(const float *second, size_t n, double share);

#endif
