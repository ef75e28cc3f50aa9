/* The kernels of encode.h and pursuit.h against the rules as they are written down, on whole
 * numbers, which no order of a sum rounds. Silent when all is well. */
#include "kernel/encode.h"
#include "kernel/product.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 12, FEATURES = 1300, TOKENS = ENCODE_TOKENS, GUARD = 8, ROOM = 400000 };

static float x[TOKENS * D], w[D * FEATURES], turned[FEATURES * D], b[FEATURES], scale[FEATURES],
	threshold[FEATURES], gain[FEATURES], offset[FEATURES], centre[D];

static float whole(int least, int most)
{
	return (float)(least + (int)below((size_t)(most - least + 1)));
}

/* What is expected of a token: activations by feature, 0 where there is none. */
static float pre[FEATURES], dense[FEATURES];
static uint32_t sorted[FEATURES];
static bool by_absolute;

static float size_of(uint32_t i)
{
	return by_absolute ? fabsf(pre[i]) : pre[i];
}

/* The largest first, of equals the lower feature. */
static int largest_first(const void *a, const void *c)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)c;

	return size_of(i) > size_of(j) ? -1 : size_of(i) < size_of(j) ? 1 : (i > j) - (i < j);
}

/* Sorts the features that fire; returns how many these are. */
static size_t sort_active(const struct encoder *e)
{
	size_t n = 0;

	by_absolute = e->rule == ENCODE_ABSTOPK;
	for (uint32_t i = 0; i < e->features; i++)
		if (size_of(i) > 0 && (!e->threshold || size_of(i) > e->threshold[i]))
			sorted[n++] = i;
	qsort(sorted, n, sizeof *sorted, largest_first);
	return n;
}

static size_t how_many_afa(const struct encoder *e, const float *u, size_t active)
{
	double target = 0, sum = 0, least = INFINITY;
	size_t best = active > 0;

	for (size_t k = 0; k < e->d; k++)
		target += pow((double)u[k] - (e->centre ? (double)e->centre[k] : 0), 2);
	for (size_t m = 1; m <= active && m < e->features; m++) {
		sum += pow((double)pre[sorted[m - 1]], 2);
		if (fabs(sum - target) < least) {
			least = fabs(sum - target);
			best = m;
		}
	}
	return best;
}

static void plain_rule(const struct encoder *e, const float *u)
{
	for (size_t i = 0; i < e->features; i++) {
		dense[i] = 0;
		pre[i] = e->b_enc[i];
		for (size_t k = 0; k < e->d; k++)
			pre[i] += u[k] * turned[i * D + k];
		if (e->scale)
			pre[i] *= e->scale[i];
	}
	size_t run = e->k > 0 ? e->features / e->k : 0, n = sort_active(e);
	if (e->rule == ENCODE_TOPK || e->rule == ENCODE_ABSTOPK)
		n = n < e->k ? n : e->k;
	if (e->rule == ENCODE_TOPAFA)
		n = how_many_afa(e, u, n);
	for (size_t s = 0; s < n && e->rule != ENCODE_GATED; s++) {
		bool first = true;
		for (size_t r = 0; r < s && e->rule == ENCODE_GROUPMAX; r++)
			first &= sorted[r] / run != sorted[s] / run;
		dense[sorted[s]] = first ? pre[sorted[s]] : 0;
	}
	for (size_t i = 0; i < e->features; i++) {
		if (e->rule == ENCODE_GATED && pre[i] > e->threshold[i])
			dense[i] = fmaxf(e->gain[i] * pre[i] + e->offset[i], 0);
		else if (e->gain && dense[i] != 0)
			dense[i] = e->gain[i] * dense[i] + e->offset[i];
		if (e->unscaled && e->scale)
			dense[i] /= e->scale[i];
		if (e->saturated)
			dense[i] = tanhf(dense[i]);
	}
}

static float length_of(const float *r, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += (double)r[k] * (double)r[k];
	return (float)sqrt(sum);
}

static void plain_pursuit(const struct encoder *e, const float *u)
{
	float r[D];
	bool seen[FEATURES] = {0}, again = false;

	memset(dense, 0, sizeof dense);
	for (size_t k = 0; k < e->d; k++)
		r[k] = u[k] - (e->centre ? e->centre[k] : 0);
	float stop = fmaxf(e->pursuit.residual, e->pursuit.relative * length_of(r, e->d));
	for (size_t s = 0; s < e->pursuit.steps && !again; s++) {
		size_t best = 0;
		for (size_t i = 0; i < e->features; i++) {
			pre[i] = 0;
			for (size_t k = 0; k < e->d; k++)
				pre[i] += r[k] * turned[i * D + k];
			if (e->pursuit.absolute ? fabsf(pre[i]) > fabsf(pre[best])
					: pre[i] > pre[best])
				best = i;
		}
		float v = pre[best];
		if (v == 0 || (v < 0 && !e->pursuit.absolute && !e->pursuit.negative))
			break;
		dense[best] += v;
		for (size_t k = 0; k < e->d; k++)
			r[k] -= v * turned[best * D + k];
		again = seen[best] && !e->pursuit.repeats;
		seen[best] = true;
		if (stop > 0 && length_of(r, e->d) < stop)
			break;
	}
}

