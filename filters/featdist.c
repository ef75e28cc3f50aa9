/* Activations to distributions: for every feature a bounded weighted sample of the tokens that express it. */
#include "base/die.h"
#include "base/opt.h"
#include "kernel/bottom_k.h"
#include "stream/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { COORDINATED, TOP, RANDOM };
enum { FEATURES_MOST = 1 << 26, FRAME_NUMBERS = 1 << 22 };

static size_t support = 128, seed, min_count = 5;
static int selection = COORDINATED;

static const struct opt options[] = {
	{"support", OPT_SIZE, &support, "K", "tokens kept per feature", 1, 1 << 20},
	{"select", OPT_CHOICE, &selection, "coordinated|top|random", "how they are chosen", 0, 0},
	{"seed", OPT_SIZE, &seed, "S", "of the random numbers", 0, 9e18},
	{"min-count", OPT_SIZE, &min_count, "N", "leave out features that fire on fewer tokens", 1,
		UINT32_MAX},
	OPT_END
};

struct feature {
	struct kept *kept;
	size_t n;
	uint32_t count, last;		/* tokens that it fired on, the last of them */
	double mass, tau;
};

/* Tokens that some feature keeps; a slot whose last user let go is used again. */
struct table {
	size_t d, slots, room;
	uint32_t *token, *vocab, *users;
	float *point;			/* (slots, d) */
	uint32_t *spare;
	size_t spares;
	bool begun, has_vocab;
};

/* A frame of activations. */
struct activations {
	size_t n, nnz;
	const uint32_t *token, *vocab, *indptr, *feature;
	const float *value;
	const struct sm_tensor *point;
};

static uint32_t slot_for(struct table *t, const struct activations *a, size_t row)
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

static void let_go(struct table *t, uint32_t slot)
{
	if (--t->users[slot] == 0)
		t->spare[t->spares++] = slot;
}

static double rank_of(uint64_t salt, uint32_t feature, uint32_t token, float activation)
{
	if (selection == TOP)
		return -(double)activation;
	salt = selection == RANDOM ? salt + feature + 1 : 0;
	return -log(token_uniform(seed, salt, token)) / (double)activation;
}

static struct activations take_frame(struct sm_reader *in, const struct sm_frame *f, struct table *t)
{
	struct activations a = {.n = SM_ANY, .nnz = SM_ANY};
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
static void offer(struct feature *f, struct table *t, struct kept token)
{
	struct kept out;

	if (f->count++ == 0)
		f->tau = INFINITY;
	f->last = token.token;
	f->mass += (double)token.activation;
	if (f->n < support && (f->n & (f->n - 1)) == 0)	/* room doubles: many features keep few */
		f->kept = xrealloc(f->kept, f->n ? 2 * f->n : 1, sizeof *f->kept);
	t->users[token.slot]++;
	f->n = keep_smallest(f->kept, f->n, support, token, &f->tau, &out);
	if (out.slot != UINT32_MAX)
		let_go(t, out.slot);
}

static void take_row(struct sm_reader *in, const struct activations *a, size_t row, struct feature *all,
	size_t features, uint64_t salt, struct table *t)
{
	uint32_t token = a->token[row], slot = UINT32_MAX;

	for (size_t i = a->indptr[row]; i < a->indptr[row + 1]; i++) {
		uint32_t feature = a->feature[i];
		float value = a->value[i];
		if (feature >= features)
			sm_bad(in, "feature %u of %zu", feature, features);
		if (!isfinite(value))
			sm_bad(in, "the activation of feature %u on token %u is not finite", feature, token);
		if (!(value > 0))
			continue;
		if (all[feature].count > 0 && all[feature].last == token)
			sm_bad(in, "feature %u stands twice on token %u", feature, token);
		if (slot == UINT32_MAX) {
			slot = slot_for(t, a, row);
			t->users[slot]++;	/* this row's own hold on it */
		}
		double rank = rank_of(salt, feature, token, value);
		offer(&all[feature], t, (struct kept){rank, token, slot, value});
	}
	if (slot != UINT32_MAX)
		let_go(t, slot);
}

static struct feature *read_activations(struct sm_reader *in, size_t features, uint64_t salt,
	struct table *t)
{
	struct feature *all = xcalloc(features, sizeof *all);
	struct sm_frame frame = {0};
	int64_t last = -1;

