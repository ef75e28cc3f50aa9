#include "file/tokens.h"

#include "base/die.h"
#include "kernel/bottom_k.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- All tokens -------------------------------------------------------------------------------- */

void tokens_open_states(struct tokens *t, const struct list *files,
	const struct states_options *how, size_t d)
{
	t->states = states_open(files, how);
	if (t->joined)
		states_join(t->states);
	t->flat = d != states_d(t->states) && states_flatten(t->states, d);
	t->n = states_rows(t->states);
	t->d = states_d(t->states);
}

void tokens_open_vocab(struct tokens *t, const char *file)
{
	t->vocab_file = array_open(file, &t->vocab);
	t->vocab_name = file;
}

void tokens_keep(struct tokens *t, const struct kept_options *o, const char *name)
{
	kept_open(&t->kept, o, t->states, name, t->n, t->vocab.data ? &t->vocab : NULL);
	if (t->flat)
		note("%s: its last two dimensions are one, of %zu", states_name(t->states), t->d);
}

void tokens_open_encoded(struct tokens *t, const struct list *files,
	const struct states_options *how, const struct kept_options *o, const char *sae_name,
	size_t d)
{
	tokens_open_states(t, files, how, d);
	if (t->d != d)
		die("%s: the SAE takes states of %zu dimensions, %s has %zu", sae_name, d,
			states_name(t->states), t->d);
	if (o->tokens)
		tokens_open_vocab(t, o->tokens);
	tokens_keep(t, o, states_name(t->states));
}

void tokens_close(struct tokens *t)
{
	kept_free(&t->kept);
	if (t->vocab_file)
		archive_close(t->vocab_file);
	if (t->states)
		states_close(t->states);
}

/* As --context says it, or ids of the shape (sequences, tokens); 0: it is not known. */
static size_t sequence_length(const struct tokens *t)
{
	bool sequences = t->vocab.rank == 2 && t->vocab.shape[0] > 1 && t->vocab.shape[1] > 1;

	return t->kept.context ? t->kept.context : sequences ? t->vocab.shape[1] : 0;
}

void tokens_write_header(const struct tokens *t, const struct feature_source *from,
	struct sm_writer *out)
{
	struct sm_frame header = {0};
	char *space = from->model ? xasprintf("layer %s of %s", from->layer, from->model)
		: xasprintf("layer %s", from->layer);

	sm_set_string(&header, "kind", "activations");
	if (from->model)
		sm_set_string(&header, "model", from->model);
	sm_set_string(&header, "layer", from->layer);
	sm_set_string(&header, "space", space);
	if (t->states)
		sm_set_integer(&header, "d", (int64_t)t->d);
	sm_set_integer(&header, "features", (int64_t)from->features);
	if (from->is_signed > 0)
		sm_set_integer(&header, "signed", (int64_t)from->is_signed);
	sm_set_integer(&header, "tokens", (int64_t)t->n);
	sm_set_integer(&header, "skip", (int64_t)t->kept.skip);
	if (sequence_length(t) > 0)
		sm_set_integer(&header, "context", (int64_t)sequence_length(t));
	if (t->kept.words)
		sm_set_string(&header, "without", t->kept.words);
	sm_set_string(&header, "arch", from->arch);
	if (from->sae)
		sm_set_string(&header, "sae", from->sae);
	if (from->encoder) {
		sm_set_string(&header, "encoder", from->encoder);
		sm_set_integer(&header, "centred", from->centred);
	}
	sm_write_header(out, &header);
	sm_frame_free(&header);
	free(space);
}

/* -- A chunk of them --------------------------------------------------------------------------- */

/* What the tokens of a block activate; its room grows when it is short. */
struct chunk_block {
	struct encoded out;
	size_t hits;
};

static void chunk_room(struct chunk *c, size_t room)
{
	if (room <= c->room)
		return;
	c->room = 2 * room;
	c->feature = xrealloc(c->feature, c->room, sizeof *c->feature);
	c->value = xrealloc(c->value, c->room, sizeof *c->value);
}

struct chunk *chunk_new(const struct tokens *t)
{
	struct chunk *c = xcalloc(1, sizeof *c);

	c->point = xalloc(CHUNK_TOKENS * t->d, sizeof(float));
	c->x = xalloc(CHUNK_TOKENS * t->d, sizeof(float));
	chunk_room(c, CHUNK_TOKENS);
	return c;
}

void chunk_free(struct chunk *c)
{
	for (size_t i = 0; c->block && i < CHUNK_BLOCKS; i++) {
		struct chunk_block *b = &c->block[i];
		free(b->out.indptr);
		free(b->out.feature);
		free(b->out.value);
		free(b->out.hit_token);
		free(b->out.hit_feature);
		free(b->out.hit_value);
	}
	free(c->block);
	free(c->workspace);
	free(c->point);
	free(c->x);
	free(c->feature);
	free(c->value);
	free(c);
}

static uint32_t vocab_id(const struct tokens *t, size_t token)
{
	double id = sm_to_double(t->vocab.data, t->vocab.dtype, token);

	if (!(id >= 0 && id <= UINT32_MAX))
		die("%s: token %zu has the id %g", t->vocab_name, token, id);
	return (uint32_t)id;
}

