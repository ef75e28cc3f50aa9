#include "stream/context_finder.h"

#include "base/die.h"
#include "kernel/thirds.h"
#include "stream/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX		/* in place of a place or a slot */

/* Tokens have places, from 0 on in the order of the stream. */
struct firing {
	uint32_t place;
	float value;
};

struct feature {
	uint32_t count;
	float max, candidate_value;
	double sum;
	uint32_t candidate;		/* a place that is a peak if nothing larger follows soon */
	uint32_t recents, recent_room, tops, lowers, lower_room;
	struct firing *recent;		/* ascending; what a window or a peak may still need */
	struct kept *top;		/* the highest peaks, descending; room is a power of 2 */
	struct kept *lower;		/* of the others, those that may be wanted, ascending */
};

/* The windows of peaks that are kept; a slot that was let go is used again. */
struct windows {
	size_t width, slots, room, spares;
	uint32_t *n, *at;		/* (slots): tokens; place of the peak among them */
	uint32_t *id;			/* (slots, width) */
	float *value;			/* (slots, width) */
	uint32_t *spare;		/* (room) */
};

/* The features whose candidate is one place. */
struct waiting {
	size_t n, room;
	uint32_t *feature;
};

struct context_finder {
	struct context_options how;
	size_t features, negative;
	size_t reach;			/* before + after: peaks are farther from each other */
	size_t tokens, run;		/* so far; where those that follow one another began */
	int64_t last;			/* number of the last; -1 before the first */
	size_t ring;			/* places whose id is known */
	uint32_t *id;			/* (ring), by place */
	struct waiting *waiting;	/* (reach + 1), by place */
	struct feature *feature;	/* (features) */
	struct windows windows;
};

/* -- Windows ---------------------------------------------------------------------------------- */

static uint32_t slot_for(struct windows *w)
{
	if (w->spares > 0)
		return w->spare[--w->spares];
	if (w->slots == w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->n = xrealloc(w->n, w->room, sizeof *w->n);
		w->at = xrealloc(w->at, w->room, sizeof *w->at);
		w->spare = xrealloc(w->spare, w->room, sizeof *w->spare);
		w->id = xrealloc(w->id, w->room * sizeof *w->id, w->width);
		w->value = xrealloc(w->value, w->room * sizeof *w->value, w->width);
	}
	return (uint32_t)w->slots++;
}

static void let_go(struct windows *w, const struct kept *x)
{
	if (x->slot != NONE)
		w->spare[w->spares++] = x->slot;
}

/* Keeps the ids around a place and the feature's activations on them. */
static uint32_t take_window(struct context_finder *f, const struct feature *x, size_t place)
{
	struct windows *w = &f->windows;
	uint32_t slot = slot_for(w);
	size_t from = place - f->run > f->how.before ? place - f->how.before : f->run;
	size_t to = f->tokens - place > f->how.after ? place + f->how.after + 1 : f->tokens;
	uint32_t *id = w->id + slot * w->width;
	float *value = w->value + slot * w->width;

	w->n[slot] = (uint32_t)(to - from);
	w->at[slot] = (uint32_t)(place - from);
	for (size_t p = from; p < to; p++) {
		id[p - from] = f->id[p % f->ring];
		value[p - from] = 0;
	}
	for (size_t i = x->recents; i-- > 0 && x->recent[i].place >= from; )
		if (x->recent[i].place < to)
			value[x->recent[i].place - from] = x->recent[i].value;
	return slot;
}

/* -- Peaks that are kept ---------------------------------------------------------------------- */

static void remove_lower(struct context_finder *f, struct feature *x, size_t i)
{
	let_go(&f->windows, &x->lower[i]);
	memmove(x->lower + i, x->lower + i + 1, (--x->lowers - i) * sizeof *x->lower);
}

/* Drops what no maximum that may come needs, and doubles the room where that is little. */
static void room_for_lower(struct context_finder *f, struct feature *x)
{
	for (size_t i = x->lowers; i-- > 0; )
		if (!third_needed(x->lower, x->lowers, &x->lower[i], x->max, f->how.lower))
			remove_lower(f, x, i);
	if (x->lowers >= x->lower_room / 4 * 3) {
		x->lower_room = x->lower_room ? 2 * x->lower_room : 8;
		x->lower = xrealloc(x->lower, x->lower_room, sizeof *x->lower);
	}
}

