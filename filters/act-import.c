/* Ready-made activations to a stream of activations. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "base/progress.h"
#include "stream/stream.h"
#include "file/delphi.h"
#include "file/folder.h"
#include "file/ready.h"
#include "file/tokens.h"

#include <stdlib.h>
#include <string.h>

enum { UNDECLARED = SIGNS_POSITIVE + 1 };

static struct list hidden;
static const char *layer, *model, *indices, *features;
static struct states_options how;
static struct kept_options which;
static size_t width;
static int signs = UNDECLARED;
static bool no_point;

static const struct opt options[] = {
	{"indices", OPT_TEXT, &indices, "FILE",
		"PATH is the values (tokens, k), FILE the features that they are of", 0, 0},
	{"width", OPT_SIZE, &width, "F",
		"the number of features, where the files do not say it", 1, INT32_MAX},
	{"signed", OPT_CHOICE, &signs, "split|abs|positive",
		"features with negative activations: two features each, |a|, or a > 0", 0, 0},
	{"features", OPT_TEXT, &features, "A:B", "only the features A to B-1", 0, 0},
	{"hidden", OPT_LIST, &hidden, "FILE",
		"carry the hidden states (tokens, d) along; repeat for shards, or a pattern", 0,
		0},
	OPT_STATES(&how),
	{"layer", OPT_TEXT, &layer, "L",
		"name of the layer; by default the name of the folder or file", 0, 0},
	{"model", OPT_TEXT, &model, "NAME", "name of the model, for the header", 0, 0},
	OPT_KEPT(&which),
	{"no-point", OPT_FLAG, &no_point, NULL, "do not carry the hidden states", 0, 0},
	OPT_PROGRESS, OPT_END
};

static void check_command_line(const struct list *files)
{
	if (files->n == 0)
		misuse("ready-made activations are needed: a file, or the folder of a cache");
	if (which.skip > 0 && which.context > 0 && which.skip >= which.context)
		misuse("--skip %zu leaves out whole sequences of %zu", which.skip, which.context);
	for (size_t i = 0; i < hidden.n; i++)
		if (is_stdin(files->item[0]) && is_stdin(hidden.item[i]))
			misuse("stdin is either the activations or the hidden states");
	if (!layer && is_stdin(files->item[0]))
		misuse("--layer is needed: what is on stdin has no name");
}

/* States of (heads, numbers) are one where that makes as many as there are tokens. */
static void open_states(struct tokens *t, struct ready *r)
{
	struct delphi *cache = ready_cache(r);
	size_t n = t->n;

	tokens_open_states(t, &hidden, &how, 0);
	if (t->n > n && n > 0 && t->n % n == 0 && states_flatten(t->states, t->d * (t->n / n))) {
		t->flat = true;
		t->n = states_rows(t->states);
		t->d = states_d(t->states);
	}
	which.counted = t->n == n;
	if (t->n != n && !(cache && delphi_extend(cache, t->n)))
		die("%s: %s of %zu tokens, %s has %zu%s", ready_name(r),
			cache ? "a cache" : "activations", n, states_name(t->states), t->n,
			states_ways(t->states));
}

static struct tokens open_tokens(struct ready *r)
{
	struct delphi *cache = ready_cache(r);
	struct tokens t = {.n = ready_tokens(r), .vocab_name = ready_name(r)};

	if (cache)
		t.vocab = *delphi_vocab(cache);
	which.context = which.context ? which.context : ready_context(r);
	if (!t.vocab.data)
		kept_check(&which);
	if (which.skip > 0 && which.skip >= which.context)
		die("%s: --skip %zu leaves out whole sequences of %zu", ready_name(r), which.skip,
			which.context);
	if (hidden.n > 0)
		open_states(&t, r);
	if (which.tokens)
		tokens_open_vocab(&t, which.tokens);
	tokens_keep(&t, &which, ready_name(r));
	return t;
}