	while (sm_read_frame(in, &frame)) {
		struct activations a = take_frame(in, &frame, t);
		for (size_t row = 0; row < a.n; last = a.token[row++]) {
			if (a.token[row] <= last)
				sm_bad(in, "token %u after token %lld: tokens have to ascend", a.token[row],
					(long long)last);
			take_row(in, &a, row, all, features, salt, t);
		}
	}
	sm_frame_free(&frame);
	return all;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The tokens in use, ascending, are the rows of the support table; returns the row of each slot. */
static uint32_t *write_table(struct sm_writer *out, const struct table *t)
{
	uint64_t *key = xalloc(t->slots, sizeof *key);	/* token, slot */
	uint32_t *row = xalloc(t->slots, sizeof *row);
	size_t m = 0, step = FRAME_NUMBERS / (t->d ? t->d : 1);
	struct sm_frame frame = {0};

	for (size_t i = 0; i < t->slots; i++)
		if (t->users[i] > 0)
			key[m++] = (uint64_t)t->token[i] << 32 | i;
	qsort(key, m, sizeof *key, by_number);
	step = step ? step : 1;
	uint32_t *token = xalloc(step, sizeof *token), *vocab = xalloc(step, sizeof *vocab);
	float *point = xalloc(step * t->d, sizeof *point);
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
	free(point);
	free(vocab);
	free(token);
	free(key);
	return row;
}

static int by_kept_token(const void *a, const void *b)
{
	uint32_t x = ((const struct kept *)a)->token, y = ((const struct kept *)b)->token;

	return (x > y) - (x < y);
}

static void write_features(struct sm_writer *out, struct feature *all, size_t features, const uint32_t *row)
{
	size_t step = FRAME_NUMBERS / support ? FRAME_NUMBERS / support : 1;
	uint32_t *feature = xalloc(step, 4), *count = xalloc(step, 4), *indptr = xalloc(step + 1, 4);
	uint32_t *rows = xalloc(step * support, 4);
	float *weight = xalloc(step * support, 4);
	double *mass = xalloc(step, 8);
	struct sm_frame frame = {0};
	size_t b = 0, nnz = 0;

	for (size_t i = 0; i <= features; i++) {
		if (b > 0 && (i == features || b == step)) {
			sm_set_tensor(&frame, "feature", SM_U4, feature, b);
			sm_set_tensor(&frame, "indptr", SM_U4, indptr, b + 1);
			sm_set_tensor(&frame, "row", SM_U4, rows, nnz);
			sm_set_tensor(&frame, "weight", SM_F4, weight, nnz);
			sm_set_tensor(&frame, "mass", SM_F8, mass, b);
			sm_set_tensor(&frame, "count", SM_U4, count, b);
			sm_write_frame(out, &frame);
			b = nnz = 0;
		}
		if (i == features || all[i].count < min_count)
			continue;
		struct feature *f = &all[i];
		qsort(f->kept, f->n, sizeof *f->kept, by_kept_token);
		sample_weights(weight + nnz, f->kept, f->n, selection == TOP ? INFINITY : f->tau);
		for (size_t j = 0; j < f->n; j++)
			rows[nnz + j] = row[f->kept[j].slot];
		feature[b] = (uint32_t)i;
		mass[b] = f->mass;
		count[b] = f->count;
		indptr[b] = (uint32_t)nnz;
		nnz += f->n;
		indptr[++b] = (uint32_t)nnz;
	}
	sm_frame_free(&frame);
	free(mass);
	free(weight);
	free(rows);
	free(indptr);
	free(count);
	free(feature);
}

/* Features that fire too rarely let go of their tokens before the table is written. */
static size_t leave_out(struct feature *all, size_t features, struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < features; i++) {
		if (all[i].count >= min_count)
			continue;
		n++;
		for (size_t j = 0; j < all[i].n; j++)
			let_go(t, all[i].kept[j].slot);
	}
	return n;
}

static void one_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	sm_want_kind(in, header, "activations");
	size_t features = sm_want_size(in, header, "features");
	if (features > FEATURES_MOST)
		sm_bad(in, "%zu features: %d is the most", features, FEATURES_MOST);
	const char *layer = sm_get_string(header, "layer", "");
	struct table table = {0};
	struct feature *all = read_activations(in, features, XXH64(layer, strlen(layer), 0), &table);

	size_t asked = sm_find_field(header, "picked") ? sm_want_size(in, header, "picked") : features;
	size_t kept = features - leave_out(all, features, &table);
	size_t dropped = asked > kept ? asked - kept : 0;
	if (dropped > 0)
		note("%s: layer %s: %zu of %zu features fire on fewer than %zu tokens and are left out",
			sm_reader_name(in), layer, dropped, asked, min_count);
	sm_set_string(header, "kind", "distributions");
	sm_set_integer(header, "support", (int64_t)support);
	sm_set_string(header, "select", (const char *[]){"coordinated", "top", "random"}[selection]);
	sm_set_integer(header, "seed", (int64_t)seed);
	sm_set_integer(header, "left_out", (int64_t)dropped);
	sm_write_header(out, header);
	uint32_t *row = write_table(out, &table);
	write_features(out, all, features, row);
	sm_write_end(out);

	free(row);
	for (size_t i = 0; i < features; i++)
		free(all[i].kept);
	free(all);
	free(table.token);
	free(table.vocab);
	free(table.users);
	free(table.spare);
	free(table.point);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "featdist [OPTION]... [FILE]",
		"Keeps a bounded weighted sample of the tokens that express each feature.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		one_stream(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
