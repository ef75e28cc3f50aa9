#include "kernel/lift.h"

#include <string.h>

void lift_shares(double (*share)[2], uint8_t *const partnered[2], double *col_sum,
	const struct sparse *g, size_t rows, size_t cols)
{
	memset(col_sum, 0, cols * sizeof *col_sum);
	for (size_t s = 0; s < rows; s++) {
		double row_sum = 0;
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++) {
			row_sum += (double)g->value[e];
			col_sum[g->index[e]] += (double)g->value[e];
		}
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++)
			share[e][0] = (double)g->value[e] / row_sum;
		partnered[0][s] = row_sum > 0;
	}
	for (size_t e = 0; e < g->indptr[rows]; e++)
		share[e][1] = (double)g->value[e] / col_sum[g->index[e]];
	for (size_t t = 0; t < cols; t++)
		partnered[1][t] = col_sum[t] > 0;
}

void lift_partners(uint32_t *row, float *most, const struct sparse *g, size_t rows)
{
	for (size_t s = 0; s < rows; s++)
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++) {
			uint32_t t = g->index[e];
			if (g->value[e] > most[t]) {
				most[t] = g->value[e];
				row[t] = (uint32_t)s;
			}
		}
}

void lift_moments(size_t *count, double *sum, double *square, const struct lift *g, size_t rows,
	const struct sparse *b, size_t cols, const uint8_t *among, double *lifted, uint8_t *seen,
	uint32_t *list)
{
	memset(count, 0, cols * sizeof *count);
	memset(sum, 0, cols * sizeof *sum);
	memset(square, 0, cols * sizeof *square);
	for (size_t s = 0; s < rows; s++) {
		size_t n = 0;
		if (among && !among[s])
			continue;
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++) {
			uint32_t t = g->index[e];
			for (size_t k = b->indptr[t]; k < b->indptr[t + 1]; k++) {
				uint32_t j = b->index[k];
				if (!seen[j])
					list[n++] = j;
				seen[j] = 1;
				lifted[j] += g->share[e][0] * (double)b->value[k];
			}
		}
		for (size_t k = 0; k < n; k++) {
			uint32_t j = list[k];
			count[j]++;
			sum[j] += lifted[j];
			square[j] += lifted[j] * lifted[j];
			lifted[j] = 0;
			seen[j] = 0;
		}
	}
}

size_t lift_vector(double (*u)[2], uint32_t *list, uint8_t *seen, const uint32_t *index,
	const float *value, size_t n, const struct lift *g, const uint8_t *among)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t s = index[i];
		double v = (double)value[i], counted = among && !among[s] ? 0 : v;
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++) {
			uint32_t t = g->index[e];
			u[t][0] += g->share[e][0] * counted;
			u[t][1] += g->share[e][1] * v;
			if (!seen[t])
				list[found++] = t;
			seen[t] = 1;
		}
	}
	return found;
}

void lift_add_product(double (*p)[2], uint8_t *touched, double (*u)[2], const uint32_t *list,
	size_t n, const struct sparse *b)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t t = list[i];
		double u0 = u[t][0], u1 = u[t][1];
		for (size_t k = b->indptr[t]; k < b->indptr[t + 1]; k++) {
			uint32_t j = b->index[k];
			p[j][0] += u0 * (double)b->value[k];	/* (a' b~)_j */
			p[j][1] += u1 * (double)b->value[k];	/* (a~' b)_j */
			touched[j] = 1;
		}
	}
}

void lift_add_firing(double (*p)[2], uint32_t *last, const uint32_t *index, size_t n,
	const struct lift *g, const struct sparse *b, const uint8_t *among)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t s = index[i];
		if (among && !among[s])
			continue;
		for (size_t e = g->indptr[s]; e < g->indptr[s + 1]; e++) {
			uint32_t t = g->index[e];
			for (size_t k = b->indptr[t]; k < b->indptr[t + 1]; k++) {
				uint32_t j = b->index[k];
				p[j][0] += last[j] != s + 1;
				last[j] = s + 1;
			}
		}
	}
}
