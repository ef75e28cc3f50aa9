/* A delphi cache: sparse activations of one layer in a folder of files A_B.safetensors, each for
 * the latents A to B, with `locations` (nnz, 3) = (sequence, position, latent - A), `activations`
 * (nnz), and `tokens` (sequences, context). */
#ifndef FILE_DELPHI_H
#define FILE_DELPHI_H

#include "file/array.h"

#include <stddef.h>
#include <stdint.h>

struct delphi;

struct delphi *delphi_open(const char *folder);
void delphi_close(struct delphi *);
size_t delphi_features(const struct delphi *);
size_t delphi_tokens(const struct delphi *);
size_t delphi_context(const struct delphi *);
/* The vocabulary ids of the tokens, (sequences, context). */
const struct array *delphi_vocab(const struct delphi *);

/* Calls hit(feature, value, user) for each activation of the token, feature ascending. Tokens have
 * to be asked for in ascending order. */
void delphi_token(struct delphi *, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user);

#endif
