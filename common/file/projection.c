#include "file/projection.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/progress.h"
#include "file/array.h"
#include "file/axes.h"
#include "file/row_map.h"
#include "file/states.h"
#include "kernel/product.h"
#include "kernel/project.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct projection {
	const struct projection_options *how;
	struct states *states;		/* of the lift, ... */
	struct row_map rows;		/* ... its row of each token; {0}: token n is row n ... */
	struct array vocab;		/* ... and the ids of its rows, if they are given */
	struct archive *vocab_file;
	float *map, *bias;		/* (d, mapped), packed, and (mapped), or NULL */
	size_t d, mapped;		/* d: of the points it takes; 0: any */
	struct axes axes;		/* of (mapped); r = 0: none */
	char *space;			/* that --map leads to, or NULL */
	char *reference;		/* the name of the reference states, or NULL */
	size_t rowless, dropped;	/* tokens without a row, a finite state, of the lift */
	void *left[5];			/* what is left of a frame without them */
};

/* -- Reading ----------------------------------------------------------------------------------- */

/* SRC or DST of --fit; --axis is given for both, or for each. */
static struct states *open_one(const struct projection_options *how, size_t i)
{
	struct list one = {1, (const char **)&how->fit[i]};
	struct states_options of = how->states;

	if (of.axis.n == 2)
		of.axis = (struct list){1, of.axis.item + i};
	return states_open(&one, &of);
}

/* The numbers of a file, all finite, to free(). */
static float *read_numbers(const char *file, struct array *a)
{
	struct archive *f = array_open(file, a);
	float *x = array_floats(a);

	for (size_t i = 0, n = array_count(a); i < n; i++)
		if (!isfinite(x[i]))
			die("%s: number %zu is not finite", file, i);
	archive_close(f);
	return x;
}

/* -- Maps ------------------------------------------------------------------------------------- */

static void read_map(struct projection *p)
{
	const char *map = p->how->map, *bias = p->how->bias;
	struct array a;

	p->map = read_numbers(map, &a);
	if (a.rank != 2 || a.shape[0] == 0 || a.shape[1] == 0)
		die("%s: a map is a matrix (d, r)", map);
	p->d = a.shape[0];
	p->mapped = a.shape[1];
	uint64_t digest = XXH64(p->map, p->d * p->mapped * sizeof *p->map, 0);
	if (bias) {
		p->bias = read_numbers(bias, &a);
		if (array_count(&a) != p->mapped)
			die("%s: %zu numbers, where the map leads to %zu dimensions", bias,
				array_count(&a), p->mapped);
		digest = XXH64(p->bias, p->mapped * sizeof *p->bias, digest);
	}
	p->map = packed_matrix(p->map, p->d, p->mapped);
	p->space = p->how->space ? xasprintf("%s", p->how->space)
		: digest_name("map ", map, digest);
}

static void fit_map(struct projection *p, struct states *src, struct states *dst)
{
	const char *const *file = p->how->fit;
	size_t threads = (size_t)omp_get_max_threads();
	size_t d = states_d(src), e = states_d(dst), n, total = 0;
	float *x = xalloc(PROJECT_ROWS * d, sizeof *x), *y = xalloc(PROJECT_ROWS * e, sizeof *y);
	double *sum_x = xcalloc(d, 8), *sum_y = xcalloc(e, 8);
	double *xx = xcalloc(d * d, 8), *xy = xcalloc(d * e, 8);
	double *work = xalloc(PROJECT_ROWS * 2 * (d > e ? d : e), sizeof *work);

	memory_for_blas(threads);
	struct kept_tokens kept = kept_copy(&p->axes.kept);
	size_t gone = kept_finite(&kept, src) + kept_finite(&kept, dst);
	if (gone > 0)
		note("%zu pairs of states that are not finite are left out", gone);
	progress_begin(states_rows(src), "states to fit");
	struct states_pass from = {.states = src, .kept = &kept}, to = from;
	to.states = dst;
	for (; (n = states_next(&from, x, PROJECT_ROWS)) > 0; total += n) {
		states_next(&to, y, PROJECT_ROWS);
		project_add_moments(sum_x, xx, x, x, n, d, d, threads, work);
		project_add_moments(sum_y, NULL, y, y, n, e, e, threads, work);
		project_add_moments(NULL, xy, x, y, n, d, e, threads, work);
		progress_to(from.at);
	}
	progress_end();
	if (total == 0)
		die("%s: no rows to fit from", file[0]);
	p->d = d;
	p->mapped = e;
	p->map = xalloc(d * e, sizeof *p->map);
	p->bias = xalloc(e, sizeof *p->bias);
	if (!project_ridge(p->map, p->bias, xx, xy, sum_x, sum_y, total, d, e, p->how->ridge))
		die("%s: the states span fewer than %zu dimensions: raise --ridge", file[0], d);
	p->map = packed_matrix(p->map, d, e);
	kept_free(&kept);
	free(work);
	free(xy);
	free(xx);
	free(sum_y);
	free(sum_x);
	free(y);
	free(x);
}

