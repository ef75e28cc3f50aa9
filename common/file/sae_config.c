#include "file/sae_config.h"

#include "base/die.h"
#include "file/folder.h"
#include "file/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MOST = 1 << 22 };

const char *sae_config_writer(enum sae_config_kind kind)
{
	static const char *const name[] = {"no", "SAELens's", "sparsify's", "dictionary_learning's",
		"Llama Scope's", "Gemma Scope's", "circuit-tracer's", "ITDA's",
		"saev's"};

	return name[__builtin_ctz(kind)];
}

/* -- Files ------------------------------------------------------------------------------------- */

/* The first of n files that the folder holds, to free(), or NULL. */
static char *first_file(const char *folder, const char *const *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", folder, name[i]);
		if (path_exists(file))
			return file;
		free(file);
	}
	return NULL;
}

static char *known_file(const char *folder)
{
	static const char *const known[] = {"sae_weights.safetensors", "sae.safetensors",
		"params.npz", "params.safetensors", "checkpoints/final.safetensors", "atoms.npy",
		"atoms.pt", "ae.pt"};

	return first_file(folder, known, sizeof known / sizeof *known);
}

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static char *file_in(const char *folder)
{
	char *file = known_file(folder), *first = NULL;
	DIR *dir = file ? NULL : folder_open(folder);
	size_t n = 0;

	if (file)
		return file;
	for (struct dirent *e; dir && (e = folder_next(dir, folder)); )
		if (ends(e->d_name, ".safetensors") || ends(e->d_name, ".npz")
				|| ends(e->d_name, ".pt") || ends(e->d_name, ".pth")) {
			n++;
			if (!first || strcmp(e->d_name, first) < 0) {
				free(first);
				first = xasprintf("%s", e->d_name);
			}
		}
	if (dir)
		closedir(dir);
	if (n > 1)
		die("%s: holds %zu files of weights: name one, such as %s/%s", folder, n, folder,
			first);
	if (n == 0)
		die("%s: holds neither sae_weights.safetensors nor params.npz, nor another "
			".safetensors, .npz or .pt", folder);
	file = xasprintf("%s/%s", folder, first);
	free(first);
	return file;
}

char *sae_weights_file(const char *path)
{
	return is_folder(path) ? file_in(path) : xasprintf("%s", path);
}

/* "a/b/c": "a/b"; "c": "." */
static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? xasprintf("%.*s", (int)(slash - file), file) : xasprintf(".");
}

char *sae_folder(const char *weights)
{
	char *folder = folder_of(weights);

	if (ends(folder, "/checkpoints")) {
		char *above = folder_of(folder);
		free(folder);
		return above;
	}
	return folder;
}

/* Does the folder hold a file of weights that is read before this one? */
static bool of_another(const char *weights)
{
	char *folder = sae_folder(weights), *first = known_file(folder);
	char *a = first ? real_path(first) : NULL, *b = real_path(weights);
	bool another = a && (!b || strcmp(a, b) != 0);

	free(folder);
	free(first);
	free(a);
	free(b);
	return another;
}

char *sae_file_beside(const char *weights, const char *const *name, size_t n)
{
	char *folder = sae_folder(weights), *file = first_file(folder, name, n);

	free(folder);
	return file;
}

static char *settings_file(const char *weights)
{
	static const char *const known[] = {"cfg.json", "config.json", "hyperparams.json",
		"config.yaml", "config.yml", "metadata.yaml"};

	return sae_file_beside(weights, known, sizeof known / sizeof *known);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* "8", "true", "'topk'" as JSON has them. */
static json_t *yaml_value(char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
	size_t n = strlen(text);

	if (!v && n > 1 && (*text == '\'' || *text == '"') && text[n - 1] == *text) {
		text[n - 1] = '\0';
		text++;
	}
	return v ? v : json_string(text);
}

/* The lines `key: value` that are not indented; all others are passed by. */
static json_t *read_yaml(const char *path, const char *bytes, size_t n)
{
	char *text = xasprintf("%.*s", (int)n, bytes), *rest = text, *line;
	json_t *out = json_object();

	if (strlen(text) < n)
		die("%s: a zero byte, where settings are text", path);
	while ((line = strsep(&rest, "\n"))) {
		char *comment = strstr(line, " #");
		if (comment)
			*comment = '\0';
		char *colon = strchr(line, ':');
		if (!colon || strchr(" \t#-", *line))
			continue;
		*colon++ = '\0';
		colon += strspn(colon, " \t");
		size_t length = strlen(colon);
		while (length > 0 && strchr(" \t\r", colon[length - 1]))
			colon[--length] = '\0';
		if (length > 0 && json_object_set_new(out, line, yaml_value(colon)) != 0)
			die("%s: %s: no UTF-8", path, line);
	}
	free(text);
	return out;
}

static json_t *read_json(const char *path, const char *bytes, size_t n)
{
	json_error_t error;
	json_t *v = json_loadb(bytes, n, 0, &error);

	if (!v)
		die("%s: line %d: %s", path, error.line, error.text);
	if (!json_is_object(v))
		die("%s: no JSON object", path);
	return v;
}

/* A mapping_length(): of a device no more is read. */
static size_t most_bytes(const char *name, const char *bytes, size_t n)
{
	(void)name, (void)bytes, (void)n;
	return BYTES_MOST;
}

static json_t *read_settings(const char *path)
{
	struct mapping *m = xcalloc(1, sizeof *m);

	mapping_open(m, path, most_bytes);
	if (m->n > BYTES_MOST)
		die("%s: settings of %zu bytes: %d are the most", path, m->n, BYTES_MOST);
	json_t *v = ends(path, ".json") ? read_json(path, m->bytes, m->n)
		: read_yaml(path, m->bytes, m->n);
	mapping_close(m);
	free(m);
	return v;
}

const json_t *sae_config_get(const struct sae_config *c, const char *path)
{
	const json_t *v = c->json;
	char key[64];

	while (v && *path) {
		size_t n = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)n, path);
		v = json_object_get(v, key);
		path += n + (path[n] == '.');
	}
	return json_is_null(v) ? NULL : v;
}

