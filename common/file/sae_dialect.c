#include "file/sae_dialect.h"

#include <string.h>

#define STANDARD {"W_enc", "W_dec", "b_enc", "b_dec"}
#define EITHER_CASE {"W_enc|w_enc", "W_dec|w_dec", "b_enc", "b_dec"}
#define NO_B_ENC {"W_enc|w_enc", "W_dec|w_dec", NULL, "b_dec"}
#define ATOMS {NULL, "W_dec", NULL, "b_dec"}
#define LINEAR(bias) {"encoder.weight", "decoder.weight", "encoder.bias", bias}
#define SAELENS(kind, use) .from = "SAELens", .configs = CONFIG_SAELENS, .kinds = kind, \
	.b_dec = B_DEC_ ## use, .input = INPUT_SAELENS
#define LEARNING(class) .from = "dictionary_learning", .kinds = class, \
	.configs = CONFIG_DICTIONARY_LEARNING
#define IMPORT "write its activations as an array, and read them with act-import"

/* Rows that are read without settings stand before those that could be meant as well. */
const struct dialect sae_dialects[] = {
	{"saelens", SAELENS("standard|unnamed", SAELENS), .key = EITHER_CASE,
		.without = "threshold log_threshold topk_threshold b_gate"},
	{"saelens-jumprelu", SAELENS("jumprelu|unnamed", SAELENS), .key = EITHER_CASE,
		.architecture = SAE_JUMPRELU, .threshold = "threshold exp:log_threshold"},
	{"saelens-topk", SAELENS("topk", SAELENS), .key = EITHER_CASE, .architecture = SAE_TOPK,
		.k = "cfg:k cfg:activation_fn_kwargs.k"},
	{"saelens-batchtopk", SAELENS("batchtopk|matryoshka_batchtopk", SAELENS),
		.key = EITHER_CASE, .architecture = SAE_JUMPRELU, .threshold = "topk_threshold"},
	{"saelens-tanh-relu", SAELENS("tanh-relu", SAELENS), .key = EITHER_CASE,
		.architecture = SAE_TANH_RELU},
	{"saelens-gated", SAELENS("gated", SAELENS), .key = NO_B_ENC, .architecture = SAE_GATED,
		.with = "b_gate b_mag r_mag"},
	{"saelens-abstopk", SAELENS("abstopk", SAELENS), .key = EITHER_CASE,
		.architecture = SAE_ABSTOPK, .k = "cfg:k"},
	{"saelens-topafa", SAELENS("topafa", SAELENS), .key = EITHER_CASE,
		.architecture = SAE_TOPAFA},
	{"saelens-transcoder", SAELENS("transcoder|skip_transcoder", ADDED_ONLY),
		.key = EITHER_CASE, .elsewhere = true, .without = "threshold log_threshold"},
	{"saelens-jumprelu-transcoder",
		SAELENS("jumprelu_transcoder|jumprelu_skip_transcoder", ADDED_ONLY),
		.key = EITHER_CASE, .elsewhere = true, .architecture = SAE_JUMPRELU,
		.threshold = "threshold exp:log_threshold"},
	{"saelens-matching-pursuit", SAELENS("matching_pursuit", SAELENS), .key = ATOMS,
		.architecture = SAE_PURSUIT},
	{"saelens-temporal", SAELENS("temporal", SAELENS), .key = ATOMS,
		.refused = "attends over the sequence: " IMPORT},
	{"saelens-phase-multiplexed", SAELENS("phase_multiplexed", SAELENS), .key = EITHER_CASE,
		.refused = "encodes in phases, each of what the one before left over: " IMPORT},

	{"dl-matryoshka", LEARNING("MatryoshkaBatchTopKSAE"), .key = STANDARD,
		.with = "group_sizes", .bare = BARE, .architecture = SAE_JUMPRELU,
		.b_dec = B_DEC_SUBTRACTED, .threshold = "threshold", .k = "k"},
	{"dl-jumprelu", LEARNING("JumpReluAutoEncoder"), .key = STANDARD,
		.architecture = SAE_JUMPRELU, .b_dec = B_DEC_ADDED_ONLY,
		.threshold = "threshold"},
	{"dl-autoencoder", LEARNING("AutoEncoder"), .key = LINEAR("bias"),
		.without = "k threshold var_encoder.weight", .bare = BARE,
		.turned = {true, true},
		.architecture = SAE_STANDARD, .b_dec = B_DEC_SUBTRACTED},
	{"dl-autoencoder-new", LEARNING("AutoEncoderNew"), .key = LINEAR("decoder.bias"),
		.without = "log_jumprelu_threshold threshold k",
		.bare = BARE_NPZ | BARE_PT, .turned = {true, true},
		.architecture = SAE_STANDARD, .b_dec = B_DEC_ADDED_ONLY},
	{"dl-gated", LEARNING("GatedAutoEncoder"),
		.key = {"encoder.weight", "decoder.weight", NULL, "decoder_bias"},
		.with = "gate_bias mag_bias r_mag", .bare = BARE, .turned = {true, true},
		.architecture = SAE_GATED, .b_dec = B_DEC_SUBTRACTED},
	{"dl-topk", LEARNING("AutoEncoderTopK"), .key = LINEAR("b_dec"),
		.turned = {true, true}, .architecture = SAE_TOPK, .b_dec = B_DEC_SUBTRACTED,
		.k = "k cfg:trainer.k"},
	{"dl-batchtopk", LEARNING("BatchTopKSAE"), .key = LINEAR("b_dec"),
		.turned = {true, true}, .architecture = SAE_JUMPRELU,
		.b_dec = B_DEC_SUBTRACTED, .threshold = "threshold", .k = "k cfg:trainer.k"},
	{"vsae-topk", .from = "vSAE", .key = LINEAR("bias"), .with = "var_encoder.weight k",
		.configs = CONFIG_DICTIONARY_LEARNING, .bare = BARE, .turned = {true, true},
		.architecture = SAE_TOPK, .b_dec = B_DEC_SUBTRACTED, .k = "k"},

	{"sae-random", .from = "sae-random(1)", .key = STANDARD, .with = "random_seed",
		.bare = BARE_NPZ, .architecture = SAE_BY_KEYS, .b_dec = B_DEC_SUBTRACTED,
		.threshold = "threshold", .k = "k"},

	{"gemma-scope", .from = "Gemma Scope", .key = EITHER_CASE, .with = "threshold",
		.without = "k group_sizes", .bare = BARE_NPZ, .architecture = SAE_JUMPRELU,
		.b_dec = B_DEC_ADDED_ONLY, .threshold = "threshold"},
	{"gemma-scope-2", .from = "Gemma Scope 2",
		.key = {"w_enc", "w_dec", "b_enc", "b_dec"}, .with = "threshold",
		.configs = CONFIG_GEMMA_SCOPE, .bare = BARE,
		.architecture = SAE_JUMPRELU, .b_dec = B_DEC_ADDED_ONLY,
		.threshold = "threshold"},

	{"sparsify", .from = "sparsify",
		.key = {"encoder.weight", "W_dec", "encoder.bias", "b_dec"},
		.configs = CONFIG_SPARSIFY, .kinds = "topk", .turned = {true, false},
		.architecture = SAE_TOPK, .b_dec = B_DEC_SPARSIFY, .k = "cfg:k"},
	{"sparsify-groupmax", .from = "sparsify",
		.key = {"encoder.weight", "W_dec", "encoder.bias", "b_dec"},
		.configs = CONFIG_SPARSIFY, .kinds = "groupmax", .turned = {true, false},
		.architecture = SAE_GROUPMAX, .b_dec = B_DEC_SPARSIFY, .k = "cfg:k"},
	{"sparsify-signed", .from = "sparsify",
		.key = {"encoder.weight", "W_dec", "encoder.bias", "b_dec"},
		.configs = CONFIG_SPARSIFY, .kinds = "signed", .turned = {true, false},
		.architecture = SAE_ABSTOPK, .b_dec = B_DEC_SPARSIFY, .k = "cfg:k"},

	{"openai-v1", .from = "OpenAI's sparse_autoencoder",
		.key = {"encoder.weight", "decoder.weight", "latent_bias", "pre_bias"},
		.without = "activation_state_dict.k", .bare = BARE_PT,
		.turned = {true, true}, .architecture = SAE_STANDARD, .b_dec = B_DEC_SUBTRACTED},
	{"openai-v5", .from = "OpenAI's sparse_autoencoder",
		.key = {"encoder.weight", "decoder.weight", "latent_bias", "pre_bias"},
		.bare = BARE_PT, .turned = {true, true}, .architecture = SAE_TOPK,
		.b_dec = B_DEC_SUBTRACTED, .input = INPUT_LAYER_NORM,
		.k = "activation_state_dict.k"},
	{"goodfire", .from = "Goodfire",
		.key = {"encoder_linear.weight", "decoder_linear.weight", "encoder_linear.bias",
			"decoder_linear.bias"},
		.bare = BARE, .turned = {true, true},
		.architecture = SAE_STANDARD, .b_dec = B_DEC_ADDED_ONLY},

	{"llama-scope", .from = "Llama Scope, Llama Scope R1",
		.key = LINEAR("decoder.bias"), .configs = CONFIG_OPENMOSS,
		.kinds = "jumprelu", .turned = {true, true}, .architecture = SAE_JUMPRELU,
		.b_dec = B_DEC_ADDED_ONLY, .input = INPUT_OPENMOSS,
		.threshold = "exp:log_jumprelu_threshold scaled:jump_relu_threshold"},
	{"llamascopium", .from = "llamascopium", .key = {"W_E", "W_D", "b_E", "b_D"},
		.without = "W_E_glu", .configs = CONFIG_OPENMOSS, .kinds = "jumprelu",
		.architecture = SAE_JUMPRELU, .b_dec = B_DEC_ADDED_ONLY,
		.input = INPUT_OPENMOSS, .threshold =
		"exp:activation_function.log_jumprelu_threshold exp:log_jumprelu_threshold"},
	{"llamascopium-topk", .from = "llamascopium", .key = {"W_E", "W_D", "b_E", "b_D"},
		.without = "W_E_glu", .configs = CONFIG_OPENMOSS, .kinds = "topk",
		.architecture = SAE_TOPK, .b_dec = B_DEC_ADDED_ONLY,
		.input = INPUT_OPENMOSS, .k = "cfg:top_k"},
	{"llamascopium-glu", .from = "llamascopium", .key = {"W_E", "W_D", "b_E", "b_D"},
		.with = "W_E_glu b_E_glu", .configs = CONFIG_OPENMOSS, .bare = BARE,
		.refused = "has a gate of its own for each feature: " IMPORT},

	{"crosscoder", .from = "crosscoders of m models or layers", .key = STANDARD,
		.without = "threshold k", .bare = BARE, .stacked = true,
		.architecture = SAE_STANDARD, .b_dec = B_DEC_ADDED_ONLY},
	{"crosscoder-batchtopk", .from = "crosscoder_learning", .key = LINEAR("decoder.bias"),
		.with = "threshold k", .configs = CONFIG_DICTIONARY_LEARNING,
		.kinds = "BatchTopKCrossCoder", .bare = BARE, .stacked = true,
		.models_first = true, .architecture = SAE_JUMPRELU,
		.b_dec = B_DEC_ADDED_ONLY, .input = INPUT_STATISTICS,
		.threshold = "threshold", .k = "k"},
	{"crosscoder-learning", .from = "crosscoder_learning", .key = LINEAR("decoder.bias"),
		.without = "threshold k", .configs = CONFIG_DICTIONARY_LEARNING,
		.kinds = "CrossCoder", .bare = BARE, .stacked = true, .models_first = true,
		.architecture = SAE_STANDARD, .b_dec = B_DEC_ADDED_ONLY,
		.input = INPUT_STATISTICS},
	{"saev", .from = "saev", .key = STANDARD, .configs = CONFIG_SAEV, .kinds = "Relu",
		.architecture = SAE_STANDARD, .b_dec = B_DEC_ADDED_ONLY},
	{"saev-topk", .from = "saev", .key = STANDARD, .configs = CONFIG_SAEV, .kinds = "TopK",
		.architecture = SAE_TOPK, .b_dec = B_DEC_ADDED_ONLY,
		.k = "cfg:activation.params.top_k"},
	{"circuit-tracer", .from = "circuit-tracer's transcoders and CLTs",
		.key = STANDARD, .configs = CONFIG_CIRCUIT_TRACER, .bare = BARE_SAFETENSORS,
		.turned = {true, false}, .architecture = SAE_BY_KEYS, .elsewhere = true,
		.b_dec = B_DEC_ADDED_ONLY,
		.threshold = "activation_function.threshold threshold", .k = "k cfg:k"},
	{"qwen-scope", .from = "Qwen-Scope", .key = STANDARD, .without = "threshold",
		.bare = BARE, .turned = {true, true}, .architecture = SAE_TOPK,
		.b_dec = B_DEC_ADDED_ONLY},
	{"plain", .from = "anybody", .key = STANDARD, .without = "group_sizes",
		.bare = BARE, .architecture = SAE_BY_KEYS, .b_dec = B_DEC_OPEN,
		.threshold = "threshold", .k = "k"},

	{"mp-sae", .from = "MP-SAE", .key[KEY_W_DEC] = "W", .bare = BARE,
		.architecture = SAE_PURSUIT, .b_dec = B_DEC_ADDED_ONLY},
	{"overcomplete-mp", .from = "overcomplete", .key[KEY_W_DEC] = "dictionary._weights",
		.bare = BARE, .architecture = SAE_K_PURSUIT, .b_dec = B_DEC_ADDED_ONLY},
	{"itda", .from = "ITDA", .key[KEY_W_DEC] = "atoms", .configs = CONFIG_ITDA,
		.bare = BARE, .architecture = SAE_ITDA, .b_dec = B_DEC_ADDED_ONLY, .k = "cfg:k"},

	{"vl-sae", .from = "VL-SAE", .key = {"encoder", "vision_decoder.weight", NULL, NULL},
		.bare = BARE, .refused = "encodes by distances of directions: " IMPORT},
	{"writesae", .from = "WriteSAE", .key = {"V_enc", "V_dec", NULL, NULL}, .bare = BARE,
		.refused = "encodes by two factors of each feature: " IMPORT},
	{0}
};

