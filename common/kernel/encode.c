#include "kernel/encode.h"

#include "base/simd.h"
#include "kernel/product.h"
#include "kernel/pursuit.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 16 };

static bool keeps_best(const struct encoder *e)
{
	return e->rule == ENCODE_TOPK || e->rule == ENCODE_ABSTOPK || e->rule == ENCODE_GROUPMAX;
}

/* Is u another array than x? */
static bool changes_input(const struct encoder *e)
{
	return e->input != ENCODE_AS_IS || (e->input_scale != 0 && e->input_scale != 1)
		|| e->rule == ENCODE_PURSUIT;
}

size_t encode_workspace(const struct encoder *e)
{
	size_t input = changes_input(e) ? ENCODE_TOKENS * e->d : 0;

	if (e->rule == ENCODE_PURSUIT)
		return input + pursuit_workspace(e);
	return input + product_rows_size(e->d)
		+ ENCODE_TOKENS * (ENCODE_TILE + (keeps_best(e) ? 2 * e->k : 0));
}

/* -- The input --------------------------------------------------------------------------------- */

static double squares(const float *x, double mean, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += ((double)x[k] - mean) * ((double)x[k] - mean);
	return sum;
}

/* u = factor (x - mean) */
void encode_input(float *u, const float *x, const struct encoder *e)
{
	double mean = 0, factor = e->input_scale != 0 ? (double)e->input_scale : 1;
	size_t d = e->d;

	if (e->input == ENCODE_LAYER_NORM) {
		for (size_t k = 0; k < d; k++)
			mean += (double)x[k] / (double)d;
		double s = d > 1 ? sqrt(squares(x, mean, d) / (double)(d - 1)) : 0;
		factor /= s + 1e-5;
	} else if (e->input == ENCODE_UNIT) {
		double length = sqrt(squares(x, 0, d));
		factor *= length > 0 ? sqrt((double)d) / length : 0;
	}
	for (size_t k = 0; k < d; k++)
		u[k] = (float)(factor * ((double)x[k] - mean));
}

/* -- A tile: the features f0 .. f0+m-1 of a token ---------------------------------------------- */

struct feature_tile {
	size_t f0, m;
	float *pre;			/* (m); of abstopk |pre|, ... */
	const float *with_sign;		/* ... and pre: else the same array */
	const float *threshold;		/* (m), or NULL */
	float floor;			/* not less than 0; what is not above it is left out */
	float excess[ENCODE_TILE / WIDTH];	/* of runs of WIDTH: if not positive, none fires */
};

/* pre (n, m) = x W_enc, for n tokens and the features from f0 on. */
static void pre_activations(float *pre, const float *rows, const struct encoder *e, size_t n,
	size_t f0, size_t m)
{
	memset(pre, 0, n * ENCODE_TILE * sizeof *pre);
	product_add_packed(pre, ENCODE_TILE, rows, e->w_enc, n, e->d, e->features, f0, m);
}

/* pre[i] = scale[i] (pre[i] + b_enc[i])
 * excess[run] = max over its i of pre[i] - threshold[i], without thresholds of pre[i] - floor */
MULTIVERSION
static void finish(float *restrict pre, float *restrict excess, const float *restrict b_enc,
	const float *scale, const float *threshold, float floor, size_t m)
{
	for (size_t i = 0; i < m; i++)
		pre[i] = (pre[i] + b_enc[i]) * (scale ? scale[i] : 1);
	for (size_t run = 0; run * WIDTH < m; run++) {
		size_t end = (run + 1) * WIDTH < m ? WIDTH : m - run * WIDTH;
		const float *p = pre + run * WIDTH;
		float most = -1;
		if (threshold)
			for (size_t i = 0; i < end; i++)
				most = p[i] - threshold[run * WIDTH + i] > most
					? p[i] - threshold[run * WIDTH + i] : most;
		else
			for (size_t i = 0; i < end; i++)
				most = p[i] - floor > most ? p[i] - floor : most;
		excess[run] = most;
	}
}

