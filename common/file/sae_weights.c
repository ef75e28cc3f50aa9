/* The numbers of an SAE. */
#include "file/sae_reading.h"

#include "base/die.h"
#include "base/memory.h"
#include "kernel/product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_PART = 1 << 18 };	/* numbers that are read at a time */

/* -- Vectors ----------------------------------------------------------------------------------- */

static void check_finite(const char *file, const char *key, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			die("%s:%s: number %zu is not finite", file, key, i);
}

/* The array of a key: n numbers, or one when `one`. A shape (1, n) is taken, too. */
static float *numbers(struct archive *f, const char *key, size_t n, bool one)
{
	struct array a;
	const char *file = archive_name(f);

	archive_want(f, key, &a);
	size_t count = array_count(&a);
	if (a.rank > 2 || (a.rank == 2 && a.shape[0] != 1 && n != count))
		die("%s:%s: %zu dimensions where an SAE has 1", file, key, a.rank);
	if (count != n && !(one && count == 1))
		die("%s:%s: %zu numbers where %zu are needed", file, key, count, n);
	float *x = array_floats(&a);
	check_finite(file, key, x, count);
	if (count == n)
		return x;
	float *all = xalloc(n, sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = *x;
	free(x);
	return all;
}

float *sae_numbers(struct sae_reading *r, const char *names, size_t n, bool one)
{
	char *key = sae_layout_key(&r->layout, r->file, names);
	float *x = key ? numbers(r->file, key, n, one) : NULL;

	free(key);
	return x;
}

bool sae_scalar(struct sae_reading *r, const char *names, double *x)
{
	char *key = sae_layout_key(&r->layout, r->file, names);
	struct array a;

	if (!key)
		return false;
	archive_want(r->file, key, &a);
	if (array_count(&a) != 1)
		die("%s:%s: %zu numbers, where one is needed", r->name, key, array_count(&a));
	*x = sm_to_double(a.data, a.dtype, 0);
	free(key);
	return true;
}

/* -- Matrices ---------------------------------------------------------------------------------- */

/* A matrix (rows, columns), which lies turned in the file, or not. Of three dimensions the last
 * two, or the first two, are one. */
struct matrix {
	struct archive *file;
	const char *key;
	size_t rows, columns;
	bool turned;
	bool unchecked;			/* numbers that are not finite are taken, too */
};

/* What is done with a part of it: whole rows, or whole columns. */
typedef void take_part(void *to, const float *x, const struct product_part *, size_t rows,
	size_t columns);

/* Row i is multiplied by scale[i]. */
static void scale_part(float *x, const struct product_part *p, const float *scale)
{
	for (size_t i = 0; scale && i < p->rows; i++)
		for (size_t j = 0; j < p->columns; j++)
			x[i * p->row_stride + j * p->column_stride] *= scale[p->k0 + i];
}

static void read_matrix(const struct matrix *m, const float *row_scale, take_part *take, void *to)
{
	struct array a;
	struct array_parts *parts = array_parts_open(m->file, m->key, &a);
	if (!sm_dtype_is_float(a.dtype))
		die("%s:%s: numbers of type %s, integers: weights are of f2, bf16, f4 or f8",
			archive_name(m->file), m->key ? m->key : "", sm_dtype_name(a.dtype));
	bool by_column = a.fortran != m->turned;	/* each line of the file is a column */
	size_t lines = by_column ? m->columns : m->rows;
	size_t line = by_column ? m->rows : m->columns;
	size_t most = 1 + MATRIX_PART / line, n;
	float *x = xalloc(most * sizeof *x, line);

	for (size_t at = 0; at < lines; at += n) {
		n = lines - at < most ? lines - at : most;
		array_parts_read(parts, x, n * line);
		for (size_t i = 0; !m->unchecked && i < n * line; i++)
			if (!isfinite(x[i]))
				die("%s:%s: number %zu is not finite", archive_name(m->file),
					m->key ? m->key : "", a.fortran
					? i % line * lines + at + i / line : at * line + i);
		struct product_part p = {at, n, 0, m->columns, line, 1};
		if (by_column)
			p = (struct product_part){0, m->rows, at, n, 1, line};
		scale_part(x, &p, row_scale);
		take(to, x, &p, m->rows, m->columns);
	}
	free(x);
	array_parts_close(parts);
}

static void take_packed(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	product_pack_matrix(to, x, p, rows, columns);
}

/* The same of the matrix turned. */
static void take_packed_turned(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	product_pack_matrix(to, x, &(struct product_part){p->j0, p->columns, p->k0, p->rows,
		p->column_stride, p->row_stride}, columns, rows);
}

/* Columns of rows of a decoder: those of one layer, or all; with the rows of one model after those
 * of another, features of each, the parts of a row are put together. */
struct rows {
	float *y;			/* (features, n) */
	size_t from, n, features, width;
};

static void take_rows(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	const struct rows *r = to;

	(void)rows, (void)columns;
	for (size_t i = 0; i < p->rows; i++) {
		size_t feature = (p->k0 + i) % r->features;
		size_t before = (p->k0 + i) / r->features * r->width + p->j0;
		for (size_t j = 0; j < p->columns; j++)
			if (before + j >= r->from && before + j - r->from < r->n)
				r->y[feature * r->n + before + j - r->from] =
					x[i * p->row_stride + j * p->column_stride];
	}
}

/* Adds to the squared length of each row; its numbers come in order. */
static void take_squares(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	double *sum = to;

	(void)rows, (void)columns;
	for (size_t i = 0; i < p->rows; i++)
		for (size_t j = 0; j < p->columns; j++) {
			double v = (double)x[i * p->row_stride + j * p->column_stride];
			sum[p->k0 + i] += v * v;
		}
}

static struct matrix decoder_matrix(const struct sae_reading *r)
{
	return (struct matrix){r->decoder, r->layout.key[KEY_W_DEC],
		r->models * r->sae->features, r->row / r->models,
		.turned = r->layout.dialect->turned[1]};
}

/* -- Passes over the decoder ------------------------------------------------------------------- */

struct sae_passes {
	struct matrix w_dec;
	char *key;
	float *row_scale;		/* by which its rows are multiplied, or NULL */
};

static struct sae_passes *passes_open(const struct sae_reading *r, float *row_scale)
{
	struct sae_passes *p = xalloc(1, sizeof *p);

	*p = (struct sae_passes){.w_dec = decoder_matrix(r), .row_scale = row_scale};
	if (p->w_dec.key)
		p->w_dec.key = p->key = xasprintf("%s", p->w_dec.key);
	p->w_dec.unchecked = true;
	return p;
}

void sae_passes_close(struct sae_passes *p)
{
	archive_close(p->w_dec.file);
	free(p->key);
	free(p->row_scale);
	free(p);
}

struct decoded {
	const struct sae *sae;
	const struct sae_rows *rows;
};

/* The first of the entries from..to-1 whose feature is not below i. */
static size_t first_from(const uint32_t *feature, size_t from, size_t to, size_t i)
{
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (feature[middle] < i)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* x_t -= sum_i decoding(a_ti) w_i for the features i of a part, or for their columns in it. */
static void subtract_part(void *to, const float *w, const struct product_part *p, size_t rows,
	size_t columns)
{
	const struct decoded *d = to;
	const struct sae_rows *s = d->rows;

	(void)rows;
	#pragma omp parallel for
	for (size_t t = 0; t < s->n; t += s->step) {
		float *x = s->x + t * columns + p->j0;
		size_t end = s->indptr[t + 1];
		size_t k = first_from(s->feature, s->indptr[t], end, p->k0);
		for (; k < end && s->feature[k] < p->k0 + p->rows; k++) {
			float a = (float)sae_decoding(d->sae, s->feature[k], (double)s->value[k]);
			const float *row = w + (s->feature[k] - p->k0) * p->row_stride;
			for (size_t j = 0; j < p->columns; j++)
				x[j] -= a * row[j * p->column_stride];
		}
	}
}

void sae_subtract_decoded(const struct sae *s, const struct sae_rows *rows)
{
	for (size_t t = 0; s->b_dec && t < rows->n; t += rows->step)
		for (size_t k = 0; k < s->d; k++)
			rows->x[t * s->d + k] -= s->b_dec[k];
	read_matrix(&s->passes->w_dec, s->passes->row_scale, subtract_part,
		&(struct decoded){s, rows});
}

/* -- All of them ------------------------------------------------------------------------------- */

/* Centring of the input as a part of the bias: b_enc -= mean W_enc. */
static void centre(struct sae *s, const float *mean)
{
	float *column = xalloc(s->d, sizeof *column);

	for (size_t i = 0; i < s->features; i++) {
		double shift = 0;
		product_column(column, s->w_enc, i, s->d, s->features);
		for (size_t k = 0; k < s->d; k++)
			shift += (double)mean[k] * (double)column[k];
		s->b_enc[i] = (float)((double)s->b_enc[i] - shift);
	}
	free(column);
}

static float *decoder_lengths(const struct sae_reading *r)
{
	const struct matrix w_dec = decoder_matrix(r);
	size_t n = r->sae->features;
	double *sum = xcalloc(w_dec.rows, sizeof *sum);
	float *length = xalloc(n, sizeof *length);

	read_matrix(&w_dec, NULL, take_squares, sum);
	for (size_t i = 0; i < n; i++) {
		double squares = 0, lengths = 0;
		for (size_t m = i; m < w_dec.rows; m += n) {
			squares += sum[m];
			lengths += sqrt(sum[m]);
		}
		length[i] = (float)(r->norms_of_models ? lengths : sqrt(squares));
	}
	free(sum);
	return length;
}

/* W_enc packed; of matching pursuit, which has none, W_dec turned. */
static void read_encoder(struct sae_reading *r, const float *row_scale)
{
	struct sae *s = r->sae;
	size_t n = product_matrix_size(s->d, s->features);

	memory_need((double)n * sizeof(float), NULL, "%zu x %zu weights", s->d, s->features);
	s->w_enc = xcalloc(n, sizeof *s->w_enc);
	if (!r->layout.dialect->key[KEY_W_ENC]) {
		struct matrix w_dec = decoder_matrix(r);
		read_matrix(&w_dec, row_scale, take_packed_turned, s->w_enc);
		return;
	}
	read_matrix(&(struct matrix){r->file, r->layout.key[KEY_W_ENC], s->d, s->features,
		.turned = r->layout.dialect->turned[0]}, r->gain, take_packed, s->w_enc);
	if (s->centred && (r->parts & (SAE_BIAS | SAE_RULE)))
		centre(s, s->b_dec);
	if (r->mean)
		centre(s, r->mean);
}

/* overcomplete's rows: of length exp(multiplier). */
static float *unit_rows(struct sae_reading *r)
{
	double multiplier = 0;
	float *scale = decoder_lengths(r);

	sae_scalar(r, "dictionary.multiplier", &multiplier);
	for (size_t i = 0; i < r->sae->features; i++)
		scale[i] = scale[i] > 0 ? (float)(exp(multiplier) / (double)scale[i]) : 0;
	return scale;
}

/* SAELens's factors of finetuned activations, which are decoded with them. */
static float *finetuned(struct sae_reading *r)
{
	return sae_config_true(&r->config, "finetuning_scaling_factor", false)
		? sae_numbers(r, "scaling_factor", r->sae->features, false) : NULL;
}

void sae_read_weights(struct sae_reading *r)
{
	struct sae *s = r->sae;
	float *row_scale = s->architecture == SAE_K_PURSUIT ? unit_rows(r) : finetuned(r);

	if (r->parts & SAE_W_ENC)
		read_encoder(r, row_scale);
	if (r->parts & SAE_W_DEC) {
		const struct matrix w_dec = decoder_matrix(r);
		memory_need((double)s->features * sizeof(float) * (double)s->d_out, NULL,
			"%zu x %zu weights", s->features, s->d_out);
		s->w_dec = xalloc(s->features * sizeof *s->w_dec, s->d_out);
		read_matrix(&w_dec, row_scale, take_rows,
			&(struct rows){s->w_dec, r->row_from, s->d_out, s->features,
				w_dec.columns});
	}
	if (r->decoder_norms)
		s->scale = decoder_lengths(r);
	if (r->parts & SAE_PASSES && !s->elsewhere)
		s->passes = passes_open(r, row_scale);
	else
		free(row_scale);
}
