#include "kernel/pursuit.h"

#include "base/simd.h"
#include "kernel/product.h"

#include <math.h>
#include <string.h>

/* The states that still go on; they move up as others stop. */
struct going {
	size_t n;
	uint32_t token[ENCODE_TOKENS];
	float stop[ENCODE_TOKENS];	/* at |r| below this */
	float best[ENCODE_TOKENS];	/* the largest w r so far, or |w r|, with its sign */
	uint32_t feature[ENCODE_TOKENS];
};

static size_t seen_words(const struct encoder *e)
{
	return e->pursuit.repeats ? 0 : (e->features + 31) / 32;
}

size_t pursuit_workspace(const struct encoder *e)
{
	return product_rows_size(e->d) + ENCODE_TOKENS * (ENCODE_TILE + seen_words(e)) + e->d;
}

MULTIVERSION
static float largest(const float *pre, size_t m, bool absolute)
{
	float most = absolute ? 0 : pre[0];

	if (absolute)
		for (size_t i = 0; i < m; i++)
			most = fabsf(pre[i]) > most ? fabsf(pre[i]) : most;
	else
		for (size_t i = 0; i < m; i++)
			most = pre[i] > most ? pre[i] : most;
	return most;
}

MULTIVERSION
static void subtract(float *restrict r, const float *restrict w, float v, size_t d)
{
	for (size_t k = 0; k < d; k++)
		r[k] -= v * w[k];
}

static double length(const float *r, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += (double)r[k] * (double)r[k];
	return sqrt(sum);
}

/* The best feature of each state that goes on. */
static void best_features(struct going *g, const float *u, const struct encoder *e, float *rows,
	float *pre)
{
	product_pack_rows(rows, u, g->n, e->d);
	for (size_t f0 = 0; f0 < e->features; f0 += ENCODE_TILE) {
		size_t m = e->features - f0 < ENCODE_TILE ? e->features - f0 : ENCODE_TILE;
		memset(pre, 0, g->n * ENCODE_TILE * sizeof *pre);
		product_add_packed(pre, ENCODE_TILE, rows, e->w_enc, g->n, e->d, e->features, f0,
			m);
		for (size_t t = 0; t < g->n; t++) {
			const float *p = pre + t * ENCODE_TILE;
			bool absolute = e->pursuit.absolute;
			float most = largest(p, m, absolute);
			if (f0 > 0 && !(most > (absolute ? fabsf(g->best[t]) : g->best[t])))
				continue;
			size_t i = 0;
			while (i + 1 < m && (absolute ? fabsf(p[i]) : p[i]) != most)
				i++;
			g->best[t] = p[i];
			g->feature[t] = (uint32_t)(f0 + i);
		}
	}
}

/* v = 0: nothing changes any more. Nor does it where the residual has grown out of all numbers. */
static bool nothing_left(const struct encoder *e, float best)
{
	return !(best > 0) && !(best < 0 && (e->pursuit.absolute || e->pursuit.negative));
}

/* One step of state t: false when it was the last. */
static bool step(struct going *g, size_t t, float *r, uint32_t *seen, const struct encoder *e,
	float *column)
{
	uint32_t i = g->feature[t], bit = (uint32_t)1 << i % 32;
	bool repeated = !e->pursuit.repeats && (seen[i / 32] & bit);

	product_column(column, e->w_enc, i, e->d, e->features);
	subtract(r, column, g->best[t], e->d);
	if (!e->pursuit.repeats)
		seen[i / 32] |= bit;
	return !repeated && !(g->stop[t] > 0 && length(r, e->d) < (double)g->stop[t]);
}

/* Entries of equal features, which follow each other, become one; those that sum to 0 go. */
static size_t merge(struct encoded *out, size_t n)
{
	size_t to = 0, from = 0;

	for (size_t t = 0; t < n; t++) {
		size_t end = out->indptr[t + 1], first = to;
		for (; from < end; from++) {
			if (to > first && out->feature[to - 1] == out->feature[from]) {
				out->value[to - 1] += out->value[from];
				continue;
			}
			out->feature[to] = out->feature[from];
			out->value[to++] = out->value[from];
		}
		size_t kept = first;
		for (size_t k = first; k < to; k++)
			if (out->value[k] != 0) {
				out->feature[kept] = out->feature[k];
				out->value[kept++] = out->value[k];
			}
		to = kept;
		out->indptr[t + 1] = (uint32_t)to;
	}
	return to;
}

static void begin(struct going *g, float *u, uint32_t *seen, const struct encoder *e, size_t n)
{
	g->n = n;
	memset(seen, 0, n * seen_words(e) * sizeof *seen);
	for (size_t t = 0; t < n; t++) {
		for (size_t k = 0; e->centre && k < e->d; k++)
			u[t * e->d + k] -= e->centre[k];
		float relative = e->pursuit.relative * (float)length(u + t * e->d, e->d);
		g->token[t] = (uint32_t)t;
		g->stop[t] = relative > e->pursuit.residual ? relative : e->pursuit.residual;
	}
}

size_t pursuit(struct encoded *out, float *u, const struct encoder *e, size_t n, float *workspace)
{
	float *rows = workspace, *pre = rows + product_rows_size(e->d);
	float *column = pre + ENCODE_TOKENS * ENCODE_TILE;
	uint32_t *seen = (uint32_t *)(column + e->d);
	size_t hits = 0, words = seen_words(e);
	struct going g;

	begin(&g, u, seen, e, n);
	for (size_t s = 0; s < e->pursuit.steps && g.n > 0; s++) {
		size_t left = 0;
		best_features(&g, u, e, rows, pre);
		for (size_t t = 0; t < g.n; t++) {
			float *r = u + t * e->d;
			if (nothing_left(e, g.best[t]))
				continue;
			if (hits < out->room) {
				out->hit_token[hits] = g.token[t];
				out->hit_feature[hits] = g.feature[t];
				out->hit_value[hits] = g.best[t];
			}
			hits++;
			if (!step(&g, t, r, seen + g.token[t] * words, e, column))
				continue;
			memmove(u + left * e->d, r, e->d * sizeof *u);
			g.token[left] = g.token[t];
			g.stop[left++] = g.stop[t];
		}
		g.n = left;
	}
	if (hits > out->room)
		return hits;
	encode_sort_hits(out, hits, n);
	for (size_t t = 0; t < n; t++)
		encode_sort_features(out->feature + out->indptr[t], out->value + out->indptr[t],
			out->indptr[t + 1] - out->indptr[t]);
	return merge(out, n);
}
