#include "kernel/encode.h"

#include "base/simd.h"

#include <cblas.h>
#include <string.h>

enum { WIDTH = 16 };

size_t encode_workspace(const struct sae *s)
{
	return ENCODE_TOKENS * (ENCODE_TILE + 2 * (s->architecture == TOPK ? s->k : 0));
}

/* pre[i] = scale[i] (pre[i] + b_enc[i]) for the m features of a tile, and the largest of pre - threshold of
 * each run of WIDTH: where that is not positive, the run holds no activation. */
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

/* The k best of a token: a min-heap on (value, then the higher feature first to go). */
struct best {
	float *value;
	uint32_t *feature;
	size_t n;
};

static bool worse(const struct best *b, size_t i, size_t j)
{
	return b->value[i] < b->value[j] || (b->value[i] == b->value[j] && b->feature[i] > b->feature[j]);
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
	if (!(value > b->value[0]))		/* features come in order, so an equal one is higher */
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

/* Hits in any order of features become CSR: counted, then placed, feature ascending in each token because
 * tiles and heaps are walked in that order or sorted here. */
static void to_csr(uint32_t *indptr, uint32_t *feature, float *value, const uint32_t *token,
	const uint32_t *hit, const float *v, size_t hits, size_t n)
{
	memset(indptr, 0, (n + 1) * sizeof *indptr);
	for (size_t i = 0; i < hits; i++)
		indptr[token[i] + 1]++;
	for (size_t t = 0; t < n; t++)
		indptr[t + 1] += indptr[t];
	for (size_t i = 0; i < hits; i++) {
		uint32_t at = indptr[token[i]]++;
		feature[at] = hit[i];
		value[at] = v[i];
	}
	memmove(indptr + 1, indptr, n * sizeof *indptr);
	indptr[0] = 0;
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

static void pre_activations(float *pre, const float *x, const struct sae *s, size_t n, size_t f0, size_t m)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)m, (int)s->d, 1, x, (int)s->d,
		s->w_enc + f0, (int)s->features, 0, pre, ENCODE_TILE);
}

size_t encode(uint32_t *indptr, uint32_t *feature, float *value, size_t room, const float *x,
	const struct sae *s, size_t n, float *workspace, uint32_t *scratch_token,
	uint32_t *scratch_feature, float *scratch_value)
{
	float *pre = workspace, *best_value = pre + ENCODE_TOKENS * ENCODE_TILE;
	uint32_t *best_feature = (uint32_t *)(best_value + ENCODE_TOKENS * s->k);
	size_t hits = 0, held[ENCODE_TOKENS] = {0};
	bool topk = s->architecture == TOPK;
	const float *threshold = s->architecture == JUMPRELU ? s->threshold : NULL;
	float excess[ENCODE_TILE / WIDTH];

	for (size_t f0 = 0; f0 < s->features; f0 += ENCODE_TILE) {
		size_t m = s->features - f0 < ENCODE_TILE ? s->features - f0 : ENCODE_TILE;
		pre_activations(pre, x, s, n, f0, m);
		for (size_t t = 0; t < n; t++) {
			float *p = pre + t * ENCODE_TILE;
			struct best best = {best_value + t * s->k, best_feature + t * s->k, held[t]};
			float floor = 0;	/* activations below it need not be looked at */
			if (topk)
				floor = held[t] == s->k && best.value[0] > 0 ? best.value[0] : 0;
			finish(p, excess, s->b_enc + f0, s->scale ? s->scale + f0 : NULL,
				threshold ? threshold + f0 : NULL, floor, m);
			for (size_t run = 0; run * WIDTH < m; run++) {
				if (!(excess[run] > 0))
					continue;
				for (size_t i = run * WIDTH; i < m && i < (run + 1) * WIDTH; i++) {
					if (!(p[i] > 0) || (threshold && !(p[i] > threshold[f0 + i])))
						continue;
					if (topk) {
						offer(&best, s->k, p[i], (uint32_t)(f0 + i));
						continue;
					}
					if (hits < room) {
						scratch_token[hits] = (uint32_t)t;
						scratch_feature[hits] = (uint32_t)(f0 + i);
						scratch_value[hits] = p[i];
					}
					hits++;
				}
			}
			held[t] = best.n;
		}
	}
	if (!topk) {
		if (hits <= room)
			to_csr(indptr, feature, value, scratch_token, scratch_feature, scratch_value, hits,
				n);
		return hits;
	}
	for (size_t t = 0; t < n; t++)
		hits += held[t];
	for (size_t t = 0, at = 0; t < n && hits <= room; t++) {
		indptr[t] = (uint32_t)at;
		memcpy(feature + at, best_feature + t * s->k, held[t] * sizeof *feature);
		memcpy(value + at, best_value + t * s->k, held[t] * sizeof *value);
		sort_by_feature(feature + at, value + at, held[t]);
		at += held[t];
		indptr[t + 1] = (uint32_t)at;
	}
	return hits;
}
