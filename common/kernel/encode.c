#include "kernel/encode.h"

#include "base/simd.h"
#include "kernel/product.h"

#include <stdbool.h>
#include <string.h>

enum { WIDTH = 16 };

size_t encode_workspace(const struct encoder *e)
{
	return product_rows_size(e->d) + ENCODE_TOKENS * (ENCODE_TILE + 2 * e->k);
}

/* -- A tile: the features f0 .. f0+m-1 of a token ---------------------------------------------- */

struct feature_tile {
	size_t f0, m;
	float *pre;			/* (m) */
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

/* A min-heap on (value, then the higher feature first to go). */
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

static void offer(struct best *b, size_t k, float value, uint32_t feature)
{
	size_t i = 0;

	if (b->n < k) {
		i = b->n++;
		b->value[i] = value, b->feature[i] = feature;
		for (; i > 0 && worse(b, i, (i - 1) / 2); i = (i - 1) / 2)
			swap(b, i, (i - 1) / 2);
		return;
	}
	if (!(value > b->value[0]))	/* an equal one is of a higher feature, as they ascend */
		return;
	b->value[0] = value, b->feature[0] = feature;
	for (;;) {
		size_t least = i;
		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < k; c++)
			if (worse(b, c, least))
				least = c;
		if (least == i)
			return;
		swap(b, i, least);
		i = least;
	}
}

static void offer_tile(struct best *b, size_t k, const struct feature_tile *t)
{
	for (size_t i = next_active(t, 0); i < t->m; i = next_active(t, i + 1))
		offer(b, k, t->pre[i], (uint32_t)(t->f0 + i));
}

static void sort_by_feature(uint32_t *feature, float *value, size_t n)
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

static size_t best_to_csr(struct encoded *out, const struct best *best, size_t n)
{
	size_t hits = 0;

	for (size_t t = 0; t < n; t++)
		hits += best[t].n;
	if (hits > out->room)
		return hits;
	out->indptr[0] = 0;
	for (size_t t = 0; t < n; t++) {
		size_t at = out->indptr[t];
		memcpy(out->feature + at, best[t].feature, best[t].n * sizeof *out->feature);
		memcpy(out->value + at, best[t].value, best[t].n * sizeof *out->value);
		sort_by_feature(out->feature + at, out->value + at, best[t].n);
		out->indptr[t + 1] = (uint32_t)(at + best[t].n);
	}
	return hits;
}

/* -- All others: every activation is a hit ----------------------------------------------------- */

/* Appends those of token t to the hits: how many there are then. */
static size_t append_tile(struct encoded *out, size_t hits, size_t token,
	const struct feature_tile *t)
{
	for (size_t i = next_active(t, 0); i < t->m; i = next_active(t, i + 1), hits++) {
		if (hits >= out->room)
			continue;
		out->hit_token[hits] = (uint32_t)token;
		out->hit_feature[hits] = (uint32_t)(t->f0 + i);
		out->hit_value[hits] = t->pre[i];
	}
	return hits;
}

/* A counting sort by token. It keeps the order of tiles, so that features ascend within a token. */
static size_t hits_to_csr(struct encoded *out, size_t hits, size_t n)
{
	uint32_t *indptr = out->indptr;

	if (hits > out->room)
		return hits;
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
	return hits;
}

size_t encode(struct encoded *out, const float *x, const struct encoder *e, size_t n,
	float *workspace)
{
	float *rows = workspace, *pre = rows + product_rows_size(e->d);
	float *best_value = pre + ENCODE_TOKENS * ENCODE_TILE;
	uint32_t *best_feature = (uint32_t *)(best_value + ENCODE_TOKENS * e->k);
	struct best best[ENCODE_TOKENS];
	struct feature_tile tile;
	size_t hits = 0;

	product_pack_rows(rows, x, n, e->d);
	for (size_t t = 0; t < n; t++)
		best[t] = (struct best){best_value + t * e->k, best_feature + t * e->k, 0};
	for (size_t f0 = 0; f0 < e->features; f0 += ENCODE_TILE) {
		tile.f0 = f0;
		tile.m = e->features - f0 < ENCODE_TILE ? e->features - f0 : ENCODE_TILE;
		tile.threshold = e->threshold ? e->threshold + f0 : NULL;
		const float *scale = e->scale ? e->scale + f0 : NULL;
		pre_activations(pre, rows, e, n, f0, tile.m);		/* pre = x W_enc */
		for (size_t t = 0; t < n; t++) {
			/* nothing below the least of the k best so far can be one of them */
			tile.floor = e->k > 0 && best[t].n == e->k ? best[t].value[0] : 0;
			tile.pre = pre + t * ENCODE_TILE;
			finish(tile.pre, tile.excess, e->b_enc + f0, scale, tile.threshold,
				tile.floor, tile.m);		/* pre = scale (pre + b_enc) */
			if (e->k > 0)			/* TopK: the k largest pre > 0 */
				offer_tile(&best[t], e->k, &tile);
			else				/* all pre > threshold, pre > 0 */
				hits = append_tile(out, hits, t, &tile);
		}
	}
	return e->k > 0 ? best_to_csr(out, best, n) : hits_to_csr(out, hits, n);
}