/* A peak at a place, or one that fell out of the top and has its window already. */
static void offer_lower(struct context_finder *f, struct feature *x, struct kept peak, size_t place)
{
	if (f->how.lower == 0 || !third_needed(x->lower, x->lowers, &peak, x->max, f->how.lower)) {
		let_go(&f->windows, &peak);
		return;
	}
	if (peak.slot == NONE)
		peak.slot = take_window(f, x, place);
	if (x->lowers == x->lower_room)
		room_for_lower(f, x);
	size_t i = third_place(x->lower, x->lowers, peak.activation);
	memmove(x->lower + i + 1, x->lower + i, (x->lowers++ - i) * sizeof *x->lower);
	x->lower[i] = peak;
}

static void insert_top(struct feature *x, struct kept peak)
{
	size_t i = x->tops++;

	for (; i > 0 && x->top[i - 1].activation < peak.activation; i--)
		x->top[i] = x->top[i - 1];
	x->top[i] = peak;
}

static void offer(struct context_finder *f, struct feature *x, size_t place)
{
	uint32_t token = (uint32_t)((size_t)f->last - (f->tokens - 1 - place));
	struct kept peak = {token_uniform(f->how.seed, 0, token), token, NONE,
		x->candidate_value};
	size_t k = f->how.top;

	if (x->tops == k && !(peak.activation > x->top[k - 1].activation)) {
		offer_lower(f, x, peak, place);
		return;
	}
	if (x->tops < k && (x->tops & (x->tops - 1)) == 0)
		x->top = xrealloc(x->top, x->tops ? 2 * x->tops : 1, sizeof *x->top);
	peak.slot = take_window(f, x, place);
	if (x->tops == k)
		offer_lower(f, x, x->top[--x->tops], place);
	insert_top(x, peak);
}

/* -- Peaks that are found --------------------------------------------------------------------- */

/* The candidates of a place are peaks: nothing within reach was larger. */
static void settle(struct context_finder *f, size_t place)
{
	struct waiting *w = &f->waiting[place % (f->reach + 1)];

	for (size_t i = 0; i < w->n; i++)
		if (f->feature[w->feature[i]].candidate == place)
			offer(f, &f->feature[w->feature[i]], place);
	w->n = 0;
}

/* The tokens that follow one another end. */
static void end_run(struct context_finder *f)
{
	size_t n = f->tokens - f->run, late = n > f->reach + 1 ? f->reach + 1 : n;

	for (size_t place = f->tokens - late; place < f->tokens; place++)
		settle(f, place);
	f->run = f->tokens;
}

static void wait_for(struct context_finder *f, uint32_t feature, size_t place)
{
	struct waiting *w = &f->waiting[place % (f->reach + 1)];

	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->feature = xrealloc(w->feature, w->room, sizeof *w->feature);
	}
	w->feature[w->n++] = feature;
	f->feature[feature].candidate = (uint32_t)place;
}

/* Appends a firing; those that nothing needs any more make room for it. */
static void remember(struct context_finder *f, struct feature *x, size_t place, float value)
{
	if (x->recents == x->recent_room) {
		size_t old = 0, span = f->reach + f->how.before;
		size_t first = place - f->run > span ? place - span : f->run;
		while (old < x->recents && x->recent[old].place < first)
			old++;
		if (old > 0)
			memmove(x->recent, x->recent + old, (x->recents -= (uint32_t)old)
				* sizeof *x->recent);
		if (x->recents >= x->recent_room / 2) {
			x->recent_room = x->recent_room ? 2 * x->recent_room : 4;
			x->recent = xrealloc(x->recent, x->recent_room, sizeof *x->recent);
		}
	}
	x->recent[x->recents++] = (struct firing){(uint32_t)place, value};
}

/* Was there as much within reach before the place? */
static bool exceeded(const struct context_finder *f, const struct feature *x, size_t place,
	float value)
{
	size_t first = place - f->run > f->reach ? place - f->reach : f->run;

	for (size_t i = x->recents; i-- > 0 && x->recent[i].place >= first; )
		if (x->recent[i].value >= value)
			return true;
	return false;
}

static void take_entry(struct context_finder *f, struct sm_reader *in, uint32_t token,
	uint32_t feature, float value)
{
	size_t place = f->tokens;

	if (feature >= f->features)
		sm_bad(in, "feature %u of %zu", feature, f->features);
	if (!isfinite(value))
		sm_bad(in, "the activation of feature %u on token %u is not finite", feature,
			token);
	f->negative += value < 0;
	if (!(value > 0))
		return;
	struct feature *x = &f->feature[feature];
	if (x->count > 0 && x->recent[x->recents - 1].place == place)
		sm_bad(in, "feature %u stands twice on token %u", feature, token);
	x->count++;
	x->sum += (double)value;
	x->max = value > x->max ? value : x->max;
	if (!exceeded(f, x, place, value)) {
		x->candidate_value = value;	/* in place of another, which is smaller */
		wait_for(f, feature, place);
	}
	remember(f, x, place, value);
}

