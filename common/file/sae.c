#include "file/sae.h"

#include "base/die.h"
#include "file/array.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *sae_architecture_name(enum sae_architecture a)
{
	return (const char *[]){"standard", "jumprelu", "topk"}[a];
}

bool sae_path(const char *path)
{
	struct stat s;
	const char *dot = strrchr(path, '.');

	if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
		return true;
	return dot && (strcmp(dot, ".npz") == 0 || strcmp(dot, ".safetensors") == 0);
}

/* The file itself: `path`, or what a folder holds. */
static char *weights_file(const char *path)
{
	static const char *const known[] = {"sae_weights.safetensors", "params.npz"};
	struct stat s;

	if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))
		return xasprintf("%s", path);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char *file = xasprintf("%s/%s", path, known[i]);
		if (access(file, F_OK) == 0)
			return file;
		free(file);
	}
	die("%s: holds neither sae_weights.safetensors nor params.npz", path);
}

/* "a/b/params.npz": "a/b"; "params.npz": "." */
static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? xasprintf("%.*s", (int)(slash - file), file) : xasprintf(".");
}

static float *weights(struct archive *f, const char *key, size_t rank, size_t *d0, size_t *d1)
{
	struct array a;
	size_t *want[] = {d0, d1};

	if (!archive_find(f, key, &a))
		return NULL;
	if (a.rank != rank)
		die("%s:%s: %zu dimensions where an SAE has %zu", archive_name(f), key, a.rank,
			rank);
	for (size_t i = 0; i < rank; i++) {
		if (*want[i] == 0)
			*want[i] = a.shape[i];
		if (a.shape[i] == 0 || a.shape[i] != *want[i])
			die("%s:%s: dimension %zu is %zu, not %zu", archive_name(f), key, i,
				a.shape[i], *want[i]);
	}
	float *x = array_floats(&a);
	for (size_t i = 0, n = array_count(&a); i < n; i++)
		if (!isfinite(x[i]))
			die("%s:%s: number %zu is not finite", archive_name(f), key, i);
	return x;
}

static float *required(float *x, const struct archive *f, const char *key)
{
	if (!x)
		die("%s: no %s: not an SAE of a known layout", archive_name(f), key);
	return x;
}

/* cfg.json beside SAELens's weights, or an empty object. */
static json_t *configuration(const char *file)
{
	char *folder = folder_of(file), *path = xasprintf("%s/cfg.json", folder);
	json_error_t error;
	json_t *cfg = access(path, F_OK) == 0 ? json_load_file(path, 0, &error) : json_object();

	if (!cfg)
		die("%s: line %d: %s", path, error.line, error.text);
	if (!json_is_object(cfg))
		die("%s: no JSON object", path);
	free(path);
	free(folder);
	return cfg;
}

static const char *text(const json_t *cfg, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(cfg, key));

	return s ? s : otherwise;
}

static void set_topk(struct sae *s, const char *file, double k)
{
	if (!(k >= 1 && k <= (double)s->features) || k != floor(k))
		die("%s: k = %g of %zu features", file, k, s->features);
	s->architecture = SAE_TOPK;
	s->k = (size_t)k;
}

/* Gemma Scope: JumpReLU, b_dec not subtracted. A k in the file makes it TopK. */
static void gemma_scope(struct sae *s, struct archive *f)
{
	struct array k;

	s->architecture = s->threshold ? SAE_JUMPRELU : SAE_STANDARD;
	if (!archive_find(f, "k", &k))
		return;
	if (array_count(&k) != 1)
		die("%s:k: %zu numbers, where one is needed", archive_name(f), array_count(&k));
	set_topk(s, archive_name(f), sm_to_double(k.data, k.dtype, 0));
}

/* Centring of the input, x - b_dec, as a part of the bias: b_enc -= b_dec W_enc. */
static void centre(struct sae *s)
{
	double *shift = xcalloc(s->features, sizeof *shift);

	for (size_t k = 0; k < s->d; k++)
		for (size_t i = 0; i < s->features; i++)
			shift[i] += (double)s->b_dec[k] * (double)s->w_enc[k * s->features + i];
	for (size_t i = 0; i < s->features; i++)
		s->b_enc[i] = (float)((double)s->b_enc[i] - shift[i]);
	free(shift);
}

