/* Activations to distributions: for every feature a bounded weighted sample of the tokens that express it. */
#include "die.h"
#include "frame.h"
#include "opt.h"
#include "sample.h"

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
	const struct tensor *point;
};

static uint32_t slot_for(struct table *t, const struct activations *a, size_t row)
{
	if (t->spares == 0 && t->slots == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		t->token = need_more(t->token, t->room, sizeof *t->token);
		t->vocab = need_more(t->vocab, t->room, sizeof *t->vocab);
		t->users = need_more(t->users, t->room, sizeof *t->users);
		t->spare = need_more(t->spare, t->room, sizeof *t->spare);
		t->point = need_more(t->point, t->room * sizeof *t->point, t->d);
	}
	uint32_t slot = t->spares > 0 ? t->spare[--t->spares] : (uint32_t)t->slots++;
	t->token[slot] = a->token[row];
	t->vocab[slot] = a->vocab ? a->vocab[row] : 0;
	t->users[slot] = 0;
	if (a->point)
		to_float(t->point + slot * t->d, (const char *)a->point->data
			+ row * t->d * dtype_size(a->point->dtype), a->point->dtype, t->d);
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

static struct activations take_frame(struct reader *in, const struct frame *f, struct table *t)
{
	struct activations a = {.n = ANY, .nnz = ANY};
	size_t d = t->d ? t->d : ANY, ends;

	a.token = want(in, f, "token", U4, 1, &a.n);
	ends = a.n + 1;
	a.indptr = want(in, f, "indptr", U4, 1, &ends);
	a.feature = want(in, f, "feature", U4, 1, &a.nnz);
	a.value = want(in, f, "value", F4, 1, &a.nnz);
	a.point = find_field(f, "point") ? want_floats(in, f, "point", 2, &a.n, &d) : NULL;
	a.vocab = find_field(f, "vocab") ? want(in, f, "vocab", U4, 1, &a.n) : NULL;
	if (a.point && d == 0)
		bad(in, "points of 0 dimensions");
	if (t->begun && (!a.point != !t->d || !a.vocab != !t->has_vocab))
		bad(in, "point or vocab in some frames and not in others");
	t->begun = true;
	t->d = a.point ? d : 0;
	t->has_vocab = a.vocab;
	if (a.indptr[0] != 0 || a.indptr[a.n] != a.nnz)
		bad(in, "indptr runs from %u to %u, not from 0 to %zu", a.indptr[0], a.indptr[a.n], a.nnz);
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
		f->kept = need_more(f->kept, f->n ? 2 * f->n : 1, sizeof *f->kept);
	t->users[token.slot]++;
	f->n = keep_smallest(f->kept, f->n, support, token, &f->tau, &out);
	if (out.slot != UINT32_MAX)
		let_go(t, out.slot);
}

static void take_row(struct reader *in, const struct activations *a, size_t row, struct feature *all,
	size_t features, uint64_t salt, struct table *t)
{
	uint32_t token = a->token[row], slot = UINT32_MAX;

	if (a->indptr[row + 1] < a->indptr[row] || a->indptr[row + 1] > a->nnz)
		bad(in, "indptr row %zu descends", row);
	for (size_t i = a->indptr[row]; i < a->indptr[row + 1]; i++) {
		uint32_t feature = a->feature[i];
		float value = a->value[i];
		if (feature >= features)
			bad(in, "feature %u of %zu", feature, features);
		if (!isfinite(value))
			bad(in, "the activation of feature %u on token %u is not finite", feature, token);
		if (!(value > 0))
			continue;
		if (all[feature].count > 0 && all[feature].last == token)
			bad(in, "feature %u stands twice on token %u", feature, token);
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

static struct feature *read_activations(struct reader *in, size_t features, uint64_t salt,
	struct table *t)
{
	struct feature *all = need_zero(features, sizeof *all);
	struct frame frame = {0};
	int64_t last = -1;

	while (read_frame(in, &frame)) {
		struct activations a = take_frame(in, &frame, t);
		for (size_t row = 0; row < a.n; last = a.token[row++]) {
			if (a.token[row] <= last)
				bad(in, "token %u after token %lld: tokens have to ascend", a.token[row],
					(long long)last);
			take_row(in, &a, row, all, features, salt, t);
		}
	}
	frame_free(&frame);
	return all;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The tokens in use, ascending, are the rows of the support table; returns the row of each slot. */
static uint32_t *write_table(struct writer *out, const struct table *t)
{
	uint64_t *key = need(t->slots, sizeof *key);	/* token, slot */
	uint32_t *row = need(t->slots, sizeof *row);
	size_t m = 0, step = FRAME_NUMBERS / (t->d ? t->d : 1);
	struct frame frame = {0};

	for (size_t i = 0; i < t->slots; i++)
		if (t->users[i] > 0)
			key[m++] = (uint64_t)t->token[i] << 32 | i;
	qsort(key, m, sizeof *key, by_number);
	step = step ? step : 1;
	uint32_t *token = need(step, sizeof *token), *vocab = need(step, sizeof *vocab);
	float *point = need(step * t->d, sizeof *point);
	for (size_t at = 0; at < m; at += step) {
		size_t n = m - at < step ? m - at : step;
		for (size_t i = 0; i < n; i++) {
			uint32_t s = (uint32_t)key[at + i];
			row[s] = (uint32_t)(at + i);
			token[i] = t->token[s];
			vocab[i] = t->vocab[s];
			memcpy(point + i * t->d, t->point + s * t->d, t->d * sizeof *point);
		}
		set_tensor(&frame, "token", U4, token, 1, n);
		if (t->has_vocab)
			set_tensor(&frame, "vocab", U4, vocab, 1, n);
		if (t->d > 0)
			set_tensor(&frame, "point", F4, point, 2, n, t->d);
		write_frame(out, &frame);
	}
	frame_free(&frame);
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

static void write_features(struct writer *out, struct feature *all, size_t features, const uint32_t *row)
{
	size_t step = FRAME_NUMBERS / support ? FRAME_NUMBERS / support : 1;
	uint32_t *feature = need(step, 4), *count = need(step, 4), *indptr = need(step + 1, 4);
	uint32_t *rows = need(step * support, 4);
	float *weight = need(step * support, 4);
	double *mass = need(step, 8);
	struct frame frame = {0};
	size_t b = 0, nnz = 0;

	for (size_t i = 0; i <= features; i++) {
		if (b > 0 && (i == features || b == step)) {
			set_tensor(&frame, "feature", U4, feature, 1, b);
			set_tensor(&frame, "indptr", U4, indptr, 1, b + 1);
			set_tensor(&frame, "row", U4, rows, 1, nnz);
			set_tensor(&frame, "weight", F4, weight, 1, nnz);
			set_tensor(&frame, "mass", F8, mass, 1, b);
			set_tensor(&frame, "count", U4, count, 1, b);
			write_frame(out, &frame);
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
	frame_free(&frame);
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

static void one_stream(struct reader *in, struct writer *out, struct frame *header)
{
	want_kind(in, header, "activations", NULL);
	size_t features = want_size(in, header, "features");
	if (features > FEATURES_MOST)
		bad(in, "%zu features: %d is the most", features, FEATURES_MOST);
	const char *layer = get_string(header, "layer", "");
	struct table table = {0};
	struct feature *all = read_activations(in, features, XXH64(layer, strlen(layer), 0), &table);

	size_t asked = find_field(header, "picked") ? want_size(in, header, "picked") : features;
	size_t kept = features - leave_out(all, features, &table);
	size_t dropped = asked > kept ? asked - kept : 0;
	if (dropped > 0)
		note("%s: layer %s: %zu of %zu features fire on fewer than %zu tokens and are left out",
			reader_name(in), layer, dropped, asked, min_count);
	set_string(header, "kind", "distributions");
	set_integer(header, "support", (int64_t)support);
	set_string(header, "select", (const char *[]){"coordinated", "top", "random"}[selection]);
	set_integer(header, "seed", (int64_t)seed);
	set_integer(header, "left_out", (int64_t)dropped);
	write_header(out, header);
	uint32_t *row = write_table(out, &table);
	write_features(out, all, features, row);
	write_end(out);

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
	(void)argc;
	char **operand = opt_parse(argv, options, "featdist [OPTION]... [FILE]",
		"Keeps a bounded weighted sample of the tokens that express each feature.", 1);
	struct reader *in = reader_open(operand[0]);
	struct writer *out = writer_open();
	struct frame header = {0};

	while (read_header(in, &header))
		one_stream(in, out, &header);
	writer_close(out);
	reader_close(in);
	frame_free(&header);
	free(operand);
	return 0;
}
