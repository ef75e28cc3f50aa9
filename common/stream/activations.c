#include "stream/activations.h"

#include "base/die.h"
#include "base/opt.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES_MOST = 1 << 24 };

/* All streams are over the same tokens: those of the first. */
static void take_token(struct sm_reader *in, struct activity *s, const struct activity *first, uint32_t token)
{
	if (s->tokens == UINT32_MAX)
		sm_bad(in, "more than %u tokens", UINT32_MAX);
	if (s != first && s->tokens >= first->tokens)
		sm_bad(in, "token %u, beyond the last of %s: the tokens have to be the same", token, first->name);
	if (s != first && token != first->token[s->tokens])
		sm_bad(in, "token %u, where %s has %u: the tokens have to be the same", token, first->name,
			first->token[s->tokens]);
	if (s->tokens + 1 >= s->token_room) {
		s->token_room = s->token_room ? 2 * s->token_room : 1024;
		s->by_token.indptr = xrealloc(s->by_token.indptr, s->token_room, sizeof *s->by_token.indptr);
		if (s == first)
			s->token = xrealloc(s->token, s->token_room, sizeof *s->token);
	}
	if (s == first)
		s->token[s->tokens] = token;
	s->tokens++;
}

static void take_frame(struct sm_reader *in, const struct sm_frame *f, struct activity *s, const struct activity *first)
{
	size_t n = SM_ANY, nnz = SM_ANY, at = s->by_token.indptr[s->tokens];
	const uint32_t *token = sm_want(in, f, "token", SM_U4, &n);
	const uint32_t *feature = sm_want(in, f, "feature", SM_U4, &nnz);
	const float *value = sm_want(in, f, "value", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);

	if (at + nnz > s->entry_room) {
		s->entry_room = 2 * (at + nnz);
		s->by_token.index = xrealloc(s->by_token.index, s->entry_room, sizeof *s->by_token.index);
		s->by_token.value = xrealloc(s->by_token.value, s->entry_room, sizeof *s->by_token.value);
	}
	for (size_t i = 0; i < n; i++) {
		take_token(in, s, first, token[i]);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (feature[k] >= s->features)
				sm_bad(in, "feature %u of %zu", feature[k], s->features);
			if (!isfinite(value[k]))
				sm_bad(in, "the activation of feature %u on token %u is not finite", feature[k], token[i]);
			if (!(value[k] > 0))
				continue;
			if (s->seen[feature[k]] == s->tokens)
				sm_bad(in, "feature %u stands twice on token %u", feature[k], token[i]);
			s->seen[feature[k]] = (uint32_t)s->tokens;
			s->by_token.index[at] = feature[k];
			s->by_token.value[at++] = value[k];
		}
		s->by_token.indptr[s->tokens] = at;
	}
}

static void take_moments(struct activity *s)
{
	s->taken = xalloc(s->features, sizeof *s->taken);
	s->count = xalloc(s->features, sizeof *s->count);
	s->sum = xalloc(s->features, sizeof *s->sum);
	s->variance = xalloc(s->features, sizeof *s->variance);
	column_moments(s->count, s->sum, s->variance, &s->by_token, s->tokens, s->features);
	for (size_t i = 0; i < s->features; i++)
		s->taken[i] = s->count[i] == s->tokens && s->tokens > 0 ? (float)(s->sum[i] / (double)s->tokens) : 0;
	subtract_columns(&s->by_token, s->taken, s->tokens);
	column_moments(s->count, s->sum, s->variance, &s->by_token, s->tokens, s->features);
	for (size_t i = 0; i < s->features; i++)
		s->variance[i] = fmax(0, s->variance[i] - s->sum[i] * s->sum[i] / (double)s->tokens);
}

static void take_stream(struct sm_reader *in, const struct sm_frame *header, struct activity *s,
	const struct activity *first)
{
	struct sm_frame frame = {0};

	sm_want_kind(in, header, "activations");
	*s = (struct activity){.name = sm_reader_name(in), .features = sm_want_size(in, header, "features")};
	if (s->features > FEATURES_MOST)
		sm_bad(in, "%zu features: %d is the most", s->features, FEATURES_MOST);
	s->seen = xcalloc(s->features, sizeof *s->seen);
	s->by_token.indptr = xcalloc(1, sizeof *s->by_token.indptr);
	while (sm_read_frame(in, &frame))
		take_frame(in, &frame, s, first);
	if (s->tokens != first->tokens)
		sm_bad(in, "%zu tokens, where %s has %zu: the tokens have to be the same", s->tokens, first->name,
			first->tokens);
	free(s->seen);
	s->seen = NULL;
	sm_frame_free(&frame);
	s->entries = s->by_token.indptr[s->tokens];
	take_moments(s);
}

void read_activities(const char *path, struct activities *all)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0};

	for (; sm_read_header(in, &header); header = (struct sm_frame){0}) {
		all->item = xrealloc(all->item, all->n + 1, sizeof *all->item);
		all->header = xrealloc(all->header, all->n + 1, sizeof *all->header);
		all->header[all->n] = header;
		take_stream(in, &header, &all->item[all->n], &all->item[0]);
		all->n++;
	}
	sm_frame_free(&header);
	sm_reader_close(in);
}

