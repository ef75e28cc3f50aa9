#include "match/certify.h"

#include <math.h>

/* Entry k of row i, of dist or error. */
static float entry(const struct distances *d, const float *of, size_t i, size_t k)
{
	return d->turned ? of[k * d->row.n + i] : of[i * d->k + k];
}

/* With the k nearest columns given, o is among the first two, so that two are as good as all. */
bool certify_pair(float *error, const struct distances *d, size_t i, uint32_t j)
{
	float own = INFINITY, own_error = INFINITY, other = INFINITY;
	float other_error = d->k == 1 && d->col.n > 1 ? INFINITY : 0;

	for (size_t k = 0; k < d->k; k++) {
		uint32_t col = d->at ? d->at[i * d->k + k] : (uint32_t)k;
		if (col == j) {
			own = entry(d, d->dist, i, k);
			own_error = entry(d, d->error, i, k);
		} else if (entry(d, d->dist, i, k) < other) {
			other = entry(d, d->dist, i, k);
			other_error = entry(d, d->error, i, k);
		}
	}
	/* o may be a column that is not there */
	if (d->beyond && d->k < d->col.n && d->beyond[i] < other)
		other_error = INFINITY;
	*error = fmaxf(own_error, other_error);
	/* d(i, o) - d(i, j) > 4 max(e(i, j), e(i, o)) */
	return (double)other - (double)own > 4 * (double)*error;
}