/* What whitening and --dim need: read, or estimated from the reference. */
static void open_axes(struct projection *p, struct states *reference)
{
	const struct projection_options *how = p->how;

	if (reference && p->mapped > 0 && p->mapped != states_d(reference))
		die("%s: states of %zu dimensions, where the map leads to %zu",
			states_name(reference), states_d(reference), p->mapped);
	if (how->axes && reference && !how->space)
		axes_want(&p->axes, how->axes, reference);
	if (how->axes && p->states && p->mapped != p->axes.d)
		die("%s: axes of %zu dimensions, %s has states of %zu", how->axes, p->axes.d,
			states_name(p->states), p->mapped);
	if (how->axes && p->mapped > 0 && p->mapped != p->axes.d)
		die("%s: axes of %zu dimensions, where the map leads to %zu", how->axes, p->axes.d,
			p->mapped);
	if (!how->axes && (how->whiten || how->dims > 0))
		axes_estimate(&p->axes, reference);
	if (p->axes.r > 0)
		p->mapped = p->axes.d;
}

/* Which rows of the lift are the tokens', and what their ids are. */
static void open_rows(struct projection *p)
{
	const struct projection_options *how = p->how;
	size_t rows = states_rows(p->states);

	if (how->rows)
		p->rows = row_map_read(how->rows, rows, states_name(p->states));
	if (!how->lift_vocab)
		return;
	p->vocab_file = array_open(how->lift_vocab, &p->vocab);
	if (array_count(&p->vocab) != rows)
		die("%s: %zu vocabulary ids, where %s has %zu rows", how->lift_vocab,
			array_count(&p->vocab), states_name(p->states), rows);
}

/* Which of the reference states count, unless the axes are read. Whether those of a lift are tokens
 * the stream will tell. */
static void choose(struct projection *p, const struct states *reference)
{
	struct kept_options kept = p->how->kept;

	kept.estimates = true;
	if (!p->how->whiten && p->how->dims == 0 && !p->how->fit[0]) {
		if (kept.skip > 0 || kept.mask || kept.skip_ids)
			note("--skip, --mask and --skip-ids are for estimates, and nothing is "
				"estimated: all tokens stay");
		kept.skip = 0;
		kept.mask = kept.skip_ids = NULL;
	}
	if (p->how->axes)
		p->axes.kept.rows = states_rows(reference);
	else
		kept_open(&p->axes.kept, &kept, reference == p->states ? NULL : reference,
			states_name(reference), states_rows(reference), NULL);
}

struct projection *projection_open(const struct projection_options *how)
{
	struct projection *p = xcalloc(1, sizeof *p);
	struct states *reference = NULL;

