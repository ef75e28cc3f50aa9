#include "file/sae_fit.h"

#include "base/die.h"
#include "kernel/near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MASSIVE = 4, FEWEST = 128 };

struct sums {
	size_t n;
	double *sum;			/* (d) of u - origin */
	double square, error;		/* of |u - origin|^2, |u - u^|^2 */
};

struct sae_fit {
	const struct sae *sae;
	struct encoder encoder;
	struct sums all, rest;		/* rest: those that are not massive */
	double longest;			/* square of the length above which they are */
	float *origin;			/* (d), the first state */
	size_t *with;			/* (features + 1): tokens with so many activations */
	bool *fires;			/* (features) */
};

struct sae_fit *sae_fit_open(const struct sae *s)
{
	struct sae_fit *f = xcalloc(1, sizeof *f);

	f->sae = s;
	f->encoder = sae_encoder(s);
	f->all.sum = xcalloc(s->d, sizeof *f->all.sum);
	f->rest.sum = xcalloc(s->d, sizeof *f->rest.sum);
	f->origin = xcalloc(s->d, sizeof *f->origin);
	f->with = xcalloc(s->features + 1, sizeof *f->with);
	f->fires = xcalloc(s->features, sizeof *f->fires);
	return f;
}

void sae_fit_close(struct sae_fit *f)
{
	free(f->all.sum);
	free(f->rest.sum);
	free(f->origin);
	free(f->with);
	free(f->fires);
	free(f);
}

/* -- Sums -------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sets the origin, and what is massive: by the median of squares (n), 0, step, ... */
static void begin(struct sae_fit *f, const float *x, const double *square, size_t n, size_t step)
{
	double sorted[CHUNK_TOKENS];
	size_t count = 0;

	for (size_t k = 0; k < f->sae->d; k++)
		f->origin[k] = x[k];
	for (size_t t = 0; t < n; t += step)
		sorted[count++] = square[t];
	qsort(sorted, count, sizeof *sorted, by_value);
	double median = sorted[count / 2];
	f->longest = median > 0 ? MASSIVE * MASSIVE * median : INFINITY;
}

static void add_state(struct sums *s, const float *x, const float *origin, size_t d)
{
	for (size_t k = 0; k < d; k++) {
		double v = (double)x[k] - (double)origin[k];
		s->sum[k] += v;
		s->square += v * v;
	}
	s->n++;
}

static void count_features(struct sae_fit *f, const struct chunk *c, size_t t)
{
	f->with[c->indptr[t + 1] - c->indptr[t]]++;
	for (size_t k = c->indptr[t]; k < c->indptr[t + 1]; k++)
		f->fires[c->feature[k]] = true;
}

void sae_fit_add(struct sae_fit *f, struct chunk *c, size_t step)
{
	double square[CHUNK_TOKENS];
	size_t d = f->sae->d;

	for (size_t t = 0; t < c->n; t += step) {
		encode_input(c->x + t * d, c->x + t * d, &f->encoder);
		square[t] = square_length(c->x + t * d, d);
	}
	if (f->all.n == 0 && c->n > 0)
		begin(f, c->x, square, c->n, step);
	for (size_t t = 0; t < c->n; t += step) {
		count_features(f, c, t);
		add_state(&f->all, c->x + t * d, f->origin, d);
		if (square[t] <= f->longest)
			add_state(&f->rest, c->x + t * d, f->origin, d);
	}
	if (!f->sae->passes)
		return;
	sae_subtract_decoded(f->sae, &(struct sae_rows){c->x, c->n, step, c->indptr, c->feature,
		c->value});
	for (size_t t = 0; t < c->n; t += step) {
		double error = square_length(c->x + t * d, d);
		f->all.error += error;
		f->rest.error += square[t] <= f->longest ? error : 0;
	}
}

/* -- What they say ----------------------------------------------------------------------------- */

/* NaN where the states are all the same. */
static double explained(const struct sums *s, size_t d)
{
	double variance = s->square;

	for (size_t k = 0; k < d && s->n > 0; k++)
		variance -= s->sum[k] * s->sum[k] / (double)s->n;
	return variance > 1e-9 * s->square ? 1 - s->error / variance : NAN;
}

void sae_fit_warn(const struct sae_fit *f, const char *sae, const char *states)
{
	double share = explained(&f->rest, f->sae->d);

	if (!f->sae->passes || f->rest.n < FEWEST)
		return;
	if (!isfinite(f->rest.error))
		note("%s: W_dec holds a number that is not finite", sae);
	else if (share < 0)
		note("%s explains %.3g of the variance of %zu states of %s, less than their mean, "
			"0: are they of another layer or hook, or is it another --input-scale or "
			"--b-dec? --check says more; of a transcoder it means nothing", sae, share,
			f->rest.n, states);
}

/* How many activations a token has, the k-th of all in order. */
static size_t sorted_l0(const struct sae_fit *f, size_t k)
{
	size_t l0 = 0;

	for (size_t n = f->with[0]; n <= k; n += f->with[l0])
		l0++;
	return l0;
}

static void print_share(const char *name, const struct sums *s, const struct sae *sae)
{
	double share = explained(s, sae->d);

	if (sae->elsewhere)
		printf("%s\t-\t%s\n", name, sae->elsewhere);
	else if (!isfinite(s->error))
		printf("%s\t-\tW_dec holds a number that is not finite\n", name);
	else if (isnan(share))
		printf("%s\t-\tthe states are all the same\n", name);
	else
		printf("%s\t%.6g\n", name, share);
}

void sae_fit_print(const struct sae_fit *f, size_t from, size_t to)
{
	size_t n = f->all.n, dead = 0;
	double mean = 0, median = 0;

	for (size_t i = 0; n > 0 && i <= f->sae->features; i++)
		mean += (double)i * (double)f->with[i] / (double)n;
	if (n > 0)
		median = ((double)sorted_l0(f, n / 2) + (double)sorted_l0(f, (n - 1) / 2)) / 2;
	for (size_t i = from; i < to; i++)
		dead += !f->fires[i];
	printf("tokens\t%zu\nfeatures\t%zu\n", n, to - from);
	printf("L0_mean\t%.6g\nL0_median\t%.6g\n", mean, median);
	printf("dead\t%zu\ndead_share\t%.6g\n", dead, (double)dead / (double)(to - from));
	print_share("explained", &f->all, f->sae);
	printf("massive\t%zu\n", n - f->rest.n);
	print_share("explained_without_massive", &f->rest, f->sae);
}
