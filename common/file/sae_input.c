/* What is done with states before they are encoded: as settings, arrays and the user say. */
#include "file/sae_reading.h"

#include "base/die.h"
#include "file/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void ask_for_scale(const struct sae_reading *r, const char *why)
{
	if (r->options.input_scale == 0)
		die("%s: %s: --input-scale A", r->name, why);
}

/* As --input-scale has it. */
static void scale_input(struct sae_reading *r, double scale)
{
	if (!(scale >= 1e-30 && scale <= 1e30) && r->options.input_scale == 0)
		die("%s: its settings multiply the states by %g: --input-scale A", r->name, scale);
	r->sae->encoder.input_scale = (float)scale;
}

static void saelens_input(struct sae_reading *r)
{
	const json_t *v = sae_config_get(&r->config, "normalize_activations");
	const json_t *factor = sae_config_get(&r->config, "activation_normalization_factor");
	const char *how = json_string_value(v);
	struct encoder *e = &r->sae->encoder;

	if (!v || json_is_false(v) || (how && strcmp(how, "none") == 0))
		return;
	if (json_is_true(v) || (how && strcmp(how, "expected_average_only_in") == 0))
		ask_for_scale(r, "normalize_activations: the states are multiplied by the scale of "
			"a data set, which is not in the files (sqrt(d) over their mean length; 1 "
			"if it was folded into the weights)");
	else if (how && strcmp(how, "layer_norm") == 0)
		e->input = ENCODE_LAYER_NORM;
	else if (how && strcmp(how, "constant_norm_rescale") == 0)
		e->input = ENCODE_UNIT;
	else if (how && strcmp(how, "constant_scalar_rescale") == 0 && json_is_number(factor))
		scale_input(r, json_number_value(factor));
	else
		die("%s: normalize_activations '%s': none, layer_norm, constant_norm_rescale and "
			"expected_average_only_in are known", r->name, how ? how : "?");
}

/* The mean length of the states in the data set: in the settings, or an array of the file. */
static double mean_length(struct sae_reading *r)
{
	const json_t *all = sae_config_get(&r->config, "dataset_average_activation_norm");
	const char *hook = sae_config_text(&r->config, "hook_point_in");
	const json_t *v = json_object_get(all, "in");
	double length = 0;

	if (!v && hook)
		v = json_object_get(all, hook);
	if (!v && json_object_size(all) == 1)
		v = json_object_iter_value(json_object_iter((json_t *)all));
	if (json_is_number(v))
		return json_number_value(v);
	char *key = xasprintf("dataset_average_activation_norm.%s", hook ? hook : "in");
	sae_scalar(r, key, &length);
	free(key);
	return length;
}

static void openmoss_input(struct sae_reading *r)
{
	const char *how = sae_config_text(&r->config, "norm_activation");

	if (how && strcmp(how, "inference") == 0)
		return;
	double length = !how || strcmp(how, "dataset-wise") == 0 ? mean_length(r) : 0;
	if (!(length > 0 && isfinite(length))) {
		ask_for_scale(r, "norm_activation: neither inference nor dataset-wise with a "
			"dataset_average_activation_norm");
		return;
	}
	scale_input(r, sqrt((double)r->sae->d) / length);
}

/* A file of Gemma Scope's embeddings: its states are rows of the table, which models multiply by
 * sqrt(d). */
static void check_embedding(const struct sae_reading *r)
{
	char *real = real_path(r->name);
	const char *path = real ? real : r->name;

	if (strncmp(r->layout.dialect->name, "gemma-scope", 11) == 0
			&& strstr(path, "/embedding") && r->options.input_scale == 0)
		die("%s: an SAE of embeddings: 1 for rows of the embedding, %.6g for states that "
			"the model has multiplied by sqrt(d) (hook_embed, hidden_states[0]): "
			"--input-scale A", r->name, 1 / sqrt((double)r->sae->d));
	free(real);
}

/* Numbers that may be NaN; NULL where there are none. */
static float *statistics(struct sae_reading *r, const char *name)
{
	char *key = sae_layout_key(&r->layout, r->file, name);
	struct array a;
	float *x = NULL;

	if (key && archive_find(r->file, key, &a)) {
		if (array_count(&a) != r->sae->d)
			die("%s:%s: %zu numbers where %zu are needed", r->name, key,
				array_count(&a), r->sae->d);
		x = array_floats(&a);
	}
	free(key);
	for (size_t i = 0; x && i < r->sae->d; i++)
		if (isnan(x[i])) {
			free(x);
			x = NULL;
		}
	return x;
}

/* crosscoder_learning: less the mean, and times a scale of each model; where there is none, or 1,
 * over the standard deviations. */
static void statistics_input(struct sae_reading *r)
{
	size_t d = r->sae->d;
	float *std = statistics(r, "activation_std");
	float *scale = sae_numbers(r, "activation_global_scale", r->models, true);
	bool scaled = false;

	r->mean = statistics(r, "activation_mean");
	for (size_t m = 0; scale && m < r->models; m++)
		scaled |= scale[m] != 1;
	if (r->mean && (std || scaled)) {
		r->gain = xalloc(d, sizeof *r->gain);
		for (size_t i = 0; i < d; i++)
			r->gain[i] = scaled ? scale[i / (d / r->models)] : 1 / (std[i] + 1e-8f);
	}
	if (!r->gain) {
		free(r->mean);
		r->mean = NULL;
	}
	free(std);
	free(scale);
}

void sae_read_input(struct sae_reading *r)
{
	struct encoder *e = &r->sae->encoder;

	switch (r->layout.dialect->input) {
	case INPUT_STATES:
		check_embedding(r);
		break;
	case INPUT_LAYER_NORM:
		e->input = ENCODE_LAYER_NORM;
		break;
	case INPUT_SAELENS:
		saelens_input(r);
		break;
	case INPUT_OPENMOSS:
		openmoss_input(r);
		break;
	case INPUT_STATISTICS:
		statistics_input(r);
		break;
	}
	if (r->options.input_scale != 0 && r->mean)
		die("%s: --input-scale: it scales its states by itself", r->name);
	if (r->options.input_scale != 0 && e->input != ENCODE_AS_IS)
		die("%s: --input-scale: it scales its states by itself", r->name);
	if (r->options.input_scale != 0)
		e->input_scale = (float)r->options.input_scale;
}

/* Decoded states are to be compared with the states. */
void sae_refuse_normalised(struct sae_reading *r)
{
	const char *how = sae_config_text(&r->config, "norm_activation");
	const json_t *v = sae_config_get(&r->config, "normalize_activations");
	const char *text = json_string_value(v);
	enum sae_input input = r->layout.dialect->input;

	if (input == INPUT_STATISTICS)
		statistics_input(r);
	if (r->mean || input == INPUT_LAYER_NORM || (input == INPUT_OPENMOSS
			&& !(how && strcmp(how, "inference") == 0))
		|| (input == INPUT_SAELENS && v && !json_is_false(v)
			&& !(text && strcmp(text, "none") == 0)))
		die("%s: it decodes to states that are normalised, which states as they are cannot "
			"be compared with", r->name);
}
