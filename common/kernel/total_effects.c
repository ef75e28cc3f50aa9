#include "kernel/total_effects.h"

#include "base/simd.h"

#include <math.h>
#include <string.h>

LEVELS(total_effects);
LEVELS(effect_profile);

/* In topological order the row of s is complete when a link leads on from it:
 * T(t,.) = sum_s S(t,s) (T(s,.) + e_s), with e_s the row s of I. */
void KERNEL(total_effects)(float *total, size_t first, size_t width, const uint32_t *source,
	const uint32_t *target, const double *share, const size_t *order, size_t nodes,
	size_t links)
{
	for (size_t i = 0; i < nodes; i++)
		memset(total + i * nodes + first, 0, width * sizeof *total);
	for (size_t i = 0; i < links; i++) {
		size_t s = source[order[i]], t = target[order[i]];
		float *to = total + t * nodes + first, part = (float)share[order[i]];
		const float *from = total + s * nodes + first;
		for (size_t k = 0; k < width; k++)
			to[k] += part * from[k];
		if (s >= first && s < first + width)
			to[s - first] += part;
	}
}

/* sign(x) sqrt(|x| / sum |x|): the squares sum to 1. */
void KERNEL(effect_profile)(float *profile, const float *total, size_t node, size_t nodes)
{
	double sum = 0;

	profile[2 * nodes] = 0;
	for (size_t i = 0; i < nodes; i++) {
		profile[i] = total[node * nodes + i];
		profile[nodes + i] = total[i * nodes + node];
	}
	for (size_t i = 0; i < 2 * nodes; i++)
		sum += fabs((double)profile[i]);
	if (sum == 0)
		profile[2 * nodes] = 1;
	for (size_t i = 0; i < 2 * nodes && sum > 0; i++)
		profile[i] = copysignf((float)sqrt(fabs((double)profile[i]) / sum), profile[i]);
}
