/* Hidden states and an SAE, or a delphi cache, to a stream of activations. */
#include "base/die.h"
#include "base/opt.h"
#include "kernel/encode.h"
#include "stream/stream.h"
#include "file/array.h"
#include "file/delphi.h"
#include "file/states.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 8, CHUNK = BLOCKS * ENCODE_TOKENS };	/* tokens of a frame */

static struct list hidden;
static const char *sae_file, *latents_folder, *layer, *model, *tokens_file;
static size_t context, skip;
static bool no_point;

static const struct opt options[] = {
	{"hidden", OPT_LIST, &hidden, "FILE", "hidden states (tokens, d), again: shards; -: a .npy on stdin",
		0, 0},
	{"sae", OPT_TEXT, &sae_file, "PATH", "the SAE: its file or folder", 0, 0},
	{"latents", OPT_TEXT, &latents_folder, "DIR", "a delphi cache, in place of an SAE", 0, 0},
	{"layer", OPT_TEXT, &layer, "L", "the layer's name; the SAE's folder unless given", 0, 0},
	{"model", OPT_TEXT, &model, "NAME", "the model's name, for the header", 0, 0},
	{"tokens", OPT_TEXT, &tokens_file, "FILE", "vocabulary ids of the tokens, carried along", 0, 0},
	{"context", OPT_SIZE, &context, "N", "tokens of a sequence, for --skip", 0, UINT32_MAX},
	{"skip", OPT_SIZE, &skip, "K", "leave out the first K tokens of every sequence", 0, UINT32_MAX},
	{"no-point", OPT_FLAG, &no_point, NULL, "do not carry the hidden states", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What the command line names; NULL and {0}: not given. */
struct input {
	struct states *states;
	struct sae *sae;
	struct latents *latents;
	struct archive *vocab_file;
	struct array vocab;
	size_t tokens, d;
	char *layer;
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
	b->feature = xrealloc(b->feature, room, sizeof *b->feature);
	b->value = xrealloc(b->value, room, sizeof *b->value);
	b->scratch_token = xrealloc(b->scratch_token, room, sizeof *b->scratch_token);
	b->scratch_feature = xrealloc(b->scratch_feature, room, sizeof *b->scratch_feature);
	b->scratch_value = xrealloc(b->scratch_value, room, sizeof *b->scratch_value);
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
	c->feature = xrealloc(c->feature, c->room, sizeof *c->feature);
	c->value = xrealloc(c->value, c->room, sizeof *c->value);
}

static void chunk_free(struct chunk *c)
{
	free(c->point);
	free(c->x);
	free(c->feature);
	free(c->value);
	free(c);
}

static void encode_chunk(struct chunk *c, struct block *block, const struct sae *sae)
{
	size_t blocks = (c->n + ENCODE_TOKENS - 1) / ENCODE_TOKENS;

	#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < blocks; i++) {
		struct block *b = &block[i];
		size_t at = i * ENCODE_TOKENS, n = c->n - at < ENCODE_TOKENS ? c->n - at : ENCODE_TOKENS;
		if (!b->workspace) {
			b->workspace = xalloc(encode_workspace(sae), sizeof(float));
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

	if (!(value > 0))		/* such as one that f2 rounded to 0 */
		return;
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

static uint32_t vocab_id(const struct array *vocab, size_t token)
{
	double id = sm_to_double(vocab->data, vocab->dtype, token);

	if (!(id >= 0 && id <= UINT32_MAX))
		die("%s: token %zu has the id %g", tokens_file ? tokens_file : latents_folder, token, id);
	return (uint32_t)id;
}

/* The next tokens from *at on, without those that --skip leaves out; their states, where there are any. */
static bool next_chunk(struct chunk *c, size_t *at, const struct input *in)
{
	size_t size = in->states ? in->d * sm_dtype_size(states_dtype(in->states)) : 0;
	const void *rows = NULL;

	for (c->n = 0; c->n < CHUNK && *at < in->tokens; ) {
		size_t n = CHUNK - c->n < in->tokens - *at ? CHUNK - c->n : in->tokens - *at;
		if (in->states)
			n = states_read(in->states, *at, n, &rows);
		for (size_t i = 0; i < n; i++) {
			size_t token = *at + i;
			if (skip > 0 && token % context < skip)
				continue;
			if (in->vocab.data)
				c->vocab[c->n] = vocab_id(&in->vocab, token);
			if (in->states)
				memcpy(c->point + c->n * size, (const char *)rows + i * size, size);
			c->token[c->n++] = (uint32_t)token;
		}
		*at += n;
	}
	if (in->states)
		sm_to_float(c->x, c->point, states_dtype(in->states), c->n * in->d);
	for (size_t i = 0; in->states && i < c->n; i++)
		states_check(in->states, c->token[i], c->x + i * in->d);
	return c->n > 0;
}

static void write_chunk(struct sm_writer *out, const struct chunk *c, const struct input *in)
{
	struct sm_frame frame = {0};

	sm_set_tensor(&frame, "token", SM_U4, c->token, c->n);
	if (in->vocab.data)
		sm_set_tensor(&frame, "vocab", SM_U4, c->vocab, c->n);
	if (in->states && !no_point)
		sm_set_tensor(&frame, "point", states_dtype(in->states), c->point, c->n, in->d);
	sm_set_tensor(&frame, "indptr", SM_U4, c->indptr, c->n + 1);
	sm_set_tensor(&frame, "feature", SM_U4, c->feature, c->nnz);
	sm_set_tensor(&frame, "value", SM_F4, c->value, c->nnz);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

static char *base_name(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t begin = n;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	return xasprintf("%.*s", (int)(n - begin), path + begin);
}

static void check_command_line(void)
{
	if (!sae_file == !latents_folder)
		misuse("exactly one of --sae and --latents is needed");
	if (sae_file && hidden.n == 0)
		misuse("--sae needs --hidden: the states to encode");
	if (skip > 0 && context == 0 && !latents_folder)
		misuse("--skip needs --context: the length of a sequence");
	if (skip > 0 && context > 0 && skip >= context)
		misuse("--skip %zu leaves out whole sequences of %zu", skip, context);
}

static struct input open_input(void)
{
	struct input in = {0};

	if (hidden.n > 0) {
		in.states = states_open(&hidden);
		in.tokens = states_rows(in.states);
		in.d = states_d(in.states);
	}
	if (sae_file) {
		in.sae = sae_open(sae_file);
		if (in.sae->d != in.d)
			die("%s: the SAE takes states of %zu dimensions, %s has %zu", sae_file, in.sae->d,
				states_name(in.states), in.d);
	} else {
		in.latents = latents_open(latents_folder);
		in.vocab = *latents_vocab(in.latents);
		if (in.states && latents_tokens(in.latents) != in.tokens)
			die("%s: a cache of %zu tokens, %s has %zu", latents_folder,
				latents_tokens(in.latents), states_name(in.states), in.tokens);
		in.tokens = latents_tokens(in.latents);
		context = context ? context : latents_context(in.latents);
		if (skip > 0 && skip >= context)
			die("%s: --skip %zu leaves out whole sequences of %zu", latents_folder, skip,
				context);
	}
	if (tokens_file) {
		in.vocab_file = array_open(tokens_file, &in.vocab);
		if (array_count(&in.vocab) != in.tokens)
			die("%s: %zu tokens, where there are %zu states", tokens_file,
				array_count(&in.vocab), in.tokens);
	}
	in.layer = layer ? xasprintf("%s", layer) : in.sae ? xasprintf("%s", in.sae->name)
		: base_name(latents_folder);
	return in;
}

static void close_input(struct input *in)
{
	free(in->layer);
	if (in->vocab_file)
		archive_close(in->vocab_file);
	if (in->latents)
		latents_close(in->latents);
	if (in->sae)
		sae_close(in->sae);
	if (in->states)
		states_close(in->states);
}

static void write_input_header(struct sm_writer *out, const struct input *in)
{
	struct sm_frame header = {0};
	char *space = xasprintf("layer %s%s%s", in->layer, model ? " of " : "", model ? model : "");
	size_t features = in->sae ? in->sae->features : latents_features(in->latents);

	sm_set_string(&header, "kind", "activations");
	if (model)
		sm_set_string(&header, "model", model);
	sm_set_string(&header, "layer", in->layer);
	sm_set_string(&header, "space", space);
	if (in->states)
		sm_set_integer(&header, "d", (int64_t)in->d);
	sm_set_integer(&header, "features", (int64_t)features);
	sm_set_integer(&header, "tokens", (int64_t)in->tokens);
	sm_set_string(&header, "arch", in->sae ? architecture_name(in->sae->architecture) : "delphi");
	if (in->sae)
		sm_set_string(&header, "sae", sae_file);
	sm_write_header(out, &header);
	sm_frame_free(&header);
	free(space);
}

int main(int argc, char **argv)
{
	free(opt_parse(argc, argv, options, "act-dump --hidden FILE --sae PATH [OPTION]...",
		"Encodes hidden states with a sparse autoencoder: writes a stream of activations.", 0));
	check_command_line();
	openblas_set_num_threads(1);

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct input in = open_input();
	struct chunk *chunk = xcalloc(1, sizeof *chunk);
	struct block block[BLOCKS] = {0};
	chunk->point = xalloc(CHUNK * in.d, sizeof(float));
	chunk->x = xalloc(CHUNK * in.d, sizeof(float));
	chunk_room(chunk, CHUNK);

	write_input_header(out, &in);
	for (size_t at = 0; next_chunk(chunk, &at, &in); progress(at, in.tokens, "tokens")) {
		if (in.sae)
			encode_chunk(chunk, block, in.sae);
		else
			look_up_chunk(chunk, in.latents);
		write_chunk(out, chunk, &in);
	}
	sm_write_end(out);
	sm_writer_close(out);

	for (size_t i = 0; i < BLOCKS; i++)
		block_free(&block[i]);
	chunk_free(chunk);
	close_input(&in);
	free(hidden.item);
	return 0;
}