/* Room for `room` entries, and a guard behind it that nothing may write to. */
static struct encoded entries(size_t room, size_t n)
{
	struct encoded out = {.indptr = calloc(n + 1, sizeof *out.indptr), .room = room};
	uint32_t **of[] = {&out.feature, &out.hit_token, &out.hit_feature};

	for (int k = 0; k < 3; k++) {
		*of[k] = malloc((room + GUARD) * sizeof **of[k]);
		memset(*of[k], 0xa5, (room + GUARD) * sizeof **of[k]);
	}
	out.value = calloc(room + GUARD, sizeof *out.value);
	out.hit_value = calloc(room + GUARD, sizeof *out.hit_value);
	return out;
}

static bool guarded(const struct encoded *out)
{
	const uint32_t *of[] = {out->feature, out->hit_token, out->hit_feature};
	bool same = true;

	for (int k = 0; k < 3; k++)
		for (size_t g = 0; g < GUARD; g++)
			same &= of[k][out->room + g] == 0xa5a5a5a5;
	for (size_t g = 0; g < GUARD; g++)
		same &= out->value[out->room + g] == 0 && out->hit_value[out->room + g] == 0;
	return same;
}

static void entries_free(struct encoded *out)
{
	free(out->indptr);
	free(out->feature);
	free(out->value);
	free(out->hit_token);
	free(out->hit_feature);
	free(out->hit_value);
}

/* The activations of a token are the dense ones, ascending. */
static bool same_token(const struct encoded *out, size_t t, size_t features)
{
	size_t at = out->indptr[t];
	bool same = true;

	for (uint32_t i = 0; i < features; i++)
		if (dense[i] != 0) {
			same &= at < out->indptr[t + 1] && out->feature[at] == i
				&& out->value[at] == dense[i];
			at++;
		}
	return same && at == out->indptr[t + 1];
}

/* encode() with just the room that it asks for, and with less. */
static void check_encoder(struct encoder *e, size_t n, size_t trial)
{
	float *workspace = malloc(encode_workspace(e) * sizeof *workspace), u[D];
	struct encoded out = entries(0, n);
	size_t hits = encode(&out, x, e, n, workspace), expected = 0;
	bool same = true;

	check(guarded(&out), "encode: no room", trial);
	entries_free(&out);
	out = entries(hits, n);
	size_t found = encode(&out, x, e, n, workspace);
	check(found <= hits && out.indptr[n] == found, "encode: the room that it asked for", trial);
	for (size_t t = 0; t < n; t++) {
		encode_input(u, x + t * e->d, e);
		(e->rule == ENCODE_PURSUIT ? plain_pursuit : plain_rule)(e, u);
		same &= same_token(&out, t, e->features);
		for (size_t i = 0; i < e->features; i++)
			expected += dense[i] != 0;
	}
	check(same && found == expected && guarded(&out), "encode: by the rule", trial);
	entries_free(&out);
	if (hits > 1) {
		out = entries(hits - 1, n);
		check(encode(&out, x, e, n, workspace) == hits && guarded(&out),
			"encode: too little room", trial);
		entries_free(&out);
	}
	free(workspace);
}

static float *packed_matrix(size_t d, size_t features)
{
	float *packed = calloc(product_matrix_size(d, features), sizeof *packed);
	struct product_part all = {0, d, 0, features, features, 1};

	for (size_t k = 0; k < d; k++)
		for (size_t i = 0; i < features; i++)
			turned[i * D + k] = w[k * features + i];
	product_pack_matrix(packed, w, &all, d, features);
	return packed;
}

