#include "file/sae.h"

#include "base/die.h"
#include "file/folder.h"
#include "file/sae_reading.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sae_path(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (is_folder(path))
		return true;
	return dot && (strcmp(dot, ".npz") == 0 || strcmp(dot, ".safetensors") == 0
		|| strcmp(dot, ".npy") == 0 || strcmp(dot, ".pt") == 0
		|| strcmp(dot, ".pth") == 0);
}

/* The name of the folder that holds the file. */
static char *folder_name(const char *file)
{
	char *folder = sae_folder(file), *full = real_path(folder);
	char *name = array_base_name(full ? full : folder);

	free(full);
	free(folder);
	return name;
}

/* The settings in the file, if they are an SAE's; else those beside it, unless they are those of
 * another there; the same k says that they are those of both. */
static struct sae_config settings_of(struct archive *f)
{
	json_t *own = archive_settings(f);
	struct sae_config c = own ? sae_config_of(archive_name(f), own) : sae_config_none();
	struct array a;

	if (c.kind != CONFIG_NONE)
		return c;
	sae_config_close(&c);
	c = sae_config_open(archive_name(f));
	const json_t *k = sae_config_get(&c, "k");
	if (!c.of_another || (json_is_number(k) && archive_find(f, "k", &a) && array_count(&a) == 1
			&& sm_to_double(a.data, a.dtype, 0) == json_number_value(k)))
		return c;
	sae_config_close(&c);
	return sae_config_none();
}

/* Of a file of one layer of several (W_enc_12), the decoder is in another beside it. */
static void open_decoder(struct sae_reading *r)
{
	const char *slash = strrchr(r->name, '/');

	r->decoder = r->file;
	if (r->layout.key[KEY_W_DEC] || !*r->layout.suffix)
		return;
	r->layout.key[KEY_W_DEC] = xasprintf("W_dec%s", r->layout.suffix);
	r->decoder = NULL;
	if (!(r->parts & SAE_W_DEC))
		return;
	char *path = xasprintf("%.*s/%s.safetensors", slash ? (int)(slash - r->name) : 1,
		slash ? r->name : ".", r->layout.key[KEY_W_DEC]);
	r->decoder = archive_open(path);
	free(path);
}

/* The layer of the decoder that is asked for: numbers count from that of the file. */
static size_t layer_asked_for(const struct sae_reading *r)
{
	size_t first = *r->layout.suffix ? strtoull(r->layout.suffix + 1, NULL, 10) : 0;
	char *end;
	size_t layer = strtoull(r->options.to_layer, &end, 10);

	if (*end || end == r->options.to_layer || layer < first || layer - first >= r->layers)
		die("%s: --to-layer %s: it decodes to the layers %zu to %zu", r->name,
			r->options.to_layer, first, first + r->layers - 1);
	return layer - first;
}

/* d_out, and which part of the decoder's rows it is. */
static void measure_decoder(struct sae_reading *r)
{
	struct sae *s = r->sae;
	struct array a;
	struct array_parts *dec = r->decoder
		? array_parts_open(r->decoder, r->layout.key[KEY_W_DEC], &a) : NULL;

	r->layers = r->models = 1;
	s->d_out = s->d;
	if (!dec && r->decoder)
		die("%s: no %s", archive_name(r->decoder), r->layout.key[KEY_W_DEC]);
	if (!dec)
		return;
	array_parts_close(dec);
	const struct dialect *dialect = r->layout.dialect;
	size_t rows = a.rank < 2 || a.rank > 3 ? 0
		: a.shape[dialect->turned[1] || dialect->models_first];
	if (rows != s->features || array_count(&a) == 0)
		die("%s:%s: not of %zu features", archive_name(r->decoder),
			r->layout.key[KEY_W_DEC] ? r->layout.key[KEY_W_DEC] : "", s->features);
	r->layers = a.rank == 3 && !dialect->stacked ? a.shape[1] : 1;
	r->models = dialect->models_first ? a.shape[0] : 1;
	r->row = s->d_out = array_count(&a) / s->features;
	if (!r->options.to_layer)
		return;
	if (r->layers == 1)
		die("%s: --to-layer: its decoder has one layer", r->name);
	s->d_out = r->row / r->layers;
	r->row_from = layer_asked_for(r) * s->d_out;
}

/* Lengths, which the settings have to have as well. */
static void set_lengths(struct sae_reading *r)
{
	static const char *const d[] = {"d_in", "d_model", "activation_dim",
		"trainer.activation_dim", NULL};
	static const char *const features[] = {"d_sae", "num_latents", "dict_size",
		"trainer.dict_size", NULL};
	struct sae *s = r->sae;

	s->d = r->layout.d;
	s->features = r->layout.features;
	measure_decoder(r);
	if (!r->layout.dialect->stacked)
		sae_config_check(&r->config, d, s->d, "dimensions");
	sae_config_check(&r->config, features, s->features, "features");
}

