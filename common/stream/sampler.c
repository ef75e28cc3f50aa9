#include "stream/sampler.h"

#include "base/die.h"
#include "base/pool.h"
#include "kernel/bottom_k.h"
#include "stream/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FRAME_NUMBERS = 1 << 22 };	/* a frame holds about as many */

struct feature {
	struct kept *kept;
	size_t n;
	uint32_t count, last;		/* tokens that it fired on, the last of them */
	double mass, tau;
};

/* Tokens that some feature keeps; a slot whose last user let go is used again. */
struct support_table {
	size_t d, slots, room;
	uint32_t *token, *vocab, *users;
	float *point;			/* (slots, d) */
	uint32_t *spare;
	size_t spares;
	bool begun, has_vocab;
};

/* A frame of activations. */
struct activation_frame {
	size_t n, nnz;
	const uint32_t *token, *vocab, *indptr, *feature;
	const float *value;
	const struct sm_tensor *point;
};

struct sampler {
	struct sampling how;
	size_t features;
	uint64_t salt;			/* of the layer */
	int64_t last;			/* token; -1 before the first */
	size_t negative;		/* activations */
	struct feature *feature;	/* (features) */
	struct support_table table;
};

/* -- Reading -------------------------------------------------------------------------------- */

static uint32_t slot_for(struct support_table *t, const struct activation_frame *a, size_t row)
{
	if (t->spares == 0 && t->slots == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		t->token = xrealloc(t->token, t->room, sizeof *t->token);
		t->vocab = xrealloc(t->vocab, t->room, sizeof *t->vocab);
		t->users = xrealloc(t->users, t->room, sizeof *t->users);
		t->spare = xrealloc(t->spare, t->room, sizeof *t->spare);
		t->point = xrealloc(t->point, t->room * sizeof *t->point, t->d);
	}
	uint32_t slot = t->spares > 0 ? t->spare[--t->spares] : (uint32_t)t->slots++;
	t->token[slot] = a->token[row];
	t->vocab[slot] = a->vocab ? a->vocab[row] : 0;
	t->users[slot] = 0;
	if (a->point)
		sm_to_float(t->point + slot * t->d, (const char *)a->point->data
			+ row * t->d * sm_dtype_size(a->point->dtype), a->point->dtype, t->d);
	return slot;
}

static void let_go(struct support_table *t, uint32_t slot)
{
	if (--t->users[slot] == 0)
		t->spare[t->spares++] = slot;
}

/* What is kept is what ranks lowest: -ln(u) / a^q, where u in (0,1) is the token's own number,
 * for all features alike, or one for each feature and token; or -a. */
static double rank_of(const struct sampler *s, uint32_t feature, uint32_t token, float activation)
{
	if (s->how.select == SELECT_TOP)
		return -(double)activation;
	uint64_t salt = s->how.select == SELECT_RANDOM ? s->salt + feature + 1 : 0;
	return -log(token_uniform(s->how.seed, salt, token))
		/ pow((double)activation, s->how.power);
}

static struct activation_frame want_activations(struct sm_reader *in, const struct sm_frame *f,
	struct support_table *t)
{
	struct activation_frame a = {.n = SM_ANY, .nnz = SM_ANY};
	size_t d = t->d ? t->d : SM_ANY;

	a.token = sm_want(in, f, "token", SM_U4, &a.n);
	a.feature = sm_want(in, f, "feature", SM_U4, &a.nnz);
	a.value = sm_want(in, f, "value", SM_F4, &a.nnz);
	a.indptr = sm_want_indptr(in, f, "indptr", &a.n, a.nnz);
	a.point = sm_find_field(f, "point") ? sm_want_floats(in, f, "point", &a.n, &d) : NULL;
	a.vocab = sm_find_field(f, "vocab") ? sm_want(in, f, "vocab", SM_U4, &a.n) : NULL;
	if (a.point && d == 0)
		sm_bad(in, "points of 0 dimensions");
	if (t->begun && (!a.point != !t->d || !a.vocab != !t->has_vocab))
		sm_bad(in, "point or vocab in some frames and not in others");
	t->begun = true;
	t->d = a.point ? d : 0;
	t->has_vocab = a.vocab;
	return a;
}