static void decoder_norms(struct sae *s)
{
	s->scale = xalloc(s->features, sizeof *s->scale);
	for (size_t i = 0; i < s->features; i++) {
		double sum = 0;
		for (size_t k = 0; k < s->d; k++)
			sum += (double)s->w_dec[i * s->d + k] * (double)s->w_dec[i * s->d + k];
		s->scale[i] = (float)sqrt(sum);
	}
}

/* SAELens: what cfg.json says; without one, JumpReLU if there is a threshold. k makes it TopK. */
static void saelens(struct sae *s, const char *file)
{
	json_t *cfg = configuration(file);
	const char *kind = text(cfg, "architecture", s->threshold ? "jumprelu" : "standard");
	const char *normalized = text(cfg, "normalize_activations", "none");
	const char *function = text(cfg, "activation_fn_str", text(cfg, "activation_fn", "relu"));
	json_t *k = json_object_get(cfg, "k");
	json_t *apply = json_object_get(cfg, "apply_b_dec_to_input");

	if (!k)
		k = json_object_get(json_object_get(cfg, "activation_fn_kwargs"), "k");
	if (strcmp(kind, "standard") != 0 && strcmp(kind, "jumprelu") != 0
		&& strcmp(kind, "topk") != 0)
		die("%s: architecture '%s': standard, jumprelu and topk are known", file, kind);
	if (strcmp(function, "relu") != 0 && strcmp(function, "topk") != 0)
		die("%s: activation function '%s': relu and topk are known", file, function);
	if (strcmp(normalized, "none") != 0)
		die("%s: normalize_activations '%s': give it states that are normalised so, and "
			"set it to none", file, normalized);
	s->architecture = strcmp(kind, "jumprelu") == 0 ? SAE_JUMPRELU : SAE_STANDARD;
	if (json_is_number(k))
		set_topk(s, file, json_number_value(k));
	else if (strcmp(kind, "topk") == 0 || strcmp(function, "topk") == 0)
		die("%s: TopK, and cfg.json has no k", file);
	else if (s->architecture == SAE_JUMPRELU && !s->threshold)
		die("%s: architecture jumprelu, and no threshold", file);
	if (!apply || json_is_true(apply))
		centre(s);
	if (json_is_true(json_object_get(cfg, "rescale_acts_by_decoder_norm")))
		decoder_norms(s);
	json_decref(cfg);
}

struct sae *sae_open(const char *path)
{
	struct sae *s = xcalloc(1, sizeof *s);
	char *file = weights_file(path), *folder = folder_of(file), *full = realpath(folder, NULL);
	struct archive *f = archive_open(file);

	s->name = array_base_name(full ? full : folder);
	s->w_enc = required(weights(f, "W_enc", 2, &s->d, &s->features), f, "W_enc");
	s->w_dec = required(weights(f, "W_dec", 2, &s->features, &s->d), f, "W_dec");
	s->b_enc = required(weights(f, "b_enc", 1, &s->features, NULL), f, "b_enc");
	s->threshold = weights(f, "threshold", 1, &s->features, NULL);
	s->b_dec = required(weights(f, "b_dec", 1, &s->d, NULL), f, "b_dec");
	if (archive_zipped(f))
		gemma_scope(s, f);
	else
		saelens(s, file);
	archive_close(f);
	free(full);
	free(folder);
	free(file);
	return s;
}

void sae_close(struct sae *s)
{
	free(s->name);
	free(s->w_enc);
	free(s->b_enc);
	free(s->threshold);
	free(s->w_dec);
	free(s->b_dec);
	free(s->scale);
	free(s);
}

struct encoder sae_encoder(const struct sae *s)
{
	return (struct encoder){
		.d = s->d, .features = s->features,
		.w_enc = s->w_enc, .b_enc = s->b_enc, .scale = s->scale,
		.threshold = s->architecture == SAE_JUMPRELU ? s->threshold : NULL, .k = s->k,
	};
}