/* with_sign = pre, pre = |pre|; the excess of that */
MULTIVERSION
static void fold_signs(float *restrict pre, float *restrict with_sign, float *restrict excess,
	float floor, size_t m)
{
	for (size_t i = 0; i < m; i++) {
		with_sign[i] = pre[i];
		pre[i] = fabsf(pre[i]);
	}
	for (size_t run = 0; run * WIDTH < m; run++) {
		size_t end = (run + 1) * WIDTH < m ? WIDTH : m - run * WIDTH;
		float most = -1;
		for (size_t i = run * WIDTH; i < run * WIDTH + end; i++)
			most = pre[i] - floor > most ? pre[i] - floor : most;
		excess[run] = most;
	}
}

/* The first feature from i on that fires: pre > threshold and pre > floor (Rajamanoharan et al.
 * 2024, eq. 3); m when there is none. */
static size_t next_active(const struct feature_tile *t, size_t i)
{
	for (; i < t->m; i++) {
		while (i % WIDTH == 0 && i < t->m && !(t->excess[i / WIDTH] > 0))
			i += WIDTH;
		if (i < t->m && t->pre[i] > t->floor
				&& (!t->threshold || t->pre[i] > t->threshold[i]))
			return i;
	}
	return t->m;
}

/* -- TopK (Gao et al. 2024, eq. 2): the k best of a token -------------------------------------- */

/* A min-heap on (value, then the higher feature first to go). Features stand in it twice as large,
 * and 1 larger when the value, which is |pre| then, is of a negative one. */
struct best {
	float *value;
	uint32_t *feature;
	size_t n;
};

static bool worse(const struct best *b, size_t i, size_t j)
{
	return b->value[i] < b->value[j]
		|| (b->value[i] == b->value[j] && b->feature[i] > b->feature[j]);
}

static void swap(struct best *b, size_t i, size_t j)
{
	float v = b->value[i];
	uint32_t f = b->feature[i];

	b->value[i] = b->value[j], b->feature[i] = b->feature[j];
	b->value[j] = v, b->feature[j] = f;
}

/* Restores the heap, least first, from i on. */
static void sink(struct best *b, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < b->n; c++)
			if (worse(b, c, least))
				least = c;
		if (least == i)
			return;
		swap(b, i, least);
		i = least;
	}
}

static void offer(struct best *b, size_t k, float value, uint32_t feature)
{
	if (b->n < k) {
		size_t i = b->n++;
		b->value[i] = value, b->feature[i] = feature;
		for (; i > 0 && worse(b, i, (i - 1) / 2); i = (i - 1) / 2)
			swap(b, i, (i - 1) / 2);
		return;
	}
	if (!(value > b->value[0]))	/* an equal one is of a higher feature, as they ascend */
		return;
	b->value[0] = value, b->feature[0] = feature;
	sink(b, 0);
}

static void offer_tile(struct best *b, size_t k, const struct feature_tile *t)
{
	for (size_t i = next_active(t, 0); i < t->m; i = next_active(t, i + 1))
		offer(b, k, t->pre[i], (uint32_t)(2 * (t->f0 + i) + (t->with_sign[i] < 0)));
}

/* The largest of each run of `run` features: one place a run, empty with the value 0. */
static void offer_runs(struct best *b, size_t run, const struct feature_tile *t)
{
	for (size_t i = next_active(t, 0); i < t->m; i = next_active(t, i + 1)) {
		size_t at = (t->f0 + i) / run;
		if (t->pre[i] > b->value[at]) {
			b->value[at] = t->pre[i];
			b->feature[at] = (uint32_t)(2 * (t->f0 + i));
		}
	}
}

static void close_runs(struct best *b, size_t k)
{
	for (size_t i = 0; i < k; i++)
		if (b->value[i] > 0) {
			b->value[b->n] = b->value[i];
			b->feature[b->n++] = b->feature[i];
		}
}

void encode_sort_features(uint32_t *feature, float *value, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint32_t f = feature[i];
		float v = value[i];
		size_t j = i;
		for (; j > 0 && feature[j - 1] > f; j--)
			feature[j] = feature[j - 1], value[j] = value[j - 1];
		feature[j] = f, value[j] = v;
	}
}

