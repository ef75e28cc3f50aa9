/* The settings beside an SAE's weights: SAELens's cfg.json, config.json, hyperparams.json, and flat
 * YAML; or in their file. */
#ifndef FILE_SAE_CONFIG_H
#define FILE_SAE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

/* Whose settings they are by their keys; bits, so that a row of a table can take several. */
enum sae_config_kind {
	CONFIG_NONE = 1, CONFIG_SAELENS = 2, CONFIG_SPARSIFY = 4, CONFIG_DICTIONARY_LEARNING = 8,
	CONFIG_OPENMOSS = 16, CONFIG_GEMMA_SCOPE = 32, CONFIG_CIRCUIT_TRACER = 64,
	CONFIG_ITDA = 128, CONFIG_SAEV = 256
};

struct sae_config {
	enum sae_config_kind kind;
	char *path;		/* NULL: none */
	char *kind_of_sae;	/* the word in it that names the architecture; "" for none */
	json_t *json;		/* an object, empty for none */
	bool of_another;	/* the folder holds a file of weights that is read first */
};

const char *sae_config_writer(enum sae_config_kind);

/* Those of a file of weights: in its folder, or above a folder `checkpoints`. What cannot be read
 * ends the program. */
struct sae_config sae_config_open(const char *weights);
/* Those that the file of weights holds, of which it takes hold. */
struct sae_config sae_config_of(const char *weights, json_t *settings);
/* No settings. */
struct sae_config sae_config_none(void);
void sae_config_close(struct sae_config *);

/* The folder of a file of weights, above a folder `checkpoints`, to free(). */
char *sae_folder(const char *weights);

/* The first of n files that stands there, to free(); NULL when none does. */
char *sae_file_beside(const char *weights, const char *const *name, size_t n);

/* The file of weights, to free(): the path, or in a folder one of the names that libraries give, or
 * the only one there is. Ends the program when the folder has none. */
char *sae_weights_file(const char *path);

/* The value at a path "a.b"; NULL when there is none, or null. */
const json_t *sae_config_get(const struct sae_config *, const char *path);
/* A truth; what is neither true nor false ends the program. */
bool sae_config_true(const struct sae_config *, const char *key, bool otherwise);
/* A text; NULL for none. */
const char *sae_config_text(const struct sae_config *, const char *path);

/* Ends the program where a length that the settings have is another than n. */
void sae_config_check(const struct sae_config *, const char *const *keys, size_t n,
	const char *of);

#endif
