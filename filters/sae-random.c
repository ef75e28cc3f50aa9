/* Makes an SAE with random weights, of the size and sparsity of a trained one: what scores of its
 * features are worth without training. */
#include "base/die.h"
#include "base/opt.h"
#include "file/sae_random.h"

#include <stdlib.h>

static struct list hidden;
static const char *sae_file;
static struct states_options how;
static struct kept_options which;
static struct sae_options encoder_options = SAE_OPTIONS_NONE;
static size_t seed = SIZE_MAX;

static const struct opt options[] = {
	{"hidden", OPT_LIST, &hidden, "FILE",
		"hidden states (tokens, d); repeat for shards, or a pattern; - is a .npy on stdin",
		0, 0},
	OPT_STATES(&how),
	{"sae", OPT_TEXT, &sae_file, "PATH", "file or folder of the trained SAE", 0, 0},
	OPT_SAE_ENCODER(&encoder_options), OPT_SAE_B_DEC(&encoder_options),
	{"k", OPT_SIZE, &encoder_options.k, "K", "the k of a TopK SAE, the steps of matching "
		"pursuit", 1, UINT32_MAX},
	{"input-scale", OPT_REAL, &encoder_options.input_scale, "A",
		"multiply the states by A before the trained SAE encodes them", 1e-30, 1e30},
	{"residual", OPT_REAL, &encoder_options.residual, "R",
		"matching pursuit stops when less than this length is left", 0, 1e30},
	OPT_KEPT(&which),
	{"seed", OPT_SIZE, &seed, "S", "seed of the random numbers", 0, 9e18},
	OPT_THREADS, OPT_END
};

int main(int argc, char **argv)
{
	free(opt_parse(argc, argv, options,
		"sae-random --hidden FILE --sae PATH --seed S [OPTION]...",
		"Makes an SAE with random weights, of the size and sparsity of a trained one.", 0));
	if (!sae_file || hidden.n == 0)
		misuse("--hidden and --sae are needed: the states, and what was trained on them");
	if (seed == SIZE_MAX)
		misuse("--seed is needed: SAEs of one seed have the same rows");
	kept_check(&which);

	struct sae *trained = sae_open(sae_file, SAE_W_ENC | SAE_RULE | SAE_PASSES,
		&encoder_options);
	if (trained->elsewhere)
		die("%s: %s", sae_file, trained->elsewhere);
	struct tokens tokens = {0};
	tokens_open_encoded(&tokens, &hidden, &how, &which, sae_file, trained->d);
	struct sae_random made = sae_random_like(trained, sae_file, &tokens, seed);

	sae_random_write(&made);
	sae_random_free(&made);
	tokens_close(&tokens);
	sae_close(trained);
	free(hidden.item);
	free(how.axis.item);
	return 0;
}