bool sae_config_true(const struct sae_config *c, const char *key, bool otherwise)
{
	const json_t *v = sae_config_get(c, key);

	if (v && !json_is_boolean(v))
		die("%s: %s is neither true nor false", c->path, key);
	return v ? json_is_true(v) : otherwise;
}

const char *sae_config_text(const struct sae_config *c, const char *path)
{
	return json_string_value(sae_config_get(c, path));
}

void sae_config_check(const struct sae_config *c, const char *const *keys, size_t n,
	const char *of)
{
	for (; *keys; keys++) {
		const json_t *v = sae_config_get(c, *keys);
		if (json_is_number(v) && json_number_value(v) > 0
				&& json_number_value(v) != (double)n)
			die("%s: %s is %g, where the weights have %zu %s", c->path, *keys,
				json_number_value(v), n, of);
	}
}

/* -- Whose they are ---------------------------------------------------------------------------- */

static bool has(const struct sae_config *c, const char *const *keys)
{
	for (; *keys; keys++)
		if (sae_config_get(c, *keys))
			return true;
	return false;
}
#define HAS(c, ...) has(c, (const char *const []){__VA_ARGS__, NULL})

static const char *or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

/* A text that says what the encoder does; what is there and is no text ends the program. */
static const char *word(const struct sae_config *c, const char *key)
{
	const json_t *v = sae_config_get(c, key);

	if (v && !json_is_string(v))
		die("%s: %s is no text", c->path, key);
	return json_string_value(v);
}

/* SAELens before version 6 has the activation function beside the architecture. */
static char *saelens_kind(const struct sae_config *c)
{
	const char *kind = or(word(c, "architecture"), "standard");
	const char *function = or(word(c, "activation_fn_str"),
		or(sae_config_text(c, "activation_fn"), "relu"));

	if (!HAS(c, "architecture", "activation_fn_str", "activation_fn", "hook_point"))
		return xasprintf("unnamed");
	if (strcmp(function, "relu") == 0 || strcmp(function, kind) == 0)
		return xasprintf("%s", kind);
	if (strcmp(kind, "standard") == 0)
		return xasprintf("%s", function);
	return xasprintf("%s with %s", kind, function);
}

/* Sets c->kind; the word for the architecture. */
static char *set_kind(struct sae_config *c)
{
	const char *class = sae_config_text(c, "trainer.dict_class");

	if (class || (class = sae_config_text(c, "dict_class"))) {
		c->kind = CONFIG_DICTIONARY_LEARNING;
		return xasprintf("%s", class);
	}
	if (HAS(c, "num_latents", "transcode", "normalize_decoder", "multi_topk")) {
		c->kind = CONFIG_SPARSIFY;
		return xasprintf("%s", sae_config_true(c, "signed", false) ? "signed"
			: or(sae_config_text(c, "activation"), "topk"));
	}
	if (HAS(c, "act_fn", "norm_activation", "dataset_average_activation_norm")) {
		c->kind = CONFIG_OPENMOSS;
		return xasprintf("%s", or(sae_config_text(c, "act_fn"), ""));
	}
	if (HAS(c, "activation.cls")) {
		c->kind = CONFIG_SAEV;
		return xasprintf("%s", or(sae_config_text(c, "activation.cls"), ""));
	}
	if (ends(c->path, "metadata.yaml")) {
		c->kind = CONFIG_ITDA;
		return xasprintf("%s", "");
	}
	if (ends(c->path, ".yaml") || ends(c->path, ".yml")) {
		c->kind = CONFIG_CIRCUIT_TRACER;
		return xasprintf("%s", "");
	}
	if (HAS(c, "hf_hook_point_in", "hf_hook_point_out", "affine_connection")) {
		c->kind = CONFIG_GEMMA_SCOPE;
		return xasprintf("%s", "");
	}
	if (!ends(c->path, "cfg.json") && !HAS(c, "d_sae", "architecture", "activation_fn",
		"activation_fn_str", "apply_b_dec_to_input", "normalize_activations"))
		return xasprintf("%s", "");	/* of something else */
	c->kind = CONFIG_SAELENS;
	return saelens_kind(c);
}

struct sae_config sae_config_open(const char *weights)
{
	struct sae_config c = {.kind = CONFIG_NONE, .path = settings_file(weights)};

	if (!c.path)
		return sae_config_none();
	c.of_another = of_another(weights);
	c.json = read_settings(c.path);
	c.kind_of_sae = set_kind(&c);
	return c;
}

struct sae_config sae_config_of(const char *weights, json_t *settings)
{
	struct sae_config c = {.kind = CONFIG_NONE, .path = xasprintf("%s", weights),
		.json = settings};

	c.kind_of_sae = set_kind(&c);
	return c;
}

struct sae_config sae_config_none(void)
{
	return (struct sae_config){.kind = CONFIG_NONE, .kind_of_sae = xasprintf("%s", ""),
		.json = json_object()};
}

void sae_config_close(struct sae_config *c)
{
	free(c->path);
	free(c->kind_of_sae);
	json_decref(c->json);
}