struct dictionary dictionary_of(const struct activities *all, size_t from, size_t to)
{
	struct dictionary d = {.stream = all->item + from, .streams = to - from};
	size_t n = 0;

	for (size_t k = from; k < to; k++)
		n += all->item[k].features;
	uint32_t *feature = xalloc(n, sizeof *feature);
	d.ids = (struct ids){n, xalloc(n, sizeof(char *)), feature, NULL};
	d.of = xalloc(n, sizeof *d.of);
	n = 0;
	for (size_t k = from; k < to; k++)
		for (size_t i = 0; i < all->item[k].features; i++, n++) {
			d.ids.layer[n] = sm_get_string(&all->header[k], "layer", "");
			feature[n] = (uint32_t)i;
			d.of[n] = &all->item[k];
		}
	return d;
}

size_t find_feature(const struct dictionary *d, const char *layer, uint32_t feature)
{
	size_t first = 0;

	for (size_t k = 0; k < d->streams; first += d->stream[k++].features)
		if (feature < d->stream[k].features && strcmp(d->ids.layer[first], layer) == 0)
			return first + feature;
	return SIZE_MAX;
}

void dictionary_free(struct dictionary *d)
{
	ids_free(&d->ids);
	free(d->of);
}

static void sparse_free(struct sparse *x)
{
	free(x->indptr);
	free(x->index);
	free(x->value);
	*x = (struct sparse){0};
}

void turn_activity(struct activity *s, bool keep)
{
	s->by_feature = (struct sparse){xalloc(s->features + 1, sizeof(size_t)), xalloc(s->entries, sizeof(uint32_t)),
		xalloc(s->entries, sizeof(float))};
	transpose(&s->by_feature, &s->by_token, s->tokens, s->features);
	if (!keep)
		sparse_free(&s->by_token);
}

void activities_free(struct activities *all)
{
	for (size_t k = 0; k < all->n; k++) {
		struct activity *s = &all->item[k];
		sparse_free(&s->by_token);
		sparse_free(&s->by_feature);
		free(s->token);
		free(s->taken);
		free(s->count);
		free(s->sum);
		free(s->variance);
		sm_frame_free(&all->header[k]);
	}
	free(all->item);
	free(all->header);
}

struct coactivation {
	enum likeness likeness;
	const struct dictionary *row, *col;
	float *ones;			/* in place of all activations, where only firing counts */
	double **product;		/* of each thread, (columns) */
	size_t threads;
};

struct coactivation *coactivation_open(enum likeness likeness, const struct dictionary *row,
	const struct dictionary *col)
{
	size_t threads = (size_t)omp_get_max_threads();
	struct coactivation *c = xalloc(1, sizeof *c);
	size_t most = 0;

	*c = (struct coactivation){likeness, row, col, NULL, xalloc(threads, sizeof *c->product), threads};
	for (size_t t = 0; t < threads; t++)
		c->product[t] = xalloc(col->ids.n, sizeof **c->product);
	if (likeness == PEARSON)
		return c;
	for (size_t k = 0; k < row->streams; k++)
		most = row->stream[k].entries > most ? row->stream[k].entries : most;
	for (size_t k = 0; k < col->streams; k++)
		most = col->stream[k].entries > most ? col->stream[k].entries : most;
	c->ones = xalloc(most, sizeof *c->ones);
	for (size_t k = 0; k < most; k++)
		c->ones[k] = 1;
	return c;
}

void coactivation_free(struct coactivation *c)
{
	for (size_t t = 0; t < c->threads; t++)
		free(c->product[t]);
	free(c->product);
	free(c->ones);
	free(c);
}

/* Of feature i of a and feature j of b, whose activations multiply to `product`, summed over the
 * tokens. */
static double likeness_of(enum likeness likeness, const struct activity *a, size_t i, const struct activity *b, size_t j,
	double product)
{
	double m = (double)a->count[i], n = (double)b->count[j];

	if (m == 0 || n == 0)
		return 0;
	if (likeness == JACCARD)
		return product / (m + n - product);
	if (likeness == JOINT)
		return product / fmax(m, n);
	double spread = sqrt(a->variance[i] * b->variance[j]);
	double r = spread > 0 ? (product - a->sum[i] * b->sum[j] / (double)a->tokens) / spread : 0;
	return fmax(-1, fmin(1, r));
}

void likeness_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct coactivation *c = context;
	const struct dictionary *row = c->row, *other = c->col;
	const struct activity *a = row->of[i];
	size_t feature = row->ids.feature[i], begin = a->by_feature.indptr[feature];
	size_t n = a->by_feature.indptr[feature + 1] - begin;
	double *product = c->product[thread], *part = product;

	memset(product, 0, other->ids.n * sizeof *product);
	for (size_t s = 0; s < other->streams; part += other->stream[s++].features) {
		struct sparse x = other->stream[s].by_token;
		x.value = c->ones ? c->ones : x.value;
		add_product(part, a->by_feature.index + begin, c->ones ? c->ones : a->by_feature.value + begin, n, &x);
	}
	for (size_t e = 0; e < k; e++) {
		size_t j = col[e];
		double like = likeness_of(c->likeness, a, feature, other->of[j], other->ids.feature[j], product[j]);
		out->dist[e] = row == other && i == j ? 0 : (float)(1 - like);
	}
}