	p->how = how;
	p->axes = (struct axes){.whiten = how->whiten, .dims = how->dims};
	if (how->axes)
		axes_read(&p->axes, how->axes);
	if (how->lift.n > 0) {
		reference = p->states = states_open(&how->lift, &how->states);
		p->mapped = states_d(reference);
		p->space = how->space ? xasprintf("%s", how->space) : NULL;
		open_rows(p);
		choose(p, reference);
	} else if (how->fit[0]) {
		struct states *src = open_one(how, 0);
		reference = open_one(how, 1);
		if (states_rows(src) != states_rows(reference))
			die("%s: %zu rows, %s has %zu", how->fit[0], states_rows(src), how->fit[1],
				states_rows(reference));
		if (p->axes.kept.words)
			die("%s: axes without %s: to fit without them, give --whiten and the "
				"options of refaxes in place of --axes", how->axes,
				p->axes.kept.words);
		choose(p, reference);
		states_settle(src, how->kept.context, how->kept.tokens || how->kept.mask);
		fit_map(p, src, reference);
		states_close(src);
	} else if (how->map) {
		read_map(p);
	}
	if (how->reference.n > 0) {
		reference = states_open(&how->reference, &how->states);
		choose(p, reference);
	}
	open_axes(p, reference);
	p->reference = p->axes.reference ? xasprintf("%s", p->axes.reference)
		: reference ? states_digest(reference) : NULL;
	if (reference && reference != p->states)
		states_close(reference);
	return p;
}

void projection_close(struct projection *p)
{
	if (p->states)
		states_close(p->states);
	axes_free(&p->axes);
	row_map_free(&p->rows);
	if (p->vocab_file)
		archive_close(p->vocab_file);
	if (p->rowless > 0)
		note("%zu tokens without a row are left out of the stream", p->rowless);
	if (p->dropped > 0)
		note("%zu tokens whose reference state is not finite are left out of the stream",
			p->dropped);
	for (size_t i = 0; i < sizeof p->left / sizeof *p->left; i++)
		free(p->left[i]);
	free(p->map);
	free(p->bias);
	free(p->space);
	free(p->reference);
	free(p);
}

/* -- The space --------------------------------------------------------------------------------- */

char *projection_space(const struct projection *p, const char *own)
{
	char size[40] = "", less[80] = "";
	const struct axes *a = &p->axes;
	const char *without = a->kept.words;
	bool there = !p->space && (p->states || p->how->fit[0]);	/* it is the reference's */
	const char *base = there ? p->reference : p->space ? p->space : own;
	const char *by = there ? NULL : p->reference, *length = p->how->unit ? ", unit" : "";

	if (a->r == 0)
		return xasprintf("%s%s", base, length);
	if (!a->whiten || a->r < a->d)
		snprintf(size, sizeof size, ", %zu dims", a->r);
	if (a->kept.skip > 0)
		snprintf(less, sizeof less, " without the first %zu of %zu", a->kept.skip,
			a->kept.context);
	return xasprintf("%s%s%s%s%s%s%s%s%s", base, a->whiten ? ", whitened" : "", size,
		by ? " by " : "", by ? by : "", less, without ? " without " : "",
		without ? without : "", length);
}

size_t projection_d(const struct projection *p)
{
	return p->axes.r ? p->axes.r : p->mapped;
}

/* -- Points ------------------------------------------------------------------------------------ */

static uint32_t row_of(const struct projection *p, uint32_t token)
{
	return p->rows.row ? p->rows.row[token] : token;
}

/* y (n, r) from n tokens and their points from `at` on; x, z: room for n rows of the widest; work:
 * project_affine()'s. */
static void project_rows(const struct projection *p, float *y, const uint32_t *token,
	const struct sm_tensor *point, size_t at, size_t n, size_t d, size_t r, float *x, float *z,
	float *work)
{
	if (p->states)
		for (size_t i = 0; i < n; i++)
			states_row(p->states, row_of(p, token[at + i]), x + i * d);
	else
		sm_to_float(x, (const char *)point->data + at * d * sm_dtype_size(point->dtype),
			point->dtype, n * d);
	if (p->map) {
		project_affine(z, x, p->map, NULL, p->bias, n, d, p->mapped, work);
		x = z;
		d = p->mapped;
	}
	if (p->axes.r > 0)
		project_affine(y, x, p->axes.map, p->axes.mean, NULL, n, d, r, work);
	else
		memcpy(y, x, n * r * sizeof *y);
	if (p->how->unit)
		project_unit_rows(y, n, r);
}

