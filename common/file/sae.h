/* Sparse autoencoders in files: Gemma Scope's params.npz and SAELens's sae_weights.safetensors with
 * cfg.json. */
#ifndef FILE_SAE_H
#define FILE_SAE_H

#include "kernel/encode.h"

#include <stdbool.h>
#include <stddef.h>

enum sae_architecture { SAE_STANDARD, SAE_JUMPRELU, SAE_TOPK };

struct sae {
	char *name;		/* of the folder that holds the file */
	enum sae_architecture architecture;
	size_t d, features, k;	/* k: of TopK, else 0 */
	float *w_enc;		/* (d, features), packed: kernel/product.h; or NULL */
	float *b_enc;		/* (features); with w_enc, and what centring adds: -b_dec W_enc */
	float *threshold;	/* (features), NULL when the file has none */
	float *w_dec;		/* (features, d), or NULL */
	float *b_dec;		/* (d) */
	float *scale;		/* (features) by which pre-activations are multiplied, or NULL */
};

const char *sae_architecture_name(enum sae_architecture);

enum { SAE_W_ENC = 1, SAE_W_DEC = 2 };

/* Reads an SAE, of its matrices these parts, from a file or from the folder that holds it; what is
 * wrong with it ends the program. Beside them no more than a megabyte or so is held. */
struct sae *sae_open(const char *path, unsigned parts);
void sae_close(struct sae *);

/* What encodes with it; it points into the SAE. */
struct encoder sae_encoder(const struct sae *);

/* Does this path hold an SAE (a folder, .npz or .safetensors), rather than a stream? */
bool sae_path(const char *path);

#endif
