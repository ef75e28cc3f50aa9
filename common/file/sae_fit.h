/* How well an SAE explains the states that it encodes: not at all when they are of another layer.
 *
 *	explained = 1 - sum_t |u_t - u^_t|^2 / sum_t |u_t - mean u|^2
 *	u^_t      = b_dec + sum_i a_ti W_dec[i]
 *
 * u_t is the state as it is encoded: scaled, normalised (kernel/encode.h). A state of more than 4
 * times the median length is massive (Sun et al. 2024), as those of first tokens often are; the few
 * of them would decide the sums alone. */
#ifndef FILE_SAE_FIT_H
#define FILE_SAE_FIT_H

#include "file/sae.h"
#include "file/tokens.h"

struct sae_fit *sae_fit_open(const struct sae *);
void sae_fit_close(struct sae_fit *);

/* Takes rows 0, step, ... of a chunk, which is encoded; its states x are of no use after. What is
 * massive is told by the median of the first chunk. Of an SAE without passes only features are
 * counted. */
void sae_fit_add(struct sae_fit *, struct chunk *, size_t step);

/* One note, when the states that are not massive are explained by less than their mean would, and
 * are enough to tell. */
void sae_fit_warn(const struct sae_fit *, const char *sae, const char *states);

/* Lines of name and value on stdout, for the features from..to-1. */
void sae_fit_print(const struct sae_fit *, size_t from, size_t to);

#endif
