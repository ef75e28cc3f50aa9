#include "file/sae_random.h"

#include "base/die.h"
#include "file/npz_writer.h"
#include "kernel/product.h"
#include "kernel/sliced.h"

#include <stdlib.h>
#include <string.h>

/* States are encoded so many at a time where all positive pre-activations are kept. */
enum { PART = 256 };

/* At most CHUNK_TOKENS states: spread over files, the first of stdin. */
static struct chunk *sample(const struct tokens *t)
{
	struct chunk *c = chunk_new(t);
	size_t at = 0;

	if (states_in_files(t->states))
		chunk_sample(c, t, CHUNK_TOKENS);
	else
		chunk_read(c, t, &at);
	if (c->n == 0)
		die("%s: no state is finite and kept", states_name(t->states));
	return c;
}

static void subtract_mean(struct chunk *c, float *mean, size_t d)
{
	for (size_t k = 0; k < d; k++) {
		double sum = 0;
		for (size_t t = 0; t < c->n; t++)
			sum += (double)c->x[t * d + k];
		mean[k] = (float)(sum / (double)c->n);
		for (size_t t = 0; t < c->n; t++)
			c->x[t * d + k] -= mean[k];
	}
}

static float *random_rows(size_t features, size_t d, uint64_t seed)
{
	float *w = xalloc(features * sizeof *w, d);
	double *lanes = xalloc(LANES * sizeof *lanes, d);

	for (size_t i = 0; i < features; i++) {
		if (i % LANES == 0)
			draw_directions(lanes, LANES, d, seed + ((uint64_t)i << 32));
		for (size_t k = 0; k < d; k++)
			w[i * d + k] = (float)lanes[k * LANES + i % LANES];
	}
	free(lanes);
	return w;
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x < y) - (x > y);
}

/* One threshold for all features, which the `most` largest pre-activations of the states are above;
 * 0 where no more are positive. Those of some states at a time are merged with the largest so far,
 * below which none is asked for. */
static float *thresholds_above(const struct chunk *c, struct encoder e, const struct tokens *t,
	size_t most)
{
	struct chunk *part = chunk_new(t);
	float *threshold = xcalloc(e.features, sizeof *threshold), *best = NULL;
	size_t n = 0;

	e.threshold = threshold;
	for (size_t at = 0; at < c->n; at += PART) {
		part->n = c->n - at < PART ? c->n - at : PART;
		memcpy(part->x, c->x + at * t->d, part->n * t->d * sizeof *part->x);
		chunk_encode(part, &e);
		best = xrealloc(best, n + part->nnz + 1, sizeof *best);
		memcpy(best + n, part->value, part->nnz * sizeof *best);
		n += part->nnz;
		qsort(best, n, sizeof *best, descending);
		n = n < most + 1 ? n : most + 1;
		for (size_t i = 0; i < e.features && n > most; i++)
			threshold[i] = best[most];
	}
	free(best);
	chunk_free(part);
	return threshold;
}

/* The g that makes sum_t |x_t - g y_t|^2 least, y_t = sum_i a_ti w_i; then <x_t, y_t> = sum_i
 * a_ti^2. */
static double least_squares_gain(const struct chunk *c, const float *w, size_t d)
{
	double *y = xalloc(d, sizeof *y), with_x = 0, with_y = 0;

	for (size_t t = 0; t < c->n; t++) {
		for (size_t k = 0; k < d; k++)
			y[k] = 0;
		for (size_t j = c->indptr[t]; j < c->indptr[t + 1]; j++) {
			double a = (double)c->value[j];
			const float *row = w + c->feature[j] * d;
			with_x += a * a;
			for (size_t k = 0; k < d; k++)
				y[k] += a * (double)row[k];
		}
		for (size_t k = 0; k < d; k++)
			with_y += y[k] * y[k];
	}
	free(y);
	return with_y > 0 ? with_x / with_y : 1;
}

/* W_enc as the products want it, without the gain. */
static float *packed_rows(const struct sae_random *s)
{
	float *packed = xcalloc(product_matrix_size(s->d, s->features), sizeof *packed);

	product_pack_matrix(packed, s->w, &(struct product_part){.rows = s->d,
		.columns = s->features, .row_stride = 1, .column_stride = s->d}, s->d, s->features);
	return packed;
}