size_t context_finder_add(struct context_finder *f, struct sm_reader *in,
	const struct sm_frame *frame, const uint32_t *id)
{
	size_t n = SM_ANY, nnz = SM_ANY;
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	const uint32_t *feature = sm_want(in, frame, "feature", SM_U4, &nnz);
	const float *value = sm_want(in, frame, "value", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, frame, "indptr", &n, nnz);

	for (size_t t = 0; t < n; t++) {
		if (token[t] <= f->last)
			sm_bad(in, "token %u after token %lld: tokens have to ascend", token[t],
				(long long)f->last);
		if (f->tokens == NONE)
			sm_bad(in, "more than %u tokens", NONE);
		if (token[t] != f->last + 1 || (f->how.context && token[t] % f->how.context == 0))
			end_run(f);
		else if (f->tokens - f->run > f->reach)
			settle(f, f->tokens - f->reach - 1);
		f->id[f->tokens % f->ring] = id[t];
		for (size_t k = indptr[t]; k < indptr[t + 1]; k++)
			take_entry(f, in, token[t], feature[k], value[k]);
		f->last = token[t];
		f->tokens++;
	}
	return (size_t)(f->last + 1);
}

/* -- The whole -------------------------------------------------------------------------------- */

struct context_finder *context_finder_open(size_t features, struct context_options how)
{
	struct context_finder *f = xalloc(1, sizeof *f);

	*f = (struct context_finder){.how = how, .features = features, .last = -1,
		.reach = how.before + how.after,
		.feature = xcalloc(features, sizeof *f->feature),
		.windows = {.width = how.before + 1 + how.after}};
	f->ring = f->reach + how.before + 1;
	f->id = xalloc(f->ring, sizeof *f->id);
	f->waiting = xcalloc(f->reach + 1, sizeof *f->waiting);
	return f;
}

size_t context_finder_end(struct context_finder *f, const struct sm_reader *in)
{
	end_run(f);
	want_no_negative(in, f->negative);
	return f->tokens;
}

static int by_peak(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->activation != y->activation ? (x->activation < y->activation) * 2 - 1
		: (x->token > y->token) - (x->token < y->token);
}

static void add_context(const struct context_finder *f, size_t range, const struct kept *x,
	struct contexts *to)
{
	const struct windows *w = &f->windows;

	contexts_add(to, range, x->token, x->activation, w->at[x->slot], w->n[x->slot],
		w->id + x->slot * w->width, w->value + x->slot * w->width);
}

void context_finder_take(struct context_finder *f, uint32_t feature, struct contexts *to)
{
	const struct feature *x = &f->feature[feature];

	if (x->count == 0)
		return;
	contexts_add_feature(to, feature, x->count, (float)(x->count / (double)f->tokens),
		(float)(x->sum / x->count), x->max);
	for (size_t k = 0; k < x->tops; k++)
		add_context(f, 0, &x->top[k], to);
	size_t *place = xalloc(f->how.lower, sizeof *place);
	struct kept *chosen = xalloc(f->how.lower, sizeof *chosen);
	for (int third = 1; third < CONTEXT_RANGES; third++) {
		size_t n = third_smallest(place, x->lower, x->lowers, third, x->max, f->how.lower);
		for (size_t k = 0; k < n; k++)
			chosen[k] = x->lower[place[k]];
		qsort(chosen, n, sizeof *chosen, by_peak);
		for (size_t k = 0; k < n; k++)
			add_context(f, (size_t)third, &chosen[k], to);
	}
	free(place);
	free(chosen);
}

void context_finder_close(struct context_finder *f)
{
	struct windows *w = &f->windows;

	for (size_t i = 0; i < f->features; i++) {
		free(f->feature[i].recent);
		free(f->feature[i].top);
		free(f->feature[i].lower);
	}
	for (size_t i = 0; i <= f->reach; i++)
		free(f->waiting[i].feature);
	free(w->n);
	free(w->at);
	free(w->spare);
	free(w->id);
	free(w->value);
	free(f->feature);
	free(f->waiting);
	free(f->id);
	free(f);
}
