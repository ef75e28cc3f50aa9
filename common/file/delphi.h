/* A delphi cache: sparse activations of one layer in a folder of files A_B.safetensors, each for the latents
 * A to B, with `locations` (nnz, 3) = (sequence, position, latent - A), `activations` (nnz), and `tokens`
 * (sequences, context). */
#ifndef FILE_DELPHI_H
#define FILE_DELPHI_H

#include "file/array.h"

#include <stddef.h>
#include <stdint.h>

struct latents;

struct latents *latents_open(const char *folder);
void latents_close(struct latents *);
size_t latents_features(const struct latents *);
size_t latents_tokens(const struct latents *);
size_t latents_context(const struct latents *);
/* The vocabulary ids of the tokens, (sequences, context). */
const struct array *latents_vocab(const struct latents *);

/* Calls hit(feature, value, user) for each activation of the token, feature ascending. Tokens have to be
 * asked for in ascending order. */
void latents_token(struct latents *, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user);

#endif
