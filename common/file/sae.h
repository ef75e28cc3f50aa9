/* Sparse autoencoders in files: Gemma Scope's params.npz and SAELens's sae_weights.safetensors with
 * cfg.json. */
#ifndef FILE_SAE_H
#define FILE_SAE_H

#include <stdbool.h>
#include <stddef.h>

enum architecture { STANDARD, JUMPRELU, TOPK };

struct sae {
	char *name;		/* of the folder that holds the file */
	enum architecture architecture;
	size_t d, features, k;
	float *w_enc;		/* (d, features) */
	float *b_enc;		/* (features), with what the input's centring adds: -b_dec W_enc */
	float *threshold;	/* (features), NULL when the file has none */
	float *w_dec;		/* (features, d) */
	float *b_dec;		/* (d) */
	float *scale;		/* (features) by which pre-activations are multiplied, or NULL */
};

const char *architecture_name(enum architecture);

/* Reads an SAE from a file or from the folder that holds it; what is wrong with it ends the program. */
struct sae *sae_open(const char *path);
void sae_close(struct sae *);

/* Does this path hold an SAE (a folder, .npz or .safetensors), rather than a stream? */
bool sae_path(const char *path);

#endif