/* What an activation becomes in the end. */
static float finished(const struct encoder *e, float a, uint32_t feature)
{
	if (e->gain)
		a = e->gain[feature] * a + e->offset[feature];
	if (e->unscaled && e->scale)
		a /= e->scale[feature];
	return e->saturated ? tanhf(a) : a;
}

static size_t best_to_csr(struct encoded *out, struct best *best, const struct encoder *e, size_t n)
{
	size_t hits = 0;

	for (size_t t = 0; t < n; t++) {
		if (e->rule == ENCODE_GROUPMAX)
			close_runs(&best[t], e->k);
		hits += best[t].n;
	}
	if (hits > out->room)
		return hits;
	out->indptr[0] = 0;
	for (size_t t = 0; t < n; t++) {
		size_t at = out->indptr[t];
		for (size_t i = 0; i < best[t].n; i++) {
			uint32_t code = best[t].feature[i];
			float a = code & 1 ? -best[t].value[i] : best[t].value[i];
			out->feature[at + i] = code / 2;
			out->value[at + i] = finished(e, a, code / 2);
		}
		encode_sort_features(out->feature + at, out->value + at, best[t].n);
		out->indptr[t + 1] = (uint32_t)(at + best[t].n);
	}
	return hits;
}

/* -- All others: every activation is a hit ----------------------------------------------------- */

/* Appends those of token t to the hits: how many there are then. */
static size_t append_tile(struct encoded *out, size_t hits, size_t token,
	const struct feature_tile *t, const struct encoder *e)
{
	for (size_t i = next_active(t, 0); i < t->m; i = next_active(t, i + 1)) {
		float a = finished(e, t->pre[i], (uint32_t)(t->f0 + i));
		if (!(a > 0))			/* of gated */
			continue;
		if (hits++ >= out->room)
			continue;
		out->hit_token[hits - 1] = (uint32_t)token;
		out->hit_feature[hits - 1] = (uint32_t)(t->f0 + i);
		out->hit_value[hits - 1] = a;
	}
	return hits;
}

void encode_sort_hits(struct encoded *out, size_t hits, size_t n)
{
	uint32_t *indptr = out->indptr;

	memset(indptr, 0, (n + 1) * sizeof *indptr);
	for (size_t i = 0; i < hits; i++)
		indptr[out->hit_token[i] + 1]++;
	for (size_t t = 0; t < n; t++)
		indptr[t + 1] += indptr[t];
	for (size_t i = 0; i < hits; i++) {
		uint32_t at = indptr[out->hit_token[i]]++;
		out->feature[at] = out->hit_feature[i];
		out->value[at] = out->hit_value[i];
	}
	memmove(indptr + 1, indptr, n * sizeof *indptr);	/* each had become the next */
	indptr[0] = 0;
}

/* -- top-AFA: as many as make up the length of the input --------------------------------------- */

/* How many of a token's activations, sorted from the largest on, are kept: |sum a^2 - target| is
 * least. A sum over all features would be infinite. */
static size_t count_afa(const float *value, size_t n, size_t features, double target)
{
	double sum = 0, least = INFINITY;
	size_t best = n > 0;

	for (size_t m = 1; m <= n && m < features; m++) {
		sum += (double)value[m - 1] * (double)value[m - 1];
		if (fabs(sum - target) < least) {
			least = fabs(sum - target);
			best = m;
		}
	}
	return best;
}

/* Leaves of each token the largest; the rows of the CSR move up. */
static size_t keep_afa(struct encoded *out, const float *u, const struct encoder *e, size_t n)
{
	size_t kept = 0, from = 0;

	for (size_t t = 0; t < n; t++) {
		struct best b = {out->value + from, out->feature + from, out->indptr[t + 1] - from};
		size_t all = b.n;
		double target = 0;
		for (size_t k = 0; k < e->d; k++) {
			double c = e->centre ? (double)e->centre[k] : 0;
			target += ((double)u[t * e->d + k] - c) * ((double)u[t * e->d + k] - c);
		}
		for (size_t i = all / 2; i-- > 0; )
			sink(&b, i);
		for (; b.n > 1; sink(&b, 0))	/* the least goes to the end */
			swap(&b, 0, --b.n);
		size_t m = count_afa(b.value, all, e->features, target);
		memmove(out->value + kept, b.value, m * sizeof *b.value);
		memmove(out->feature + kept, b.feature, m * sizeof *b.feature);
		encode_sort_features(out->feature + kept, out->value + kept, m);
		from += all;
		kept += m;
		out->indptr[t + 1] = (uint32_t)kept;
	}
	return kept;
}