/* The feature takes the token in, or not, and lets go of what falls out. */
static void offer(struct sampler *s, struct feature *f, struct kept token)
{
	struct support_table *t = &s->table;
	struct kept out;

	if (f->count++ == 0)
		f->tau = INFINITY;
	f->last = token.token;
	f->mass += (double)token.activation;
	/* Room doubles: many features keep few. */
	if (f->n < s->how.support && (f->n & (f->n - 1)) == 0)
		f->kept = xrealloc(f->kept, f->n ? 2 * f->n : 1, sizeof *f->kept);
	t->users[token.slot]++;
	f->n = keep_smallest(f->kept, f->n, s->how.support, token, &f->tau, &out);
	if (out.slot != UINT32_MAX)
		let_go(t, out.slot);
}

static void take_entry(struct sampler *s, struct sm_reader *in, const struct activation_frame *a,
	size_t row, size_t entry, uint32_t *slot)
{
	uint32_t token = a->token[row], feature = a->feature[entry];
	float value = a->value[entry];

	if (feature >= s->features)
		sm_bad(in, "feature %u of %zu", feature, s->features);
	if (!isfinite(value))
		sm_bad(in, "the activation of feature %u on token %u is not finite", feature,
			token);
	s->negative += value < 0;
	if (!(value > 0))
		return;
	if (s->feature[feature].count > 0 && s->feature[feature].last == token)
		sm_bad(in, "feature %u stands twice on token %u", feature, token);
	if (*slot == UINT32_MAX) {
		*slot = slot_for(&s->table, a, row);
		s->table.users[*slot]++;	/* the row's own hold on it */
	}
	double rank = rank_of(s, feature, token, value);
	offer(s, &s->feature[feature], (struct kept){rank, token, *slot, value});
}

size_t sampler_add(struct sampler *s, struct sm_reader *in, const struct sm_frame *f)
{
	struct activation_frame a = want_activations(in, f, &s->table);

	for (size_t row = 0; row < a.n; s->last = a.token[row++]) {
		uint32_t slot = UINT32_MAX;
		if (a.token[row] <= s->last)
			sm_bad(in, "token %u after token %lld: tokens have to ascend", a.token[row],
				(long long)s->last);
		for (size_t i = a.indptr[row]; i < a.indptr[row + 1]; i++)
			take_entry(s, in, &a, row, i, &slot);
		if (slot != UINT32_MAX)
			let_go(&s->table, slot);
	}
	return (size_t)(s->last + 1);
}

/* -- Writing -------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The tokens in use, ascending, are the rows of the support table; row (slots) gets the row of
 * each slot. */
static void write_table(struct sm_writer *out, const struct support_table *t, uint32_t *row)
{
	struct pool pool = {0};
	uint64_t *key = pool_alloc(&pool, t->slots, sizeof *key);	/* token, slot */
	size_t m = 0, step = FRAME_NUMBERS / (t->d ? t->d : 1);
	struct sm_frame frame = {0};

	for (size_t i = 0; i < t->slots; i++)
		if (t->users[i] > 0)
			key[m++] = (uint64_t)t->token[i] << 32 | i;
	qsort(key, m, sizeof *key, by_number);
	step = step ? step : 1;
	step = step < m ? step : m;
	uint32_t *token = pool_alloc(&pool, step, sizeof *token);
	uint32_t *vocab = pool_alloc(&pool, step, sizeof *vocab);
	float *point = pool_alloc(&pool, step * t->d, sizeof *point);
	for (size_t at = 0; at < m; at += step) {
		size_t n = m - at < step ? m - at : step;
		for (size_t i = 0; i < n; i++) {
			uint32_t s = (uint32_t)key[at + i];
			row[s] = (uint32_t)(at + i);
			token[i] = t->token[s];
			vocab[i] = t->vocab[s];
			memcpy(point + i * t->d, t->point + s * t->d, t->d * sizeof *point);
		}
		sm_set_tensor(&frame, "token", SM_U4, token, n);
		if (t->has_vocab)
			sm_set_tensor(&frame, "vocab", SM_U4, vocab, n);
		if (t->d > 0)
			sm_set_tensor(&frame, "point", SM_F4, point, n, t->d);
		sm_write_frame(out, &frame);
	}
	sm_frame_free(&frame);
	pool_free(&pool);
}

/* A frame of features, filled until it is written. */
struct batch {
	size_t room, n, nnz;
	uint32_t *feature, *count, *indptr, *row;
	float *weight;
	double *mass;
};