/* The entries of n tokens of activations, checked. */
static const uint32_t *want_entries(const struct sm_reader *in, const struct sm_frame *frame,
	size_t n, const uint32_t **feature, const float **value)
{
	size_t nnz = SM_ANY, ends = n + 1;
	const uint32_t *indptr = sm_want(in, frame, "indptr", SM_U4, &ends);

	*feature = sm_want(in, frame, "feature", SM_U4, &nnz);
	*value = sm_want(in, frame, "value", SM_F4, &nnz);
	for (size_t i = 0; i < n; i++)
		if (indptr[i] > indptr[i + 1])
			sm_bad(in, "indptr: entry %zu is above the next", i);
	if (indptr[0] != 0 || indptr[n] != nnz)
		sm_bad(in, "indptr: from %u to %u, where there are %zu entries", indptr[0],
			indptr[n], nnz);
	return indptr;
}

/* Takes the tokens without `stays` out of a frame of activations of n. */
static void take_out(struct projection *p, const struct sm_reader *in, struct sm_frame *frame,
	const uint32_t *token, size_t n, const uint8_t *stays)
{
	const uint32_t *feature, *indptr, *vocab = NULL;
	const float *value;
	size_t left = 0, at = 0;

	indptr = want_entries(in, frame, n, &feature, &value);
	if (sm_find_field(frame, "vocab"))
		vocab = sm_want(in, frame, "vocab", SM_U4, &n);
	for (size_t i = 0; i < 5; i++)
		p->left[i] = xrealloc(p->left[i], i < 3 ? n + 1 : indptr[n] + 1, 4);
	uint32_t *token_left = p->left[0], *vocab_left = p->left[1], *indptr_left = p->left[2];
	uint32_t *feature_left = p->left[3];
	float *value_left = p->left[4];
	indptr_left[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (!stays[i])
			continue;
		for (uint32_t k = indptr[i]; k < indptr[i + 1]; k++) {
			feature_left[at] = feature[k];
			value_left[at++] = value[k];
		}
		token_left[left] = token[i];
		vocab_left[left] = vocab ? vocab[i] : 0;
		indptr_left[++left] = (uint32_t)at;
	}
	sm_set_tensor(frame, "token", SM_U4, token_left, left);
	if (vocab)
		sm_set_tensor(frame, "vocab", SM_U4, vocab_left, left);
	sm_set_tensor(frame, "indptr", SM_U4, indptr_left, left + 1);
	sm_set_tensor(frame, "feature", SM_U4, feature_left, at);
	sm_set_tensor(frame, "value", SM_F4, value_left, at);
}

/* May this token stay? x: room for a state. */
static bool may_stay(struct projection *p, uint32_t token, float *x)
{
	uint32_t row = row_of(p, token);

	if (row == ROW_NONE) {
		p->rowless++;
		return false;
	}
	if (!p->how->kept.finite)
		return true;
	states_row(p->states, row, x);
	bool finite = states_finite(x, states_d(p->states));
	p->dropped += !finite;
	return finite;
}

/* Takes out the tokens that have no row in the lift, or no finite one: how many are left of n. */
static size_t drop_tokens(struct projection *p, const struct sm_reader *in, struct sm_frame *frame,
	size_t n)
{
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	uint8_t *stay = xalloc(n + 1, 1);
	float *x = xalloc(states_d(p->states), sizeof *x);
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		left += stay[i] = may_stay(p, token[i], x);
		if (!stay[i] && !sm_find_field(frame, "indptr"))
			sm_bad(in, "token %u has no %s in %s: for it to be left out refproj has to "
				"come before featdist", token[i], row_of(p, token[i]) == ROW_NONE
				? "row" : "finite state", states_name(p->states));
	}
	if (left < n)
		take_out(p, in, frame, token, n, stay);
	free(x);
	free(stay);
	return left;
}