/* -- All of it --------------------------------------------------------------------------------- */

/* Pre-activations of a token's tile, ready for its rule. */
static void finish_tile(struct feature_tile *tile, const struct encoder *e, float *with_sign)
{
	const float *scale = e->scale ? e->scale + tile->f0 : NULL;

	finish(tile->pre, tile->excess, e->b_enc + tile->f0, scale, tile->threshold, tile->floor,
		tile->m);			/* pre = scale (pre + b_enc) */
	tile->with_sign = tile->pre;
	if (e->rule == ENCODE_ABSTOPK) {
		fold_signs(tile->pre, with_sign, tile->excess, tile->floor, tile->m);
		tile->with_sign = with_sign;
	}
}

static size_t take_tiles(struct encoded *out, struct best *best, const float *rows, float *pre,
	const struct encoder *e, size_t n)
{
	float with_sign[ENCODE_TILE];
	struct feature_tile tile;
	size_t hits = 0;

	for (size_t f0 = 0; f0 < e->features; f0 += ENCODE_TILE) {
		tile.f0 = f0;
		tile.m = e->features - f0 < ENCODE_TILE ? e->features - f0 : ENCODE_TILE;
		tile.threshold = e->threshold ? e->threshold + f0 : NULL;
		pre_activations(pre, rows, e, n, f0, tile.m);		/* pre = x W_enc */
		for (size_t t = 0; t < n; t++) {
			/* nothing below the least of the k best so far can be one of them */
			bool full = keeps_best(e) && best[t].n == e->k;
			tile.floor = e->rule == ENCODE_GATED ? -INFINITY
				: full ? best[t].value[0] : 0;
			tile.pre = pre + t * ENCODE_TILE;
			finish_tile(&tile, e, with_sign);
			if (e->rule == ENCODE_GROUPMAX)
				offer_runs(&best[t], e->features / e->k, &tile);
			else if (keeps_best(e))		/* the k largest pre > 0 */
				offer_tile(&best[t], e->k, &tile);
			else				/* all pre > threshold, pre > 0 */
				hits = append_tile(out, hits, t, &tile, e);
		}
	}
	return hits;
}

size_t encode(struct encoded *out, const float *x, const struct encoder *e, size_t n,
	float *workspace)
{
	struct best best[ENCODE_TOKENS];

	if (changes_input(e)) {
		for (size_t t = 0; t < n; t++)
			encode_input(workspace + t * e->d, x + t * e->d, e);
		x = workspace;
		workspace += ENCODE_TOKENS * e->d;
	}
	if (e->rule == ENCODE_PURSUIT)
		return pursuit(out, workspace - ENCODE_TOKENS * e->d, e, n, workspace);
	float *rows = workspace, *pre = rows + product_rows_size(e->d);
	float *best_value = pre + ENCODE_TOKENS * ENCODE_TILE;
	uint32_t *best_feature = (uint32_t *)(best_value + ENCODE_TOKENS * e->k);
	for (size_t t = 0; t < n && keeps_best(e); t++)
		best[t] = (struct best){best_value + t * e->k, best_feature + t * e->k, 0};
	if (e->rule == ENCODE_GROUPMAX)
		memset(best_value, 0, ENCODE_TOKENS * e->k * sizeof *best_value);
	product_pack_rows(rows, x, n, e->d);
	size_t hits = take_tiles(out, best, rows, pre, e, n);
	if (keeps_best(e))
		return best_to_csr(out, best, e, n);
	if (hits > out->room)
		return hits;
	encode_sort_hits(out, hits, n);
	return e->rule == ENCODE_TOPAFA ? keep_afa(out, x, e, n) : hits;
}
