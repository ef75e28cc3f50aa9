/* A delphi cache: sparse activations of one layer in a folder of files A_B.safetensors, each for
 * the latents A to B, with `locations` (nnz, 3) = (sequence, position, latent - A), `activations`
 * (nnz), and perhaps `tokens` (sequences, context); or in one such file for all latents. */
#ifndef FILE_DELPHI_H
#define FILE_DELPHI_H

#include "file/array.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delphi;

/* A folder or a file. What the files may not say, 0 where it is not given: the length of a
 * sequence, where there are neither tokens nor a cache_ctx_len in config.json; the number of
 * features, of one file for all, where it is else one more than the largest latent. */
struct delphi *delphi_open(const char *path, size_t context, size_t features);
void delphi_close(struct delphi *);
size_t delphi_features(const struct delphi *);
size_t delphi_tokens(const struct delphi *);
size_t delphi_context(const struct delphi *);
/* The vocabulary ids of the tokens, (sequences, context); no data when the cache has none. Then it
 * has as many tokens as the last sequence with an activation tells, or more: delphi_extend() takes
 * their number, false when it is none of whole sequences, or too few. */
const struct array *delphi_vocab(const struct delphi *);
bool delphi_extend(struct delphi *, size_t tokens);

/* Is an activation below 0? One pass. */
bool delphi_negative(const struct delphi *);

/* Calls hit(feature, value, user) for each activation of the token, feature ascending. Tokens have
 * to be asked for in ascending order. */
void delphi_token(struct delphi *, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user);

#endif