static struct batch batch_of(struct pool *pool, size_t room, size_t support)
{
	struct batch b = {.room = room};

	b.feature = pool_alloc(pool, room, sizeof *b.feature);
	b.count = pool_alloc(pool, room, sizeof *b.count);
	b.indptr = pool_calloc(pool, room + 1, sizeof *b.indptr);
	b.row = pool_alloc(pool, room * support, sizeof *b.row);
	b.weight = pool_alloc(pool, room * support, sizeof *b.weight);
	b.mass = pool_alloc(pool, room, sizeof *b.mass);
	return b;
}

static void write_batch(struct sm_writer *out, struct batch *b)
{
	struct sm_frame frame = {0};

	sm_set_tensor(&frame, "feature", SM_U4, b->feature, b->n);
	sm_set_tensor(&frame, "indptr", SM_U4, b->indptr, b->n + 1);
	sm_set_tensor(&frame, "row", SM_U4, b->row, b->nnz);
	sm_set_tensor(&frame, "weight", SM_F4, b->weight, b->nnz);
	sm_set_tensor(&frame, "mass", SM_F8, b->mass, b->n);
	sm_set_tensor(&frame, "count", SM_U4, b->count, b->n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	b->n = b->nnz = 0;
}

static int by_kept_token(const void *a, const void *b)
{
	uint32_t x = ((const struct kept *)a)->token, y = ((const struct kept *)b)->token;

	return (x > y) - (x < y);
}

/* The feature's tokens, ascending, with the weights of the sample. */
static void add_feature(struct batch *b, const struct sampler *s, uint32_t number,
	const uint32_t *row)
{
	struct feature *f = &s->feature[number];

	qsort(f->kept, f->n, sizeof *f->kept, by_kept_token);
	sample_weights(b->weight + b->nnz, f->kept, f->n, s->how.power,
		s->how.select == SELECT_TOP ? INFINITY : f->tau);
	for (size_t j = 0; j < f->n; j++)
		b->row[b->nnz + j] = row[f->kept[j].slot];
	b->feature[b->n] = number;
	b->mass[b->n] = f->mass;
	b->count[b->n] = f->count;
	b->nnz += f->n;
	b->indptr[++b->n] = (uint32_t)b->nnz;
}

static bool left_out(const struct sampler *s, size_t feature)
{
	return s->feature[feature].count < s->how.min_count;
}

void sampler_write(struct sampler *s, struct sm_writer *out)
{
	size_t support = s->how.support, fit = FRAME_NUMBERS / support, step = fit ? fit : 1;
	struct pool pool = {0};
	struct batch b = batch_of(&pool, step, support);
	uint32_t *row = pool_alloc(&pool, s->table.slots, sizeof *row);

	write_table(out, &s->table, row);
	for (size_t i = 0; i < s->features; i++) {
		if (!left_out(s, i))
			add_feature(&b, s, (uint32_t)i, row);
		if (b.n == step)
			write_batch(out, &b);
	}
	if (b.n > 0)
		write_batch(out, &b);
	pool_free(&pool);
}

/* -- The whole ------------------------------------------------------------------------------ */

struct sampler *sampler_open(size_t features, const char *layer, struct sampling how)
{
	struct sampler *s = xalloc(1, sizeof *s);

	*s = (struct sampler){.how = how, .features = features,
		.salt = XXH64(layer, strlen(layer), 0), .last = -1,
		.feature = xcalloc(features, sizeof *s->feature)};
	return s;
}

size_t sampler_leave_out(struct sampler *s, const struct sm_reader *in)
{
	size_t n = 0;

	want_no_negative(in, s->negative);
	for (size_t i = 0; i < s->features; i++) {
		if (!left_out(s, i))
			continue;
		n++;
		for (; s->feature[i].n > 0; s->feature[i].n--)
			let_go(&s->table, s->feature[i].kept[s->feature[i].n - 1].slot);
	}
	return n;
}

void sampler_close(struct sampler *s)
{
	for (size_t i = 0; i < s->features; i++)
		free(s->feature[i].kept);
	free(s->feature);
	free(s->table.token);
	free(s->table.vocab);
	free(s->table.users);
	free(s->table.spare);
	free(s->table.point);
	free(s);
}