static void rules(void)
{
	for (size_t trial = 0; trial < 420; trial++) {
		size_t d = 1 + below(D), n = trial % 60 == 59 ? TOKENS
			: 1 + below(trial % 60 < 50 ? 9 : TOKENS);
		struct encoder e = {.d = d, .rule = (enum encode_rule)(trial % 6),
			.features = 1 + below(trial % 4 ? 60 : FEATURES), .b_enc = b};
		if (e.rule == ENCODE_GROUPMAX || e.rule == ENCODE_TOPK || e.rule == ENCODE_ABSTOPK)
			e.k = 1 + below(e.features < 20 ? e.features : 20);
		if (e.rule == ENCODE_GROUPMAX)
			e.features = e.features / e.k * e.k;
		for (size_t i = 0; i < n * d; i++)
			x[i] = whole(-3, 3);
		for (size_t i = 0; i < d * e.features; i++)
			w[i] = whole(-2, 2);
		for (size_t i = 0; i < e.features; i++) {
			b[i] = whole(-6, trial % 5 ? 3 : -4);
			scale[i] = ldexpf(1, (int)below(3) - 1);
			threshold[i] = whole(-2, 9);
			gain[i] = ldexpf(whole(1, 3), -1);
			offset[i] = whole(-3, 4) + 0.25f;	/* not 0: what fires is there */
		}
		for (size_t k = 0; k < d; k++)
			centre[k] = whole(-4, 4);
		e.scale = below(2) ? scale : NULL;
		e.unscaled = e.rule != ENCODE_TOPAFA && below(2);
		e.saturated = e.rule != ENCODE_TOPAFA && below(4) == 0;
		e.input_scale = trial % 7 ? 0 : 2;
		e.threshold = e.rule == ENCODE_GATED
			|| (e.rule == ENCODE_ABOVE && below(2)) ? threshold : NULL;
		e.gain = e.rule == ENCODE_GATED ? gain : NULL;
		e.offset = offset;
		e.centre = below(2) ? centre : NULL;
		float *packed = packed_matrix(d, e.features);
		e.w_enc = packed;
		check_encoder(&e, n, trial);
		free(packed);
	}
}

static void pursuits(void)
{
	for (size_t trial = 0; trial < 400; trial++) {
		size_t d = 1 + below(6), n = trial % 60 == 59 ? TOKENS
			: 1 + below(trial % 60 < 55 ? 9 : TOKENS);
		struct encoder e = {.d = d, .rule = ENCODE_PURSUIT,
			.features = trial % 18 == 8 ? ENCODE_TILE + 1
				: 1 + below(trial % 8 ? 40 : FEATURES),
			.pursuit = {.steps = below(7), .absolute = below(2), .negative = below(2),
				.repeats = below(2)}};
		for (size_t i = 0; i < n * d; i++)
			x[i] = trial % 9 == 8 ? -whole(0, 3) : whole(-3, 3);
		for (size_t i = 0; i < d * e.features; i++)
			w[i] = trial % 9 < 8 ? whole(-1, 1) : trial % 18 == 8 ? 1 : whole(0, 1);
		for (size_t k = 0; k < d; k++)
			centre[k] = whole(-2, 2);
		e.centre = below(2) ? centre : NULL;
		e.pursuit.residual = below(2) ? whole(0, 4) : 0;
		e.pursuit.relative = below(3) ? 0 : 0.45f * whole(1, 2);
		float *packed = packed_matrix(d, e.features);
		e.w_enc = packed;
		check_encoder(&e, n, trial);
		free(packed);
	}
}

/* Inputs by their formulas; encode() takes what encode_input() gives. */
static void inputs(void)
{
	float u[D], v[D];

	for (size_t trial = 0; trial < 200; trial++) {
		size_t d = 1 + below(D);
		struct encoder e = {.d = d, .input = (enum encode_input)(trial % 3),
			.input_scale = trial % 4 ? 0 : 3};
		double mean = 0, square = 0, by = trial % 4 ? 1 : 3;
		bool same = true;
		int size = (int)below(21) - 12;
		for (size_t k = 0; k < d; k++)
			v[k] = trial % 20 ? ldexpf((float)(5 + normal()), size) : 0;
		for (size_t k = 0; k < d && e.input == ENCODE_LAYER_NORM; k++)
			mean += (double)v[k] / (double)d;
		for (size_t k = 0; k < d; k++)
			square += pow((double)v[k] - mean, 2);
		if (e.input == ENCODE_LAYER_NORM)
			by /= (d > 1 ? sqrt(square / (double)(d - 1)) : 0) + 1e-5;
		if (e.input == ENCODE_UNIT)
			by *= square > 0 ? sqrt((double)d / square) : 0;
		encode_input(u, v, &e);
		for (size_t k = 0; k < d; k++)
			same &= fabs((double)u[k] - by * ((double)v[k] - mean))
				<= 1e-6 * fabs((double)u[k]) + 1e-12;
		check(same, "encode_input", trial);
		encode_input(v, v, &e);
		check(memcmp(u, v, d * sizeof *u) == 0, "encode_input: in place", trial);
	}
}

int main(void)
{
	inputs();
	rules();
	pursuits();
	return failures > 0;
}
