/* Distances between features by the tokens on which they fire. */
#include "die.h"
#include "set.h"
#include "sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PEARSON, JACCARD, JOINT };
enum { FEATURES_MOST = 1 << 24 };

static int metric;

static const struct opt options[] = {
	{"metric", OPT_CHOICE, &metric, "pearson|jaccard|joint", "how alike two features fire", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END
};

struct stream {
	const char *name;
	size_t features, tokens, token_room, entry_room;
	uint32_t *token, *seen;			/* names of the tokens; the last on which each feature fired, from 1 */
	struct sparse by_token, by_feature;	/* activations; 1 for each, where only firing counts */
	size_t *count;				/* of each feature, as the sums */
	double *sum, *variance;			/* the latter times the tokens */
};

struct streams {
	size_t n;
	struct stream *item;
	struct frame *header;
};

/* One side of the comparison: the features of some streams. */
struct side {
	const struct stream *stream;
	size_t streams;
	struct ids ids;
	const struct stream **of;		/* (ids.n): the stream that each feature is from */
};

struct coactivation {
	const struct side *row, *col;
	double tokens, **product;		/* of each thread, (columns) */
};

/* All streams are over the same tokens: those of the first. */
static void take_token(struct reader *in, struct stream *s, const struct stream *first, uint32_t token)
{
	if (s->tokens == UINT32_MAX)
		bad(in, "more than %u tokens", UINT32_MAX);
	if (s != first && s->tokens >= first->tokens)
		bad(in, "token %u, beyond the last of %s: the tokens have to be the same", token, first->name);
	if (s != first && token != first->token[s->tokens])
		bad(in, "token %u, where %s has %u: the tokens have to be the same", token, first->name,
			first->token[s->tokens]);
	if (s->tokens + 1 >= s->token_room) {
		s->token_room = s->token_room ? 2 * s->token_room : 1024;
		s->by_token.indptr = need_more(s->by_token.indptr, s->token_room, sizeof *s->by_token.indptr);
		if (s == first)
			s->token = need_more(s->token, s->token_room, sizeof *s->token);
	}
	if (s == first)
		s->token[s->tokens] = token;
	s->tokens++;
}

static void take_frame(struct reader *in, const struct frame *f, struct stream *s, const struct stream *first)
{
	size_t n = ANY, nnz = ANY, at = s->by_token.indptr[s->tokens];
	const uint32_t *token = want(in, f, "token", U4, 1, &n);
	size_t ends = n + 1;
	const uint32_t *indptr = want(in, f, "indptr", U4, 1, &ends);
	const uint32_t *feature = want(in, f, "feature", U4, 1, &nnz);
	const float *value = want(in, f, "value", F4, 1, &nnz);

	if (indptr[0] != 0 || indptr[n] != nnz)
		bad(in, "indptr runs from %u to %u, not from 0 to %zu", indptr[0], indptr[n], nnz);
	if (at + nnz > s->entry_room) {
		s->entry_room = 2 * (at + nnz);
		s->by_token.index = need_more(s->by_token.index, s->entry_room, sizeof *s->by_token.index);
		s->by_token.value = need_more(s->by_token.value, s->entry_room, sizeof *s->by_token.value);
	}
	for (size_t i = 0; i < n; i++) {
		if (indptr[i + 1] < indptr[i] || indptr[i + 1] > nnz)
			bad(in, "indptr row %zu descends", i);
		take_token(in, s, first, token[i]);
		for (size_t k = indptr[i]; k < indptr[i + 1]; k++) {
			if (feature[k] >= s->features)
				bad(in, "feature %u of %zu", feature[k], s->features);
			if (!isfinite(value[k]))
				bad(in, "the activation of feature %u on token %u is not finite", feature[k], token[i]);
			if (!(value[k] > 0))
				continue;
			if (s->seen[feature[k]] == s->tokens)
				bad(in, "feature %u stands twice on token %u", feature[k], token[i]);
			s->seen[feature[k]] = (uint32_t)s->tokens;
			s->by_token.index[at] = feature[k];
			s->by_token.value[at++] = metric == PEARSON ? value[k] : 1;
		}
		s->by_token.indptr[s->tokens] = at;
	}
}

/* A correlation is the same without the mean, and without it nothing cancels where features always
 * fire. */
static void take_moments(struct stream *s)
{
	s->count = need(s->features, sizeof *s->count);
	s->sum = need(s->features, sizeof *s->sum);
	s->variance = need(s->features, sizeof *s->variance);
	column_moments(s->count, s->sum, s->variance, &s->by_token, s->tokens, s->features);
	if (metric != PEARSON)
		return;
	centre_full_columns(&s->by_token, s->count, s->sum, s->tokens);
	column_moments(s->count, s->sum, s->variance, &s->by_token, s->tokens, s->features);
	for (size_t i = 0; i < s->features; i++)
		s->variance[i] = fmax(0, s->variance[i] - s->sum[i] * s->sum[i] / (double)s->tokens);
}

static void take_stream(struct reader *in, const struct frame *header, struct stream *s,
	const struct stream *first)
{
	struct frame frame = {0};

	want_kind(in, header, "activations", NULL);
	*s = (struct stream){.name = reader_name(in), .features = want_size(in, header, "features")};
	if (s->features > FEATURES_MOST)
		bad(in, "%zu features: %d is the most", s->features, FEATURES_MOST);
	s->seen = need_zero(s->features, sizeof *s->seen);
	s->by_token.indptr = need_zero(1, sizeof *s->by_token.indptr);
	while (read_frame(in, &frame))
		take_frame(in, &frame, s, first);
	if (s->tokens != first->tokens)
		bad(in, "%zu tokens, where %s has %zu: the tokens have to be the same", s->tokens, first->name,
			first->tokens);
	free(s->seen);
	frame_free(&frame);
	take_moments(s);
}

static void take_all(const char *path, struct streams *all)
{
	struct reader *in = reader_open(path);
	struct frame header = {0};

	for (; read_header(in, &header); header = (struct frame){0}) {
		all->item = need_more(all->item, all->n + 1, sizeof *all->item);
		all->header = need_more(all->header, all->n + 1, sizeof *all->header);
		all->header[all->n] = header;
		take_stream(in, &header, &all->item[all->n], &all->item[0]);
		all->n++;
	}
	frame_free(&header);
	reader_close(in);
}

/* The streams that the operands name, as every distance stage reads them (set.h); returns where the
 * second set begins, all->n when there is one only. */
static size_t read_streams(char *const *operand, struct streams *all)
{
	take_all(operand[0], all);
	if (two_sets_in_one(operand, all->n))
		return 1;
	size_t first = all->n;
	if (operand[0] && operand[1])
		take_all(operand[1], all);
	return first;
}

static struct side side_of(const struct streams *all, size_t from, size_t to)
{
	struct side side = {.stream = all->item + from, .streams = to - from};
	size_t n = 0;

	for (size_t k = from; k < to; k++)
		n += all->item[k].features;
	uint32_t *feature = need(n, sizeof *feature);
	side.ids = (struct ids){n, need(n, sizeof(char *)), feature};
	side.of = need(n, sizeof *side.of);
	n = 0;
	for (size_t k = from; k < to; k++)
		for (size_t i = 0; i < all->item[k].features; i++, n++) {
			side.ids.layer[n] = get_string(&all->header[k], "layer", "");
			feature[n] = (uint32_t)i;
			side.of[n] = &all->item[k];
		}
	return side;
}

static void side_free(struct side *side)
{
	free(side->ids.layer);
	free((void *)(uintptr_t)side->ids.feature);
	free(side->of);
}

static void take_features(struct stream *s)
{
	size_t entries = s->by_token.indptr[s->tokens];

	s->by_feature = (struct sparse){need(s->features + 1, sizeof(size_t)), need(entries, sizeof(uint32_t)),
		need(entries, sizeof(float))};
	transpose(&s->by_feature, &s->by_token, s->tokens, s->features);
}

static void sparse_free(struct sparse *x)
{
	free(x->indptr);
	free(x->index);
	free(x->value);
	*x = (struct sparse){0};
}

static void stream_free(struct stream *s)
{
	sparse_free(&s->by_token);
	sparse_free(&s->by_feature);
	free(s->token);
	free(s->count);
	free(s->sum);
	free(s->variance);
}

/* Of feature i of a and feature j of b, whose activations multiply to `product`, summed over the
 * tokens. */
static double likeness(const struct stream *a, size_t i, const struct stream *b, size_t j, double product,
	double tokens)
{
	double m = (double)a->count[i], n = (double)b->count[j];

	if (m == 0 || n == 0)
		return 0;
	if (metric == JACCARD)
		return product / (m + n - product);
	if (metric == JOINT)
		return product / fmax(m, n);
	double spread = sqrt(a->variance[i] * b->variance[j]);
	double r = spread > 0 ? (product - a->sum[i] * b->sum[j] / tokens) / spread : 0;
	return fmax(-1, fmin(1, r));
}

static void coactivations(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct coactivation *c = context;
	const struct side *row = c->row, *other = c->col;
	const struct stream *a = row->of[i];
	size_t feature = row->ids.feature[i], begin = a->by_feature.indptr[feature];
	size_t n = a->by_feature.indptr[feature + 1] - begin;
	double *product = c->product[thread], *part = product;

	memset(product, 0, other->ids.n * sizeof *product);
	for (size_t s = 0; s < other->streams; part += other->stream[s++].features)
		add_product(part, a->by_feature.index + begin, a->by_feature.value + begin, n, &other->stream[s].by_token);
	for (size_t e = 0; e < k; e++) {
		size_t j = col[e];
		double like = likeness(a, feature, other->of[j], other->ids.feature[j], product[j], c->tokens);
		out->dist[e] = row == other && i == j ? 0 : (float)(1 - like);
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "coact [OPTION]... [A [B]]",
		"Distances between features by the tokens on which they fire; A and B are activations over the same "
		"tokens.", 2);
	struct writer *out = writer_open();
	struct streams all = {0};
	size_t first = read_streams(operand, &all), sets = first < all.n ? 2 : 1;
	struct side row = side_of(&all, 0, first), second = side_of(&all, first, all.n);
	const struct side *col = sets == 2 ? &second : &row;
	struct set set[2] = {{.streams = first, .header = all.header},
		{.streams = all.n - first, .header = all.header + first}};
	struct frame header;

	for (size_t k = 0; k < first; k++) {
		take_features(&all.item[k]);
		if (sets == 2)
			sparse_free(&all.item[k].by_token);
	}
	struct coactivation c = {&row, col, (double)all.item[0].tokens, need(threads, sizeof *c.product)};
	for (size_t t = 0; t < threads; t++)
		c.product[t] = need(col->ids.n, sizeof **c.product);
	struct stage stage = {.row = row.ids, .col = col->ids, .self = sets == 1, .context = &c,
		.solve = coactivations};
	sets_header(set, sets, &header);
	drop_field(&header, "space");
	set_integer(&header, "tokens", (int64_t)all.item[0].tokens);
	set_string(&header, "metric", (const char *[]){"1 - Pearson correlation", "1 - Jaccard index",
		"1 - probability of firing together"}[metric]);
	run_stage(out, &header, &stage);
	for (size_t t = 0; t < threads; t++)
		free(c.product[t]);
	free(c.product);
	side_free(&row);
	side_free(&second);
	for (size_t k = 0; k < all.n; k++) {
		stream_free(&all.item[k]);
		frame_free(&all.header[k]);
	}
	free(all.item);
	free(all.header);
	frame_free(&header);
	free(operand);
	return 0;
}
