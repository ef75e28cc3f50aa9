/* Hidden states and an SAE, or a delphi cache, to a stream of activations. */
#include "array.h"
#include "die.h"
#include "encode.h"
#include "frame.h"
#include "latents.h"
#include "opt.h"
#include "states.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 8, CHUNK = BLOCKS * ENCODE_TOKENS };	/* tokens of a frame */

static struct list hidden;
static const char *sae_file, *latents_folder, *layer, *model, *tokens_file;
static size_t context, skip;
static bool no_point;

static const struct opt options[] = {
	{"hidden", OPT_LIST, &hidden, "FILE", "hidden states (tokens, d); again for further shards; - is a .npy on stdin", 0, 0},
	{"sae", OPT_TEXT, &sae_file, "PATH", "the SAE: its file or folder", 0, 0},
	{"latents", OPT_TEXT, &latents_folder, "DIR", "a delphi cache of the layer, in place of an SAE", 0, 0},
	{"layer", OPT_TEXT, &layer, "L", "the layer's name; the SAE's folder unless given", 0, 0},
	{"model", OPT_TEXT, &model, "NAME", "the model's name, for the header", 0, 0},
	{"tokens", OPT_TEXT, &tokens_file, "FILE", "vocabulary ids of the tokens, carried as `vocab`", 0, 0},
	{"context", OPT_SIZE, &context, "N", "tokens of a sequence, for --skip", 0, UINT32_MAX},
	{"skip", OPT_SIZE, &skip, "K", "leave out the first K tokens of every sequence", 0, UINT32_MAX},
	{"no-point", OPT_FLAG, &no_point, NULL, "do not carry the hidden states", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* One frame's worth of tokens, and what they activate. */
struct chunk {
	size_t n;
	uint32_t token[CHUNK], vocab[CHUNK], indptr[CHUNK + 1];
	char *point;			/* (n, d) as stored ... */
	float *x;			/* ... and as floats */
	size_t nnz, room;
	uint32_t *feature;
	float *value;
};

/* What one block of tokens activates, and the workspace for it; grown when it is short. */
struct block {
	size_t hits, room;
	uint32_t indptr[ENCODE_TOKENS + 1], *feature, *scratch_token, *scratch_feature;
	float *value, *scratch_value, *workspace;
};

static void block_room(struct block *b, size_t room)
{
	b->room = room;
	b->feature = need_more(b->feature, room, sizeof *b->feature);
	b->value = need_more(b->value, room, sizeof *b->value);
	b->scratch_token = need_more(b->scratch_token, room, sizeof *b->scratch_token);
	b->scratch_feature = need_more(b->scratch_feature, room, sizeof *b->scratch_feature);
	b->scratch_value = need_more(b->scratch_value, room, sizeof *b->scratch_value);
}

static void block_free(struct block *b)
{
	free(b->feature);
	free(b->value);
	free(b->scratch_token);
	free(b->scratch_feature);
	free(b->scratch_value);
	free(b->workspace);
}

static void chunk_room(struct chunk *c, size_t room)
{
	if (room <= c->room)
		return;
	c->room = 2 * room;
	c->feature = need_more(c->feature, c->room, sizeof *c->feature);
	c->value = need_more(c->value, c->room, sizeof *c->value);
}

static void encode_chunk(struct chunk *c, struct block *block, const struct sae *sae)
{
	size_t blocks = (c->n + ENCODE_TOKENS - 1) / ENCODE_TOKENS;

	#pragma omp parallel for num_threads(threads) schedule(dynamic)
	for (size_t i = 0; i < blocks; i++) {
		struct block *b = &block[i];
		size_t at = i * ENCODE_TOKENS, n = c->n - at < ENCODE_TOKENS ? c->n - at : ENCODE_TOKENS;
		if (!b->workspace) {
			b->workspace = need(encode_workspace(sae), sizeof(float));
			block_room(b, 64 * ENCODE_TOKENS);
		}
		for (;;) {
			b->hits = encode(b->indptr, b->feature, b->value, b->room, c->x + at * sae->d, sae, n,
				b->workspace, b->scratch_token, b->scratch_feature, b->scratch_value);
			if (b->hits <= b->room)
				break;
			block_room(b, b->hits);
		}
	}
	c->nnz = 0;
	for (size_t i = 0; i < blocks; i++) {
		size_t at = i * ENCODE_TOKENS, n = c->n - at < ENCODE_TOKENS ? c->n - at : ENCODE_TOKENS;
		chunk_room(c, c->nnz + block[i].hits);
		memcpy(c->feature + c->nnz, block[i].feature, block[i].hits * sizeof *c->feature);
		memcpy(c->value + c->nnz, block[i].value, block[i].hits * sizeof *c->value);
		for (size_t t = 0; t <= n; t++)
			c->indptr[at + t] = (uint32_t)c->nnz + block[i].indptr[t];
		c->nnz += block[i].hits;
	}
}

static void add_hit(uint32_t feature, float value, void *chunk)
{
	struct chunk *c = chunk;

	chunk_room(c, c->nnz + 1);
	c->feature[c->nnz] = feature;
	c->value[c->nnz++] = value;
}

static void look_up_chunk(struct chunk *c, struct latents *latents)
{
	c->nnz = 0;
	c->indptr[0] = 0;
	for (size_t t = 0; t < c->n; t++) {
		latents_token(latents, c->token[t], add_hit, c);
		c->indptr[t + 1] = (uint32_t)c->nnz;
	}
}

static void check_finite(const struct chunk *c, size_t d, const char *name)
{
	for (size_t i = 0; i < c->n * d; i++)
		if (!isfinite(c->x[i]))
			die("%s: row %u holds a number that is not finite", name, c->token[i / d]);
}

/* The next tokens from *at on, without those that --skip leaves out; their states, where there are any. */
static bool next_chunk(struct chunk *c, size_t *at, size_t total, struct states *states,
	const struct array *vocab)
{
	size_t size = states ? states_d(states) * dtype_size(states_dtype(states)) : 0;
	const void *rows = NULL;

	for (c->n = 0; c->n < CHUNK && *at < total; ) {
		size_t n = CHUNK - c->n < total - *at ? CHUNK - c->n : total - *at;
		if (states)
			n = states_read(states, *at, n, &rows);
		for (size_t i = 0; i < n; i++) {
			size_t token = *at + i;
			if (context > 0 && token % context < skip)
				continue;
			if (vocab->data)
				c->vocab[c->n] = (uint32_t)to_double(vocab->data, vocab->dtype, token);
			if (states)
				memcpy(c->point + c->n * size, (const char *)rows + i * size, size);
			c->token[c->n++] = (uint32_t)token;
		}
		*at += n;
	}
	if (states) {
		to_float(c->x, c->point, states_dtype(states), c->n * states_d(states));
		check_finite(c, states_d(states), states_name(states));
	}
	return c->n > 0;
}

static void write_chunk(struct writer *out, const struct chunk *c, const struct states *states, bool vocab)
{
	struct frame frame = {0};

	set_tensor(&frame, "token", U4, c->token, 1, c->n);
	if (vocab)
		set_tensor(&frame, "vocab", U4, c->vocab, 1, c->n);
	if (states && !no_point)
		set_tensor(&frame, "point", states_dtype(states), c->point, 2, c->n, states_d(states));
	set_tensor(&frame, "indptr", U4, c->indptr, 1, c->n + 1);
	set_tensor(&frame, "feature", U4, c->feature, 1, c->nnz);
	set_tensor(&frame, "value", F4, c->value, 1, c->nnz);
	write_frame(out, &frame);
	frame_free(&frame);
}

static char *base_name(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t begin = n;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	return need_text("%.*s", (int)(n - begin), path + begin);
}

static void check_command_line(void)
{
	if (!sae_file == !latents_folder)
		misuse("one of --sae and --latents is needed");
	if (sae_file && hidden.n == 0)
		misuse("--sae needs --hidden: the states to encode");
	if (skip > 0 && context == 0)
		misuse("--skip needs --context: the length of a sequence");
	if (skip > 0 && skip >= context)
		misuse("--skip %zu leaves out whole sequences of %zu", skip, context);
}

int main(int argc, char **argv)
{
	(void)argc;
	opt_parse(argv, options, "act-dump --hidden FILE --sae PATH [OPTION]...",
		"Encodes hidden states with a sparse autoencoder: writes a stream of activations.", 0);
	check_command_line();
	openblas_set_num_threads(1);

	struct writer *out = writer_open();
	struct states *states = hidden.n > 0 ? states_open(&hidden) : NULL;
	struct sae *sae = sae_file ? sae_open(sae_file) : NULL;
	struct latents *latents = latents_folder ? latents_open(latents_folder) : NULL;
	struct array vocab = {0};
	struct archive *vocab_file = tokens_file ? array_open(tokens_file, &vocab) : NULL;
	size_t total = states ? states_rows(states) : latents_tokens(latents);
	size_t d = states ? states_d(states) : 0;

	if (sae && sae->d != d)
		die("%s: the SAE takes states of %zu dimensions, %s has %zu", sae_file, sae->d,
			states_name(states), d);
	if (latents && latents_tokens(latents) != total)
		die("%s: a cache of %zu tokens, %s has %zu", latents_folder, latents_tokens(latents),
			states_name(states), total);
	if (vocab_file && array_count(&vocab) != total)
		die("%s: %zu tokens, where there are %zu states", tokens_file, array_count(&vocab), total);
	if (latents && context == 0 && skip > 0)
		context = latents_context(latents);

	char *name = layer ? need_text("%s", layer) : sae ? need_text("%s", sae->name) : base_name(latents_folder);
	char *space = model ? need_text("layer %s of %s", name, model) : need_text("layer %s", name);
	struct frame header = {0};
	set_string(&header, "kind", "activations");
	if (model)
		set_string(&header, "model", model);
	set_string(&header, "layer", name);
	set_string(&header, "space", space);
	if (d > 0)
		set_integer(&header, "d", (int64_t)d);
	set_integer(&header, "features", (int64_t)(sae ? sae->features : latents_features(latents)));
	set_integer(&header, "tokens", (int64_t)total);
	set_string(&header, "arch", sae ? architecture_name(sae->architecture) : "delphi");
	if (sae)
		set_string(&header, "sae", sae_file);
	write_header(out, &header);

	struct chunk *chunk = need_zero(1, sizeof *chunk);
	struct block *block = need_zero(BLOCKS, sizeof *block);
	chunk->point = need(CHUNK * d, sizeof(float));
	chunk->x = need(CHUNK * d, sizeof(float));
	for (size_t at = 0; next_chunk(chunk, &at, total, states, &vocab); progress(at, total, "tokens")) {
		if (sae)
			encode_chunk(chunk, block, sae);
		else
			look_up_chunk(chunk, latents);
		write_chunk(out, chunk, states, vocab_file);
	}
	write_end(out);
	writer_close(out);

	for (size_t i = 0; i < BLOCKS; i++)
		block_free(&block[i]);
	free(block);
	free(chunk->point);
	free(chunk->x);
	free(chunk->feature);
	free(chunk->value);
	free(chunk);
	frame_free(&header);
	free(name);
	free(space);
	if (vocab_file)
		archive_close(vocab_file);
	if (latents)
		latents_close(latents);
	if (sae)
		sae_close(sae);
	if (states)
		states_close(states);
	free(hidden.item);
	return 0;
}