/* Its ids are those of its rows. */
static void check_vocab(const struct projection *p, const struct sm_reader *in,
	const struct sm_frame *frame, const uint32_t *token, size_t n)
{
	if (n > 0 && !sm_find_field(frame, "vocab"))
		sm_bad(in, "no vocab, which --lift-vocab is compared with: act-dump --tokens "
			"carries it");
	const uint32_t *vocab = n > 0 ? sm_want(in, frame, "vocab", SM_U4, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		uint32_t row = row_of(p, token[i]);
		double id = sm_to_double(p->vocab.data, p->vocab.dtype, row);
		if (id != vocab[i])
			sm_bad(in, "token %u is %u of the vocabulary, where row %u of %s is %.0f: "
				"other text, or another tokenizer", token[i], vocab[i], row,
				p->how->lift_vocab, id);
	}
}

void projection_want(const struct projection *p, const struct sm_reader *in,
	const struct sm_frame *header)
{
	size_t tokens = sm_get_size(header, "tokens");

	if (!p->states)
		return;
	if (p->rows.row)
		row_map_want(&p->rows, sm_reader_name(in), header);
	else if (tokens > 0 && tokens != states_rows(p->states))
		sm_bad(in, "the states of %zu tokens were read, left out or not, where %s has %zu "
			"rows: a row has to be the same token in both%s", tokens,
			states_name(p->states), states_rows(p->states), states_ways(p->states));
	states_settle(p->states, p->how->kept.context,
		p->vocab.data || (tokens > 0 && !p->rows.row));
	if (p->axes.r > 0 && tokens == p->axes.rows && !p->rows.row)
		kept_compare(&p->axes.kept, sm_reader_name(in), header);
}

/* Every token that is left has a row: how many these are of n. */
static size_t want_rows(struct projection *p, const struct sm_reader *in, struct sm_frame *frame,
	const uint32_t *token, size_t n)
{
	size_t rows = p->rows.row ? p->rows.n : states_rows(p->states);

	for (size_t i = 0; i < n; i++)
		if (token[i] >= rows)
			sm_bad(in, "token %u, where %s has %zu rows", token[i],
				p->rows.row ? p->rows.name : states_name(p->states), rows);
	if (p->rows.row || p->how->kept.finite)
		n = drop_tokens(p, in, frame, n);
	if (p->vocab.data)
		check_vocab(p, in, frame, sm_want(in, frame, "token", SM_U4, &n), n);
	return n;
}

void projection_move(struct projection *p, const struct sm_reader *in, struct sm_frame *frame,
	float **y, size_t *room)
{
	size_t n = SM_ANY, d = p->states ? p->mapped : p->d ? p->d : SM_ANY;
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	const struct sm_tensor *point = p->states ? NULL
		: sm_want_floats(in, frame, "point", &n, &d);

	if (!p->map && p->axes.r > 0 && d != p->axes.d)
		sm_bad(in, "points of %zu dimensions, the reference states have %zu", d, p->axes.d);
	if (p->states) {
		n = want_rows(p, in, frame, token, n);
		token = sm_want(in, frame, "token", SM_U4, &n);
	}
	size_t r = projection_d(p) ? projection_d(p) : d, widest = d > p->mapped ? d : p->mapped;
	size_t rows = (n < PROJECT_ROWS ? n : PROJECT_ROWS) * widest;
	if (*room < n * r) {
		*y = xrealloc(*y, n * r, sizeof **y);
		*room = n * r;
	}
	size_t each = 2 * rows + (n > 0 ? product_rows_size(widest) : 0);	/* of a thread */
	float *work = xalloc((size_t)omp_get_max_threads() * sizeof *work, each);
	#pragma omp parallel for schedule(dynamic)
	for (size_t at = 0; at < n; at += PROJECT_ROWS) {
		float *x = work + (size_t)omp_get_thread_num() * each;
		project_rows(p, *y + at * r, token, point, at,
			n - at < PROJECT_ROWS ? n - at : PROJECT_ROWS, d, r, x, x + rows,
			x + 2 * rows);
	}
	free(work);
	for (size_t i = 0; i < n * r; i++)
		if (!isfinite((*y)[i]))
			sm_bad(in, "the point of token %u is not finite", token[i / r]);
	sm_set_tensor(frame, "point", SM_F4, *y, n, r);
	if (n > 0)
		progress_to((size_t)token[n - 1] + 1);
}