/* Takes the tokens up to *at, without a look at their numbers. */
static void gather(struct chunk *c, const struct tokens *t, size_t *at)
{
	size_t size = t->states ? t->d * sm_dtype_size(states_dtype(t->states)) : 0;
	const void *rows = NULL;

	for (c->n = 0; c->n < CHUNK_TOKENS && *at < t->n; ) {
		size_t n = CHUNK_TOKENS - c->n < t->n - *at ? CHUNK_TOKENS - c->n : t->n - *at;
		if (t->states)
			n = states_read(t->states, *at, n, &rows);
		for (size_t i = 0; i < n; i++) {
			size_t token = *at + i;
			if (!kept(&t->kept, token))
				continue;
			if (t->vocab.data)
				c->vocab[c->n] = vocab_id(t, token);
			if (t->states)
				memcpy(c->point + c->n * size, (const char *)rows + i * size, size);
			c->token[c->n++] = (uint32_t)token;
		}
		*at += n;
	}
	if (t->states)
		states_release(t->states);
}

/* Leaves out the tokens whose state is not finite. */
static void drop_nonfinite(struct chunk *c, const struct tokens *t)
{
	size_t size = t->d * sm_dtype_size(states_dtype(t->states)), n = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (!states_finite(c->x + i * t->d, t->d))
			continue;
		c->token[n] = c->token[i];
		c->vocab[n] = c->vocab[i];
		memmove(c->point + n * size, c->point + i * size, size);
		memmove(c->x + n++ * t->d, c->x + i * t->d, t->d * sizeof *c->x);
	}
	c->dropped += c->n - n;
	c->n = n;
}

bool chunk_read(struct chunk *c, const struct tokens *t, size_t *at)
{
	do {
		gather(c, t, at);
		if (t->states)
			sm_to_float(c->x, c->point, states_dtype(t->states), c->n * t->d);
		if (t->states && t->kept.finite)
			drop_nonfinite(c, t);
		for (size_t i = 0; t->states && i < c->n; i++)
			states_check(t->states, c->token[i], c->x + i * t->d);
	} while (c->n == 0 && *at < t->n);
	c->all += c->n;
	return c->n > 0;
}

void chunk_sample(struct chunk *c, const struct tokens *t, size_t n)
{
	size_t all = 0, seen = 0;

	for (size_t i = 0; i < t->n; i++)
		all += kept(&t->kept, i);
	n = n < CHUNK_TOKENS ? n : CHUNK_TOKENS;
	n = n < all ? n : all;
	c->n = 0;
	for (size_t i = 0, taken = 0; i < t->n && taken < n; i++) {
		double at = (double)taken + token_uniform(0, 0, (uint32_t)taken);
		if (!kept(&t->kept, i) || (double)seen++ < floor(at * (double)all / (double)n))
			continue;
		states_row(t->states, i, c->x + c->n * t->d);
		c->token[c->n] = (uint32_t)i;
		c->n += states_finite(c->x + c->n * t->d, t->d);
		taken++;
	}
	states_release(t->states);
}

void chunk_tell(const struct chunk *c)
{
	if (c->dropped > 0)
		note("%zu tokens whose state is not finite are left out", c->dropped);
	if (c->all == 0)
		note("no token is left: the stream is empty");
}

