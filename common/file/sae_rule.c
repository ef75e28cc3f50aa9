/* What an SAE's files and the user say of its encoder. */
#include "file/sae_reading.h"

#include "base/die.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MOST = 1 << 16 };		/* of matching pursuit */

/* The next of "a b c" as `word`; NULL after the last. */
static const char *next_place(const char *places, char word[static 80])
{
	size_t n;

	if (!places || !*places)
		return NULL;
	n = strcspn(places, " ");
	snprintf(word, 80, "%.*s", (int)n, places);
	return places + n + (places[n] == ' ');
}

static bool begins(const char *word, const char *with, const char **rest)
{
	size_t n = strlen(with);

	*rest = word + n;
	return strncmp(word, with, n) == 0;
}

/* -- k ----------------------------------------------------------------------------------------- */

static bool find_k(struct sae_reading *r, double *k)
{
	const char *at = r->layout.dialect->k, *path;
	char place[80];

	while ((at = next_place(at, place))) {
		if (!begins(place, "cfg:", &path)) {
			if (sae_scalar(r, place, k))
				return true;
			continue;
		}
		const json_t *v = sae_config_get(&r->config, path);
		if (json_is_number(v)) {
			*k = json_number_value(v);
			return true;
		}
	}
	return false;
}

static void set_k(struct sae_reading *r)
{
	struct sae *s = r->sae;
	double k = (double)r->options.k;

	if (k == 0 && !find_k(r, &k))
		die("%s: architecture %s, and no k in the file or beside it: --k K", r->name,
			sae_architecture_name(s->architecture));
	size_t most = s->architecture == SAE_ITDA ? STEPS_MOST : s->features;
	if (!(k >= 1 && k <= (double)most) || k != floor(k))
		die("%s: k = %g of %zu features: 1 to %zu", r->name, k, s->features, most);
	s->k = (size_t)k;
	if (s->architecture == SAE_GROUPMAX && s->features % s->k != 0)
		die("%s: groupmax: k = %zu does not divide %zu features", r->name, s->k,
			s->features);
}

/* -- Thresholds and architecture --------------------------------------------------------------- */

static float *threshold_at(struct sae_reading *r, const char *place)
{
	const char *rest;
	size_t n = r->sae->features;
	bool scaled = begins(place, "scaled:", &rest);

	if (scaled || begins(place, "cfg:", &rest)) {
		const json_t *v = sae_config_get(&r->config, rest);
		double factor = scaled && r->sae->encoder.input_scale != 0
			? (double)r->sae->encoder.input_scale : 1;
		float *x = json_is_number(v) ? xalloc(n, sizeof *x) : NULL;
		for (size_t i = 0; x && i < n; i++)
			x[i] = (float)(json_number_value(v) * factor);
		return x;
	}
	if (!begins(place, "exp:", &rest))
		return sae_numbers(r, place, n, true);
	float *x = sae_numbers(r, rest, n, true);
	for (size_t i = 0; x && i < n; i++)
		x[i] = expf(x[i]);
	return x;
}

static float *find_thresholds(struct sae_reading *r)
{
	const char *at = r->layout.dialect->threshold;
	char place[80];
	float *x = NULL;

	while (!x && (at = next_place(at, place)))
		x = threshold_at(r, place);
	for (size_t i = 0; x && i < r->sae->features; i++)
		if (!isfinite(x[i]))
			die("%s: the threshold of feature %zu is not finite", r->name, i);
	return x;
}

static bool has_k(struct sae_reading *r)
{
	double k;

	return r->options.k > 0 || find_k(r, &k);
}

/* Of a file whose keys alone tell: jumprelu, topk or standard. circuit-tracer's settings may tell
 * it, too. */
static enum sae_architecture by_keys(struct sae_reading *r)
{
	const char *told = sae_config_text(&r->config, "activation");
	bool k = has_k(r);

	if (told && strcmp(told, "topk") == 0)
		return SAE_TOPK;
	if (told && strcmp(told, "jumprelu") == 0)
		return SAE_JUMPRELU;
	if (k && r->sae->threshold && r->options.k == 0)
		die("%s: it holds a k and thresholds: --k K makes it TopK, --encoder "
			"saelens-jumprelu or gemma-scope JumpReLU", r->name);
	if (told && strcmp(told, "relu") == 0 && (k || r->sae->threshold))
		die("%s: activation relu, and the file holds %s", r->config.path,
			k ? "a k" : "thresholds");
	return k ? SAE_TOPK : r->sae->threshold ? SAE_JUMPRELU : SAE_STANDARD;
}

/* BatchTopK's threshold, negative until training sets it. */
static bool never_set(const struct sae_reading *r)
{
	const struct dialect *d = r->layout.dialect;

	return d->architecture == SAE_JUMPRELU && d->k && r->sae->threshold
		&& r->sae->threshold[0] < 0;
}

