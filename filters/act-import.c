/* Ready-made activations, of a delphi cache, to a stream of activations. */
#include "base/die.h"
#include "base/opt.h"
#include "base/progress.h"
#include "stream/stream.h"
#include "file/delphi.h"
#include "file/tokens.h"

#include <stdlib.h>

static struct list hidden;
static const char *layer, *model;
static struct kept_options which;
static bool no_point;

static const struct opt options[] = {
	{"hidden", OPT_LIST, &hidden, "FILE",
		"carry the hidden states (tokens, d) along; repeat for shards", 0, 0},
	{"layer", OPT_TEXT, &layer, "L",
		"name of the layer; by default the name of the folder", 0, 0},
	{"model", OPT_TEXT, &model, "NAME", "name of the model, for the header", 0, 0},
	OPT_KEPT(&which),
	{"no-point", OPT_FLAG, &no_point, NULL, "do not carry the hidden states", 0, 0},
	OPT_PROGRESS, OPT_END
};

static struct tokens open_tokens(const char *folder, const struct delphi *cache)
{
	struct tokens t = {
		.n = delphi_tokens(cache),
		.vocab = *delphi_vocab(cache), .vocab_name = folder,
	};

	which.context = which.context ? which.context : delphi_context(cache);
	if (which.skip > 0 && which.skip >= which.context)
		die("%s: --skip %zu leaves out whole sequences of %zu", folder, which.skip,
			which.context);
	if (hidden.n > 0)
		tokens_open_states(&t, &hidden, 0);
	if (t.n != delphi_tokens(cache))
		die("%s: a cache of %zu tokens, %s has %zu", folder, delphi_tokens(cache),
			states_name(t.states), t.n);
	if (which.tokens)
		tokens_open_vocab(&t, which.tokens);
	tokens_keep(&t, &which, folder);
	return t;
}

static void append(uint32_t feature, float value, void *chunk)
{
	if (value > 0)			/* f2 rounds some to 0 */
		chunk_append(chunk, feature, value);
}

/* What the cache holds of the chunk's tokens. */
static void look_up(struct chunk *c, struct delphi *cache)
{
	c->nnz = 0;
	c->indptr[0] = 0;
	for (size_t t = 0; t < c->n; t++) {
		delphi_token(cache, c->token[t], append, c);
		c->indptr[t + 1] = (uint32_t)c->nnz;
	}
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "act-import [OPTION]... DIR",
		"Writes the activations of a delphi cache in the folder DIR as a stream.", 1);
	if (!operand[0])
		misuse("the folder of a cache is needed");
	if (which.skip > 0 && which.context > 0 && which.skip >= which.context)
		misuse("--skip %zu leaves out whole sequences of %zu", which.skip, which.context);

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct delphi *cache = delphi_open(operand[0]);
	struct tokens tokens = open_tokens(operand[0], cache);
	struct chunk *chunk = chunk_new(&tokens);
	char *folder = array_base_name(operand[0]);

	tokens_write_header(&tokens, &(struct feature_source){
		.model = model, .layer = layer ? layer : folder,
		.features = delphi_features(cache), .arch = "delphi"}, out);
	progress_begin(tokens.n, "tokens");
	for (size_t at = 0; chunk_read(chunk, &tokens, &at); progress_to(at)) {
		look_up(chunk, cache);
		chunk_write(chunk, &tokens, !no_point, out);
	}
	progress_end();
	chunk_tell(chunk);
	sm_write_end(out);
	sm_writer_close(out);
	free(folder);
	chunk_free(chunk);
	tokens_close(&tokens);
	delphi_close(cache);
	free(hidden.item);
	free(operand);
	return 0;
}