static const struct {
	const char *name, *rule;
	bool k, is_signed;
} architectures[] = {
	[SAE_STANDARD] = {"standard", "ReLU", false, false},
	[SAE_JUMPRELU] = {"jumprelu", "JumpReLU", false, false},
	[SAE_TOPK] = {"topk", "TopK", true, false},
	[SAE_TANH_RELU] = {"tanh-relu", "tanh(ReLU)", false, false},
	[SAE_GROUPMAX] = {"groupmax", "groupmax", true, false},
	[SAE_ABSTOPK] = {"abstopk", "AbsTopK", true, true},
	[SAE_GATED] = {"gated", "gated", false, false},
	[SAE_TOPAFA] = {"topafa", "top-AFA", false, false},
	[SAE_PURSUIT] = {"matching_pursuit", "matching pursuit", false, false},
	[SAE_K_PURSUIT] = {"matching_pursuit_k", "matching pursuit, k steps", true, true},
	[SAE_ITDA] = {"itda", "ITDA", true, true},
	[SAE_BY_KEYS] = {"by keys", "by its keys", true, false},
};

const char *sae_architecture_name(enum sae_architecture a)
{
	return architectures[a].name;
}

bool sae_takes_k(enum sae_architecture a)
{
	return architectures[a].k;
}

