/* Encodes hidden states with a sparse autoencoder, to a stream of activations. */
#include "base/die.h"
#include "base/opt.h"
#include "base/standard.h"
#include "base/progress.h"
#include "stream/frame_json.h"
#include "stream/stream.h"
#include "file/sae.h"
#include "file/sae_fit.h"
#include "file/tokens.h"

#include <stdlib.h>

static struct list hidden;
static const char *sae_file, *layer, *model;
static struct states_options how;
static struct kept_options which;
static struct sae_options encoder_options = SAE_OPTIONS_NONE;
static int signs;
static const char *features;
static bool joined, no_point, check;

/* Of so many states it is seen whether the SAE is that of their layer. It is said after so many
 * tokens, or at the end: the error line of a state among them stands alone. */
enum { SAMPLE = 256, SAID_AFTER = 16384 };

static const struct opt options[] = {
	{"hidden", OPT_LIST, &hidden, "FILE",
		"hidden states (tokens, d); repeat for shards, or a pattern; - is a .npy on stdin",
		0, 0},
	OPT_STATES(&how),
	{"sae", OPT_TEXT, &sae_file, "PATH", "file or folder of the SAE", 0, 0},
	OPT_SAE_ENCODER(&encoder_options), OPT_SAE_B_DEC(&encoder_options),
	{"k", OPT_SIZE, &encoder_options.k, "K", "the k of a TopK SAE, the steps of matching "
		"pursuit", 1, UINT32_MAX},
	{"input-scale", OPT_REAL, &encoder_options.input_scale, "A",
		"multiply the states by A before they are encoded", 1e-30, 1e30},
	{"residual", OPT_REAL, &encoder_options.residual, "R",
		"matching pursuit stops when less than this length is left", 0, 1e30},
	{"signed", OPT_CHOICE, &signs, "split|abs|positive",
		"features with negative activations: two features each, |a|, or a > 0", 0, 0},
	{"features", OPT_TEXT, &features, "A:B", "only the features A to B-1", 0, 0},
	{"concat", OPT_FLAG, &joined, NULL, "of a crosscoder: the files of --hidden are those of "
		"its models, side by side", 0, 0},
	{"layer", OPT_TEXT, &layer, "L",
		"name of the layer; by default the name of the SAE's folder", 0, 0},
	{"model", OPT_TEXT, &model, "NAME", "name of the model, for the header", 0, 0},
	OPT_KEPT(&which),
	{"no-point", OPT_FLAG, &no_point, NULL, "do not carry the hidden states", 0, 0},
	{"check", OPT_FLAG, &check, NULL, "write no stream: print L0, dead features, and the share "
		"of the states' variance that the SAE explains", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void check_command_line(void)
{
	if (!sae_file || hidden.n == 0)
		misuse("--hidden and --sae are needed: the states, and what encodes them");
	kept_check(&which);
}

static void write_header(const struct tokens *t, const struct sae *s, struct sm_writer *out)
{
	bool split = sae_signed(s->architecture) && signs == SIGNS_SPLIT;

	tokens_write_header(t, &(struct feature_source){
		.model = model, .layer = layer ? layer : s->name,
		.features = split ? 2 * s->features : s->features,
		.is_signed = split ? s->features : 0,
		.arch = sae_architecture_name(s->architecture), .sae = sae_file,
		.encoder = s->dialect->name, .centred = s->centred}, out);
}

/* Of many states in files the sample is spread over all of them; else it is of the first chunk. */
static bool spread(const struct tokens *t)
{
	return states_in_files(t->states) && t->n > CHUNK_TOKENS;
}

static struct sae_fit *fit_of_sample(struct chunk *chunk, const struct tokens *t,
	const struct encoder *encoder, const struct sae *s)
{
	if (!s->passes)
		return NULL;
	struct sae_fit *fit = sae_fit_open(s);
	if (!spread(t))
		return fit;
	chunk_sample(chunk, t, SAMPLE);
	chunk_encode(chunk, encoder);
	sae_fit_add(fit, chunk, 1);
	return fit;
}

/* The end of it. */
static void tell_fit(struct sae_fit **fit, const struct tokens *t)
{
	if (!*fit)
		return;
	sae_fit_warn(*fit, sae_file, states_name(t->states));
	sae_fit_close(*fit);
	*fit = NULL;
}

static void encode_all(const struct tokens *t, const struct sae *s, struct sm_writer *out)
{
	struct encoder encoder = sae_encoder(s);
	struct chunk *chunk = chunk_new(t);
	size_t negative = 0, range[2];

	feature_range(range, features, sae_file, s->features);
	struct sae_fit *fit = fit_of_sample(chunk, t, &encoder, s);

	progress_begin(t->n, "tokens");
	for (size_t at = 0; chunk_read(chunk, t, &at); progress_to(at)) {
		chunk_encode(chunk, &encoder);
		if (fit && !spread(t) && chunk->all == chunk->n)
			sae_fit_add(fit, chunk, chunk->n / SAMPLE | 1);
		if (features)
			chunk_features(chunk, range[0], range[1]);
		negative += chunk_signs(chunk, signs, s->features);
		chunk_write(chunk, t, !no_point, out);
		if (chunk->all >= SAID_AFTER)
			tell_fit(&fit, t);
	}
	progress_end();
	chunk_tell(chunk);
	if (negative > 0 && signs == SIGNS_POSITIVE)
		note("%zu negative activations are left out", negative);
	tell_fit(&fit, t);
	chunk_free(chunk);
}

static void check_all(const struct tokens *t, const struct sae *s)
{
	struct encoder encoder = sae_encoder(s);
	struct chunk *chunk = chunk_new(t);
	struct sae_fit *fit = sae_fit_open(s);
	size_t range[2];

	feature_range(range, features, sae_file, s->features);
	progress_begin(t->n, "tokens");
	for (size_t at = 0; chunk_read(chunk, t, &at); progress_to(at)) {
		chunk_encode(chunk, &encoder);
		if (features)
			chunk_features(chunk, range[0], range[1]);
		sae_fit_add(fit, chunk, 1);
	}
	progress_end();
	chunk_tell(chunk);
	sae_fit_print(fit, range[0], range[1]);
	text_close();
	if (!features)
		tell_fit(&fit, t);
	else
		sae_fit_close(fit);
	chunk_free(chunk);
}

int main(int argc, char **argv)
{
	free(opt_parse(argc, argv, options, "act-dump --hidden FILE --sae PATH [OPTION]...",
		"Encodes hidden states with a sparse autoencoder: writes a stream of activations.",
		0));
	check_command_line();

	struct sm_writer *out = check ? NULL
		: sm_writer_open(program, VERSION, opt_history());
	struct sae *sae = sae_open(sae_file, SAE_W_ENC | SAE_RULE
		| (check || !quiet ? SAE_PASSES : 0), &encoder_options);
	struct tokens tokens = {.joined = joined};
	tokens_open_encoded(&tokens, &hidden, &how, &which, sae_file, sae->d);
	if (check) {
		check_all(&tokens, sae);
	} else {
		write_header(&tokens, sae, out);
		encode_all(&tokens, sae, out);
		sm_write_end(out);
		sm_writer_close(out);
	}
	sae_close(sae);
	tokens_close(&tokens);
	free(hidden.item);
	free(how.axis.item);
	return 0;
}