/* Of a decoder to several layers it may be that of one. */
static float *read_b_dec(struct sae_reading *r)
{
	size_t all = r->sae->d_out, one = r->row / r->layers;
	char *key = sae_layout_key(&r->layout, r->file, r->layout.dialect->key[KEY_B_DEC]);
	struct array a;

	archive_want(r->file, key, &a);
	free(key);
	bool of_one = r->layers > 1 && !r->options.to_layer && array_count(&a) == one;
	float *b = sae_numbers(r, r->layout.dialect->key[KEY_B_DEC], of_one ? one : all,
		false);
	if (!of_one)
		return b;
	free(b);			/* not subtracted, and no row of the decoder is so long */
	return NULL;
}

/* Settings of two points of a model that are not the same. */
static bool of_two_hooks(const struct sae_reading *r)
{
	static const char *const hook[][2] = {{"hook_point_in", "hook_point_out"},
		{"hf_hook_point_in", "hf_hook_point_out"}};

	for (size_t i = 0; i < 2; i++) {
		const char *in = sae_config_text(&r->config, hook[i][0]);
		const char *out = sae_config_text(&r->config, hook[i][1]);
		if (in && out && strcmp(in, out) != 0)
			return true;
	}
	return false;
}

/* Why what it decodes to cannot be compared with what it encodes; NULL: it can. */
static const char *other_states(struct sae_reading *r)
{
	char *skip = sae_layout_key(&r->layout, r->file, "W_skip|affine_skip_connection|b_dec_out");
	bool around = skip;

	free(skip);
	if (r->layout.dialect->models_first)
		return "a crosscoder whose decoders lie one after the other";
	if (r->layers > 1 || !r->decoder)
		return "it decodes to the states of several layers";
	if (r->layout.dialect->elsewhere || around || of_two_hooks(r)
			|| r->sae->d_out != r->sae->d || (r->config.kind == CONFIG_SPARSIFY
			&& sae_config_true(&r->config, "transcode", false)))
		return "a transcoder, which decodes to other states than it encodes";
	return NULL;
}

struct sae *sae_open(const char *path, unsigned parts, const struct sae_options *options)
{
	struct sae *s = xcalloc(1, sizeof *s);
	char *file = sae_weights_file(path);
	struct sae_reading r = {.sae = s, .name = file, .parts = parts,
		.options = options ? *options : (struct sae_options)SAE_OPTIONS_NONE};

	r.file = archive_open(file);
	r.config = settings_of(r.file);
	s->name = folder_name(file);
	r.layout = sae_layout_of(r.file, &r.config, r.options.encoder);
	s->dialect = r.layout.dialect;
	open_decoder(&r);
	set_lengths(&r);
	s->b_enc = !r.layout.key[KEY_B_ENC] ? xcalloc(s->features, sizeof *s->b_enc)
		: sae_numbers(&r, s->dialect->key[KEY_B_ENC], s->features, false);
	if (r.layout.key[KEY_B_DEC])
		s->b_dec = read_b_dec(&r);
	sae_read_rule(&r);
	if (parts & SAE_PASSES)
		s->elsewhere = other_states(&r);
	sae_read_weights(&r);
	free(r.mean);
	free(r.gain);
	struct archive *held = s->passes ? r.decoder : NULL;
	if (r.decoder && r.decoder != r.file && r.decoder != held)
		archive_close(r.decoder);
	if (r.file != held)
		archive_close(r.file);
	sae_layout_free(&r.layout);
	sae_config_close(&r.config);
	free(file);
	return s;
}

void sae_close(struct sae *s)
{
	if (s->passes)
		sae_passes_close(s->passes);
	free(s->name);
	free(s->w_enc);
	free(s->b_enc);
	free(s->threshold);
	free(s->w_dec);
	free(s->b_dec);
	free(s->scale);
	free(s->gain);
	free(s->offset);
	free(s);
}

size_t sae_stream_features(const struct sae *s)
{
	return sae_signed(s->architecture) ? 2 * s->features : s->features;
}

double sae_decoding(const struct sae *s, size_t feature, double a)
{
	size_t row = feature % s->features;
	double v = feature < s->features ? a : -a;	/* that of its negative activations */

	/* as the encoder multiplied */
	if (s->scale && !s->encoder.unscaled && s->scale[row] > 0)
		v /= (double)s->scale[row];
	return v;
}

struct encoder sae_encoder(const struct sae *s)
{
	struct encoder e = s->encoder;
	bool cut = s->architecture == SAE_JUMPRELU || s->architecture == SAE_GATED;

	e.d = s->d;
	e.features = s->features;
	e.w_enc = s->w_enc;
	e.b_enc = s->b_enc;
	e.scale = s->scale;
	e.threshold = cut ? s->threshold : NULL;
	e.gain = s->gain;
	e.offset = s->offset;
	e.centre = s->centred ? s->b_dec : NULL;
	e.k = s->k;
	return e;
}