bool sae_signed(enum sae_architecture a)
{
	return architectures[a].is_signed;
}

/* -- The page ---------------------------------------------------------------------------------- */

static void print_keys(FILE *out, const struct dialect *d)
{
	const char *between = "";

	for (size_t i = 0; i < SAE_KEYS; i++)
		if (d->key[i]) {
			fprintf(out, "%s%.*s", between, (int)strcspn(d->key[i], "|"), d->key[i]);
			between = " ";
		}
	if (d->with)
		fprintf(out, ", with %s", d->with);
	if (d->without)
		fprintf(out, ", without %s", d->without);
}

static const char *b_dec_words(enum sae_b_dec b)
{
	return (const char *[]){"subtracted from the states", "not subtracted",
		"subtracted unless apply_b_dec_to_input is false",
		"subtracted unless transcode is true", "asked for: --b-dec"}[b];
}

static void print_shapes(FILE *out, const struct dialect *d)
{
	if (d->key[KEY_W_ENC])
		fprintf(out, "%s ", d->stacked ? "W_enc (m, d, F)"
			: d->turned[0] ? "W_enc (F, d)" : "W_enc (d, F)");
	fprintf(out, "%s", d->models_first ? "W_dec (m, F, d)"
		: d->turned[1] ? "W_dec (d, F)" : "W_dec (F, d)");
}

