/* Which pairs are sure in spite of the sampling errors of the distances. */
#ifndef MATCH_CERTIFY_H
#define MATCH_CERTIFY_H

#include "stream/distances.h"

/* Is row i with column j a certified match?
 *
 *	d(i, o) - d(i, j) > 4 max(e(i, j), e(i, o)),	o: the nearest of the row's other columns
 *
 * e are the standard errors that the distance stage gives (--error). If every distance is within 2
 * e of that of all tokens, j is then the nearest column of i by all tokens too: d(i, j) is at most
 * 2 e too small, and no other distance is more than 2 e too large. How the row was matched does not
 * matter.
 *
 * Writes max(e(i, j), e(i, o)) to *error. It is infinite, and nothing certified, where an error is,
 * and where o may be a column that the stream lacks: of one column for each row, or nearer than
 * `beyond`. d->error has to be there. */
bool certify_pair(float *error, const struct distances *, size_t i, uint32_t j);

#endif
