#include "match/reconstruction.h"

#include "base/die.h"
#include "base/progress.h"

#include <omp.h>
#include <stdlib.h>

static size_t blocks_of(size_t tokens)
{
	return tokens / RECONSTRUCTION_TOKENS + (tokens % RECONSTRUCTION_TOKENS > 0);
}

size_t reconstruction_blocks(const struct activations *a)
{
	return blocks_of(a->tokens);
}

/* Entry k of a stream as it was before means were taken. */
static double activation(const struct activations *a, size_t k)
{
	return (double)a->by_token.value[k] + (double)a->mean_removed[a->by_token.index[k]];
}

void reconstruction_scales(double *scale, const uint32_t *col, const struct activations *a,
	const struct activations *b)
{
	double *on_token = xcalloc(b->features, sizeof *on_token);
	double *square = xcalloc(a->features, sizeof *square);

	for (size_t i = 0; i < a->features; i++)
		scale[i] = 0;
	for (size_t t = 0; t < a->tokens; t++) {
		for (size_t k = b->by_token.indptr[t]; k < b->by_token.indptr[t + 1]; k++)
			on_token[b->by_token.index[k]] = activation(b, k);
		for (size_t k = a->by_token.indptr[t]; k < a->by_token.indptr[t + 1]; k++) {
			size_t i = a->by_token.index[k];
			square[i] += activation(a, k) * activation(a, k);
			if (col[i] != NOT_REPLACED)
				scale[i] += activation(a, k) * on_token[col[i]];
		}
		for (size_t k = b->by_token.indptr[t]; k < b->by_token.indptr[t + 1]; k++)
			on_token[b->by_token.index[k]] = 0;
	}
	for (size_t i = 0; i < a->features; i++)
		scale[i] = square[i] > 0 ? scale[i] / square[i] : 0;
	free(square);
	free(on_token);
}

/* y (d) = b_dec + sum_i scale_i a_i(t) W_dec[col(i)]. */
static void decode(double *y, const struct activations *a, size_t t, const uint32_t *col,
	const double *scale, const struct sae *s)
{
	for (size_t c = 0; c < s->d_out; c++)
		y[c] = s->b_dec ? (double)s->b_dec[c] : 0;
	for (size_t k = a->by_token.indptr[t]; k < a->by_token.indptr[t + 1]; k++) {
		size_t i = a->by_token.index[k];
		if (col[i] == NOT_REPLACED)
			continue;
		double v = sae_decoding(s, col[i], activation(a, k) * (scale ? scale[i] : 1));
		const float *row = s->w_dec + col[i] % s->features * s->d_out;
		for (size_t c = 0; c < s->d_out; c++)
			y[c] += v * (double)row[c];
	}
}

static double distance2(const double *y, const float *x, size_t d)
{
	double sum = 0;

	for (size_t c = 0; c < d; c++)
		sum += ((double)x[c] - y[c]) * ((double)x[c] - y[c]);
	return sum;
}

void reconstruction_errors(double *error, const struct activations *a, const uint32_t *col,
	const double *scale, const uint32_t *token, const struct sae *s,
	const struct states *states)
{
	size_t threads = (size_t)omp_get_max_threads();
	double *decoded = xalloc(threads * sizeof *decoded, s->d_out);
	float *state = xalloc(threads * sizeof *state, s->d_out);

	progress_begin(a->tokens, "tokens decoded");
	#pragma omp parallel for
	for (size_t b = 0; b < blocks_of(a->tokens); b++) {
		double *y = decoded + (size_t)omp_get_thread_num() * s->d_out;
		float *x = state + (size_t)omp_get_thread_num() * s->d_out;
		error[b] = 0;
		size_t first = b * RECONSTRUCTION_TOKENS;
		for (size_t t = first; t < a->tokens && t < first + RECONSTRUCTION_TOKENS; t++) {
			states_row(states, token[t], x);
			decode(y, a, t, col, scale, s);
			error[b] += distance2(y, x, s->d_out);
		}
		progress_add(RECONSTRUCTION_TOKENS);
	}
	progress_end();
	free(state);
	free(decoded);
}

void reconstruction_variance(double *variance, const uint32_t *token, size_t tokens,
	const struct states *states)
{
	size_t d = states_d(states);
	double *mean = xcalloc(d, sizeof *mean);
	float *x = xalloc(d, sizeof *x);

	for (size_t t = 0; t < tokens; t++) {
		states_row(states, token[t], x);
		states_check(states, token[t], x);
		for (size_t c = 0; c < d; c++)
			mean[c] += (double)x[c];
	}
	for (size_t c = 0; c < d && tokens > 0; c++)
		mean[c] /= (double)tokens;
	for (size_t t = 0; t < tokens; t++) {
		states_row(states, token[t], x);
		if (t % RECONSTRUCTION_TOKENS == 0)
			variance[t / RECONSTRUCTION_TOKENS] = 0;
		variance[t / RECONSTRUCTION_TOKENS] += distance2(mean, x, d);
	}
	free(x);
	free(mean);
}