/* Of a path its last part, without the ending of a file and without a key; to free(). */
static char *layer_of(const char *path)
{
	static const char *const ending[] = {".npy", ".npz", ".safetensors", ".pt", ".pth"};
	const char *key;
	char *file = array_path(path, &key), *name = array_base_name(file);
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof ending / sizeof *ending && !is_folder(file); i++) {
		size_t m = strlen(ending[i]);
		if (n > m && strcmp(name + n - m, ending[i]) == 0) {
			name[n - m] = '\0';
			break;
		}
	}
	free(file);
	return name;
}

static void write_header(const struct tokens *t, const struct ready *r, const char *path,
	struct sm_writer *out)
{
	size_t n = ready_features(r);
	char *name = layer_of(path);

	tokens_write_header(t, &(struct feature_source){
		.model = model, .layer = layer ? layer : name,
		.features = signs == SIGNS_SPLIT ? 2 * n : n,
		.is_signed = signs == SIGNS_SPLIT ? n : 0,
		.arch = ready_cache(r) ? "delphi" : "ready-made"}, out);
	free(name);
}

static void append(uint32_t feature, float value, void *chunk)
{
	if (value != 0)			/* f2 rounds some to 0 */
		chunk_append(chunk, feature, value);
}

/* What the files hold of the chunk's tokens. */
static void look_up(struct chunk *c, struct ready *r)
{
	c->nnz = 0;
	c->indptr[0] = 0;
	for (size_t t = 0; t < c->n; t++) {
		ready_token(r, c->token[t], append, c);
		c->indptr[t + 1] = (uint32_t)c->nnz;
	}
}

/* Writes all; how many activations are negative. Where nobody says what that means, nothing is
 * written from the first on. */
static size_t write_all(const struct tokens *t, struct ready *r, struct sm_writer *out)
{
	struct chunk *chunk = chunk_new(t);
	size_t negative = 0, range[2];

	feature_range(range, features, ready_name(r), ready_features(r));
	progress_begin(t->n, "tokens");
	for (size_t at = 0; chunk_read(chunk, t, &at); progress_to(at)) {
		look_up(chunk, r);
		if (features)
			chunk_features(chunk, range[0], range[1]);
		negative += chunk_signs(chunk, signs == UNDECLARED ? SIGNS_ABS : (enum signs)signs,
			ready_features(r));
		if (negative == 0 || signs != UNDECLARED)
			chunk_write(chunk, t, !no_point, out);
	}
	ready_end(r);
	progress_end();
	chunk_tell(chunk);
	chunk_free(chunk);
	return negative;
}

/* What was done with negative activations; ends the program where nobody said it. */
static void tell(size_t negative, bool declared, const struct ready *r)
{
	if (negative == 0)
		return;
	if (signs == UNDECLARED)
		die("%s: %zu activations are negative: --signed split|abs|positive says what they "
			"mean", ready_name(r), negative);
	if (signs == SIGNS_POSITIVE)
		note("%zu negative activations are left out", negative);
	else if (!declared)
		note("%zu activations are negative: each feature is two (--signed)", negative);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "act-import [OPTION]... PATH...",
		"Writes ready-made activations as a stream: a delphi cache, an array (tokens, "
		"features),\na sparse matrix of scipy, or (tokens, k) indices and values.",
		1 << 16);
	struct ready_options from = {.values.item = (const char **)operand, .indices = indices,
		.context = which.context, .features = width};

	while (operand[from.values.n])
		from.values.n++;
	check_command_line(&from.values);

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct ready *ready = ready_open(&from);
	bool declared = signs != UNDECLARED;
	if (!declared && ready_cache(ready) && delphi_negative(ready_cache(ready)))
		signs = SIGNS_SPLIT;
	struct tokens tokens = open_tokens(ready);
	write_header(&tokens, ready, operand[0], out);
	tell(write_all(&tokens, ready, out), declared, ready);
	sm_write_end(out);
	sm_writer_close(out);
	tokens_close(&tokens);
	ready_close(ready);
	free(hidden.item);
	free(how.axis.item);
	free(operand);
	return 0;
}