static void set_architecture(struct sae_reading *r)
{
	struct sae *s = r->sae;
	bool open = r->layout.dialect->architecture == SAE_BY_KEYS;

	if (open && (r->parts & SAE_RULE))
		s->architecture = by_keys(r);
	else if (open)
		s->architecture = s->threshold ? SAE_JUMPRELU : SAE_STANDARD;
	if (never_set(r)) {
		note("%s: a negative threshold, which training never set: TopK", r->name);
		s->architecture = SAE_TOPK;
	}
	if (!(r->parts & SAE_RULE))
		return;
	if (sae_takes_k(s->architecture))
		set_k(r);
	else if (r->options.k > 0 && s->architecture != SAE_PURSUIT)
		die("%s: --k %zu: %s, which takes no k", r->name, r->options.k,
			sae_architecture_name(s->architecture));
	if (s->architecture == SAE_JUMPRELU && !s->threshold)
		die("%s: architecture jumprelu, and no threshold", r->name);
}

/* Weights and biases of the gate: a = max(exp(r_mag) v + b_mag, 0) where v + b_gate > 0. */
static void set_gate(struct sae_reading *r)
{
	struct sae *s = r->sae;
	float *gate = sae_numbers(r, "b_gate|gate_bias", s->features, false);

	s->gain = sae_numbers(r, "r_mag", s->features, false);
	s->offset = sae_numbers(r, "b_mag|mag_bias", s->features, false);
	free(s->threshold);
	s->threshold = gate;
	for (size_t i = 0; i < s->features; i++) {
		s->gain[i] = expf(s->gain[i]);
		s->threshold[i] = -s->threshold[i];
	}
}

/* -- Centring ---------------------------------------------------------------------------------- */

static bool all_zero(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (x[i] != 0)
			return false;
	return true;
}

/* -1: open. */
static int said_of_b_dec(struct sae_reading *r)
{
	char *skip;
	bool transcoder;

	switch (r->layout.dialect->b_dec) {
	case B_DEC_SUBTRACTED:
		return true;
	case B_DEC_ADDED_ONLY:
		return false;
	case B_DEC_SAELENS:
		return sae_config_true(&r->config, "apply_b_dec_to_input", true);
	case B_DEC_SPARSIFY:
		if (r->config.kind == CONFIG_SPARSIFY)
			return !sae_config_true(&r->config, "transcode", false);
		skip = sae_layout_key(&r->layout, r->file, "W_skip");
		transcoder = skip;
		free(skip);
		return transcoder ? false : -1;
	case B_DEC_OPEN:
		break;
	}
	return -1;
}

/* Gemma Scope's files have a name; another .npz with thresholds may be anybody's. */
static void say_gemma_scope(const struct sae_reading *r)
{
	char *base = array_base_name(r->name);
	const float *b_dec = r->sae->b_dec;

	if (strcmp(r->layout.dialect->name, "gemma-scope") == 0 && !r->options.encoder
			&& r->options.b_dec < 0 && strcmp(base, "params.npz") != 0
			&& b_dec && !all_zero(b_dec, r->sae->d_out))
		note("%s: taken as Gemma Scope's params.npz: b_dec is not subtracted; else "
			"--b-dec subtract", r->name);
	free(base);
}

static void set_centring(struct sae_reading *r)
{
	struct sae *s = r->sae;
	int said = r->options.b_dec >= 0 ? r->options.b_dec == 0 : said_of_b_dec(r);

	if (said < 0 && s->b_dec && all_zero(s->b_dec, s->d_out))
		said = false;
	if (said < 0 && (r->parts & (SAE_BIAS | SAE_RULE)))
		die("%s: no settings beside it say whether b_dec is subtracted from the states "
			"(saelens, sparsify) or not (gemma-scope, transcoders): "
			"--b-dec subtract|ignore, or --encoder NAME", r->name);
	s->centred = said > 0 && s->b_dec;
	if (r->parts & SAE_RULE)
		say_gemma_scope(r);
	if (said > 0 && r->layout.key[KEY_B_DEC] && s->d_out != s->d)
		die("%s: b_dec of %zu dimensions cannot be subtracted from states of %zu: "
			"--b-dec ignore", r->name, s->d_out, s->d);
}

/* -- Matching pursuit -------------------------------------------------------------------------- */