struct sae_random sae_random_like(const struct sae *trained, const char *name,
	const struct tokens *t, uint64_t seed)
{
	struct sae_random s = {.d = t->d, .features = sae_stream_features(trained), .seed = seed};
	struct encoder as_trained = sae_encoder(trained);
	struct chunk *c = sample(t);

	chunk_encode(c, &as_trained);
	size_t active = c->nnz;
	s.w = random_rows(s.features, s.d, seed);
	s.centre = xalloc(s.d, sizeof *s.centre);
	subtract_mean(c, s.centre, s.d);
	float *packed = packed_rows(&s), *zero = xcalloc(s.features, sizeof *zero);
	struct encoder e = {.d = s.d, .features = s.features, .rule = ENCODE_ABOVE,
		.w_enc = packed, .b_enc = zero};
	if (sae_takes_k(trained->architecture)) {
		s.k = e.k = trained->k < s.features ? trained->k : s.features;
		e.rule = ENCODE_TOPK;
	} else {
		s.threshold = thresholds_above(c, e, t, active);
		e.threshold = s.threshold;
	}
	chunk_encode(c, &e);
	if (s.threshold && c->nnz < active)
		note("%s has %zu activations on %zu states, where random weights have %zu at most",
			name, active, c->n, c->nnz);
	s.gain = (float)least_squares_gain(c, s.w, s.d);
	for (size_t i = 0; i < s.features && s.threshold; i++)
		s.threshold[i] *= s.gain;
	free(zero);
	free(packed);
	chunk_free(c);
	return s;
}

void sae_random_free(struct sae_random *s)
{
	free(s->w);
	free(s->centre);
	free(s->threshold);
}

/* -- Its file ---------------------------------------------------------------------------------- */

static void put_decoder(struct npz_writer *out, const void *from)
{
	const struct sae_random *s = from;

	npz_put(out, s->w, s->features * s->d * sizeof *s->w);
}

static void put_encoder(struct npz_writer *out, const void *from)
{
	const struct sae_random *s = from;
	float *row = xalloc(s->features, sizeof *row);

	for (size_t k = 0; k < s->d; k++) {
		for (size_t i = 0; i < s->features; i++)
			row[i] = s->gain * s->w[i * s->d + k];
		npz_put(out, row, s->features * sizeof *row);
	}
	free(row);
}

static void put_b_enc(struct npz_writer *out, const void *from)
{
	const struct sae_random *s = from;
	static const float zero = 0;

	for (size_t i = 0; i < s->features; i++)
		npz_put(out, &zero, sizeof zero);
}

static void put_b_dec(struct npz_writer *out, const void *from)
{
	const struct sae_random *s = from;

	npz_put(out, s->centre, s->d * sizeof *s->centre);
}

static void put_threshold(struct npz_writer *out, const void *from)
{
	const struct sae_random *s = from;

	npz_put(out, s->threshold, s->features * sizeof *s->threshold);
}

static void put_number(struct npz_writer *out, const void *from)
{
	npz_put(out, from, sizeof(uint64_t));
}

void sae_random_write(const struct sae_random *s)
{
	const size_t decoder[] = {s->features, s->d}, encoder[] = {s->d, s->features};
	const uint64_t k = s->k;
	struct npz_writer *out = npz_writer_open();

	npz_write(out, "W_enc", "<f4", 2, encoder, put_encoder, s);
	npz_write(out, "W_dec", "<f4", 2, decoder, put_decoder, s);
	npz_write(out, "b_enc", "<f4", 1, &s->features, put_b_enc, s);
	npz_write(out, "b_dec", "<f4", 1, &s->d, put_b_dec, s);
	if (s->threshold)
		npz_write(out, "threshold", "<f4", 1, &s->features, put_threshold, s);
	else
		npz_write(out, "k", "<u8", 0, NULL, put_number, &k);
	npz_write(out, "random_seed", "<u8", 0, NULL, put_number, &s->seed);
	npz_writer_close(out);
}
