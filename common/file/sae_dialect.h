/* The table of the files that hold sparse autoencoders. A dialect is a row: the names of the
 * arrays, the settings beside them, and what the two say of the encoder. The names decide, the
 * settings refine; what neither of them says is asked for. */
#ifndef FILE_SAE_DIALECT_H
#define FILE_SAE_DIALECT_H

#include "file/array.h"
#include "file/sae_config.h"

#include <stdio.h>

enum sae_key { KEY_W_ENC, KEY_W_DEC, KEY_B_ENC, KEY_B_DEC, SAE_KEYS };

enum sae_architecture {
	SAE_STANDARD, SAE_JUMPRELU, SAE_TOPK, SAE_TANH_RELU, SAE_GROUPMAX, SAE_ABSTOPK, SAE_GATED,
	SAE_TOPAFA, SAE_PURSUIT, SAE_K_PURSUIT, SAE_ITDA,
	SAE_BY_KEYS	/* jumprelu with thresholds, topk with a k, else standard */
};

/* Is b_dec subtracted from the states before they are encoded? */
enum sae_b_dec {
	B_DEC_SUBTRACTED, B_DEC_ADDED_ONLY,
	B_DEC_SAELENS,		/* unless apply_b_dec_to_input is false */
	B_DEC_SPARSIFY,		/* unless transcode is true */
	B_DEC_OPEN		/* nothing says */
};

/* What is done with the states before. */
enum sae_input {
	INPUT_STATES, INPUT_LAYER_NORM,
	INPUT_SAELENS,		/* as normalize_activations says */
	INPUT_OPENMOSS,		/* as norm_activation says */
	INPUT_STATISTICS	/* less activation_mean, scaled, where that is a number */
};

/* Files that are read without settings. */
enum { BARE_NPZ = 1, BARE_SAFETENSORS = 2, BARE_NPY = 4, BARE_PT = 8, BARE = 15 };

struct dialect {
	const char *name;		/* of --encoder */
	const char *from;		/* whose files they are */
	const char *key[SAE_KEYS];	/* names, "a|b" either; NULL: there is none */
	const char *with, *without;	/* others that have to be there, that must not; or NULL */
	unsigned configs;		/* of sae_config_kind */
	const char *kinds;		/* what the settings name, "a|b"; NULL: anything */
	unsigned bare;
	bool turned[2];			/* is W_enc (features, d), W_dec (d, features)? */
	bool stacked;			/* W_enc (m, d, features) of m models */
	bool elsewhere;			/* decodes to other states than it encodes */
	bool models_first;		/* W_dec (m, features, d); code_normalization_id */
	enum sae_architecture architecture;
	enum sae_b_dec b_dec;
	enum sae_input input;
	const char *threshold;	/* places, first that is there: NAME, exp:NAME, cfg:PATH */
	const char *k;			/* the same; NULL: none, or --k alone */
	const char *refused;		/* why it is not encoded */
};

extern const struct dialect sae_dialects[];	/* the last has no name */

/* A dialect's arrays in a file. */
struct sae_layout {
	const struct dialect *dialect;
	char *key[SAE_KEYS];		/* names in the file; NULL: there is none */
	char *prefix, *suffix;		/* of all names, such as "sae." and "_12" */
	size_t d, features;
};

/* Finds the dialect of a file, or takes the one of that name. Ends the program with what was found
 * and what decides when there is none, or more than one. */
struct sae_layout sae_layout_of(struct archive *, const struct sae_config *, const char *encoder);
void sae_layout_free(struct sae_layout *);

/* The full name in the file, to free(): NULL when no such array is there. */
char *sae_layout_key(const struct sae_layout *, struct archive *, const char *names);

const char *sae_architecture_name(enum sae_architecture);
/* Has it a k, has it negative activations? */
bool sae_takes_k(enum sae_architecture);
bool sae_signed(enum sae_architecture);

/* The table as lines of a manual page. */
void sae_dialects_print(FILE *);

#endif