static void set_pursuit(struct sae_reading *r)
{
	struct sae *s = r->sae;
	struct pursuit *p = &s->encoder.pursuit;
	const json_t *most = sae_config_get(&r->config, "max_iterations");
	const json_t *residual = sae_config_get(&r->config, "residual_threshold");

	*p = (struct pursuit){.steps = s->k, .repeats = true};
	if (s->architecture == SAE_ITDA) {
		p->absolute = true;
		p->relative = 1e-6f;
		return;
	}
	if (s->architecture == SAE_K_PURSUIT) {
		p->negative = true;
		return;
	}
	p->residual = json_is_number(residual) ? (float)json_number_value(residual) : 1e-2f;
	p->repeats = !sae_config_true(&r->config, "stop_on_duplicate_support", true);
	if (r->options.residual >= 0)
		p->residual = (float)r->options.residual;
	else if (r->config.kind != CONFIG_SAELENS)
		die("%s: matching pursuit until which length of the residual? --residual R (and "
			"--k N: N steps at most, %zu without it)", r->name, 4 * s->d);
	p->steps = json_object_get(r->config.json, "max_iterations") ? s->d : 4 * s->d;
	if (r->options.k > 0)
		p->steps = r->options.k;
	else if (json_is_number(most) && json_number_value(most) >= 1)
		p->steps = (size_t)fmin(json_number_value(most), 1e18);
	if (p->steps > STEPS_MOST && p->steps > 4 * s->d)
		die("%s: matching pursuit of %zu steps, where %d are the most: --k K", r->name,
			p->steps, STEPS_MOST);
}

/* crosscoder_learning's enum CodeNormalization: activations and thresholds are of activations times
 * the sum of the lengths of a feature's decoders (1), or the length of all of them (2). */
static void set_code_normalization(struct sae_reading *r)
{
	double id = 1;

	if (!sae_scalar(r, "code_normalization_id", &id))
		note("%s: no code_normalization_id: taken as 1, CROSSCODER", r->name);
	if (id == 3 || (id == 5 && r->layout.dialect->threshold))
		die("%s: code_normalization_id %g: %s", r->name, id, id == 3
			? "MIXED, and its two weights are not in the file"
			: "DECOUPLED, whose thresholds are of each model: write its activations "
			"as an array, and read them with act-import");
	if (!(id >= 1 && id <= 5) || id != floor(id))
		die("%s: code_normalization_id %g: 1 to 5 are known", r->name, id);
	r->decoder_norms = id != 4;
	r->norms_of_models = id != 2;
}

/* Pre-activations are multiplied by the lengths of the decoder's rows; llamascopium's activations
 * are given without. */
static void set_scale(struct sae_reading *r)
{
	const struct dialect *d = r->layout.dialect;

	if (d->input == INPUT_SAELENS && d->key[KEY_W_ENC])
		r->decoder_norms = sae_config_true(&r->config, "rescale_acts_by_decoder_norm",
			false);
	if (d->key[KEY_W_DEC] && strcmp(d->key[KEY_W_DEC], "W_D") == 0)
		r->decoder_norms = r->sae->encoder.unscaled = sae_config_true(&r->config,
			"sparsity_include_decoder_norm", true);
}

/* -- All of it --------------------------------------------------------------------------------- */

/* What the encoder kernel is told; the arrays come later. */
static void set_encoder(struct sae_reading *r)
{
	static const enum encode_rule rule[] = {
		[SAE_TOPK] = ENCODE_TOPK, [SAE_GROUPMAX] = ENCODE_GROUPMAX,
		[SAE_ABSTOPK] = ENCODE_ABSTOPK, [SAE_GATED] = ENCODE_GATED,
		[SAE_TOPAFA] = ENCODE_TOPAFA, [SAE_PURSUIT] = ENCODE_PURSUIT,
		[SAE_K_PURSUIT] = ENCODE_PURSUIT, [SAE_ITDA] = ENCODE_PURSUIT,
		[SAE_BY_KEYS] = ENCODE_ABOVE,
	};
	struct sae *s = r->sae;

	s->encoder.rule = rule[s->architecture];
	s->encoder.saturated = s->architecture == SAE_TANH_RELU;
	if (s->encoder.rule == ENCODE_PURSUIT)
		set_pursuit(r);
}

void sae_read_rule(struct sae_reading *r)
{
	struct sae *s = r->sae;

	s->architecture = r->layout.dialect->architecture;
	if (r->parts & SAE_RULE)
		sae_read_input(r);
	if (r->parts & SAE_DECODES)
		sae_refuse_normalised(r);
	if (r->layout.dialect->models_first && (r->parts & (SAE_RULE | SAE_DECODES)))
		set_code_normalization(r);
	s->threshold = find_thresholds(r);
	if (!s->threshold)		/* of no use for encoding, but for folding */
		s->threshold = sae_numbers(r, "threshold", s->features, true);
	set_architecture(r);
	if (s->architecture == SAE_GATED && (r->parts & SAE_RULE))
		set_gate(r);
	set_centring(r);
	if (r->parts & (SAE_RULE | SAE_W_DEC))
		set_scale(r);
	if (r->parts & SAE_RULE)
		set_encoder(r);
}