void chunk_write(const struct chunk *c, const struct tokens *t, bool points, struct sm_writer *out)
{
	struct sm_frame frame = {0};

	sm_set_tensor(&frame, "token", SM_U4, c->token, c->n);
	if (t->vocab.data)
		sm_set_tensor(&frame, "vocab", SM_U4, c->vocab, c->n);
	if (t->states && points)
		sm_set_tensor(&frame, "point", states_dtype(t->states), c->point, c->n, t->d);
	sm_set_tensor(&frame, "indptr", SM_U4, c->indptr, c->n + 1);
	sm_set_tensor(&frame, "feature", SM_U4, c->feature, c->nnz);
	sm_set_tensor(&frame, "value", SM_F4, c->value, c->nnz);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

/* -- What fires on them ------------------------------------------------------------------------ */

void chunk_append(struct chunk *c, uint32_t feature, float value)
{
	chunk_room(c, c->nnz + 1);
	c->feature[c->nnz] = feature;
	c->value[c->nnz++] = value;
}

static void block_room(struct encoded *e, size_t room)
{
	e->room = room;
	e->feature = xrealloc(e->feature, room, sizeof *e->feature);
	e->value = xrealloc(e->value, room, sizeof *e->value);
	e->hit_token = xrealloc(e->hit_token, room, sizeof *e->hit_token);
	e->hit_feature = xrealloc(e->hit_feature, room, sizeof *e->hit_feature);
	e->hit_value = xrealloc(e->hit_value, room, sizeof *e->hit_value);
}

static void encode_block(struct chunk_block *b, const float *x, const struct encoder *e, size_t n,
	float *workspace)
{
	if (!b->out.indptr) {
		b->out.indptr = xalloc(ENCODE_TOKENS + 1, sizeof *b->out.indptr);
		block_room(&b->out, 512 * n);
	}
	while ((b->hits = encode(&b->out, x, e, n, workspace)) > b->out.room)
		block_room(&b->out, 2 * b->hits);
}

static void append_block(struct chunk *c, const struct chunk_block *b, size_t at, size_t n)
{
	chunk_room(c, c->nnz + b->hits);
	memcpy(c->feature + c->nnz, b->out.feature, b->hits * sizeof *c->feature);
	memcpy(c->value + c->nnz, b->out.value, b->hits * sizeof *c->value);
	for (size_t t = 0; t <= n; t++)
		c->indptr[at + t] = (uint32_t)c->nnz + b->out.indptr[t];
	c->nnz += b->hits;
}

static size_t tokens_of_block(const struct chunk *c, size_t at, size_t most)
{
	return c->n - at < most ? c->n - at : most;
}

void chunk_encode(struct chunk *c, const struct encoder *e)
{
	size_t threads = (size_t)omp_get_max_threads(), each = encode_workspace(e);
	threads = threads < CHUNK_BLOCKS ? threads : CHUNK_BLOCKS;
	/* as many blocks for each thread, and the largest of such */
	size_t blocks = threads * ((CHUNK_TOKENS / ENCODE_TOKENS + threads - 1) / threads);
	size_t most = (CHUNK_TOKENS + blocks - 1) / blocks;

	if (!c->block) {
		c->block = xcalloc(CHUNK_BLOCKS, sizeof *c->block);
		c->workspace = xalloc(threads * sizeof *c->workspace, each);
	}
	#pragma omp parallel for schedule(dynamic) num_threads(threads)
	for (size_t at = 0; at < c->n; at += most)
		encode_block(&c->block[at / most], c->x + at * e->d, e,
			tokens_of_block(c, at, most),
			c->workspace + (size_t)omp_get_thread_num() * each);
	c->nnz = 0;
	for (size_t at = 0; at < c->n; at += most)
		append_block(c, &c->block[at / most], at, tokens_of_block(c, at, most));
	for (size_t i = 0; i < c->nnz; i++)
		if (!isfinite(c->value[i]))
			die("an activation of feature %u is not finite: the states or the weights "
				"are too large", c->feature[i]);
}

/* -- Which features, and their signs ---------------------------------------------------------- */

/* Of n entries of a token, negative ones become what `how` says; those of split follow the others.
 * How many are left. */
static size_t make_positive(uint32_t *feature, float *value, size_t n, enum signs how,
	size_t features, uint32_t *spare_feature, float *spare_value)
{
	size_t left = 0, moved = 0;

	for (size_t i = 0; i < n; i++) {
		if (value[i] < 0 && how == SIGNS_SPLIT) {
			spare_feature[moved] = feature[i] + (uint32_t)features;
			spare_value[moved++] = -value[i];
		} else if (value[i] > 0 || how == SIGNS_ABS) {
			feature[left] = feature[i];
			value[left++] = fabsf(value[i]);
		}
	}
	memcpy(feature + left, spare_feature, moved * sizeof *feature);
	memcpy(value + left, spare_value, moved * sizeof *value);
	return left + moved;
}

void feature_range(size_t range[2], const char *text, const char *name, size_t n)
{
	int end = 0;

	range[0] = 0;
	range[1] = n;
	if (text && (sscanf(text, "%zu:%zu%n", &range[0], &range[1], &end) != 2 || text[end]
			|| range[0] >= range[1]))
		misuse("--features %s: it is A:B, A below B", text);
	if (range[1] > n)
		die("--features %s: %s has %zu", text, name, n);
}

void chunk_features(struct chunk *c, size_t from, size_t to)
{
	size_t at = 0, k = 0;

	for (size_t t = 0; t < c->n; t++) {
		for (; k < c->indptr[t + 1]; k++)
			if (c->feature[k] >= from && c->feature[k] < to) {
				c->feature[at] = c->feature[k];
				c->value[at++] = c->value[k];
			}
		c->indptr[t + 1] = (uint32_t)at;
	}
	c->nnz = at;
}

size_t chunk_signs(struct chunk *c, enum signs how, size_t features)
{
	size_t negative = 0, at = 0, from = 0;

	for (size_t i = 0; i < c->nnz; i++)
		negative += c->value[i] < 0;
	if (negative == 0)
		return 0;
	uint32_t *spare_feature = xalloc(c->nnz, sizeof *spare_feature);
	float *spare_value = xalloc(c->nnz, sizeof *spare_value);
	for (size_t t = 0; t < c->n; t++) {
		size_t n = c->indptr[t + 1] - from;
		memmove(c->feature + at, c->feature + from, n * sizeof *c->feature);
		memmove(c->value + at, c->value + from, n * sizeof *c->value);
		from += n;
		at += make_positive(c->feature + at, c->value + at, n, how, features,
			spare_feature, spare_value);
		c->indptr[t + 1] = (uint32_t)at;
	}
	c->nnz = at;
	free(spare_feature);
	free(spare_value);
	return negative;
}