void sae_dialects_print(FILE *out)
{
	for (const struct dialect *d = sae_dialects; d->name; d++) {
		fprintf(out, ".It Cm %s\n%s:\n", d->name, d->from);
		print_keys(out, d);
		fprintf(out, ".\n");
		if (d->configs)
			fprintf(out, "Settings: %s%s%s%s.\n",
				sae_config_writer(d->configs & -d->configs),
				d->kinds ? ", which name " : "", d->kinds ? d->kinds : "",
				d->bare ? ", or none" : "");
		else if (d->bare == BARE_PT)
			fprintf(out, "Found in a .pt; in other files it is asked for.\n");
		if (d->refused) {
			fprintf(out, "Not encoded: it %s.\n", d->refused);
			continue;
		}
		print_shapes(out, d);
		fprintf(out, ".\nRule: %s; b_dec is %s", architectures[d->architecture].rule,
			b_dec_words(d->b_dec));
		if (d->models_first)
			fprintf(out, "; scale: code_normalization_id");
		if (d->threshold)
			fprintf(out, "; thresholds: %s", d->threshold);
		if (architectures[d->architecture].k)
			fprintf(out, "; k: %s%s--k", d->k ? d->k : "", d->k ? " " : "");
		fprintf(out, ".\n");
	}
}
