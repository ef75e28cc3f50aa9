/* Ready-made activations of one layer, read in order:
 *
 * delphi	a delphi cache: file/delphi.h
 * dense	(tokens, features), in one file or in several read in order as one; "-" is a .npy on
 *		stdin
 * CSR		arrays data, indices, indptr and shape, as scipy.sparse.save_npz writes them
 * pairs	(tokens, k) indices and values, in one file by their usual names or in two files
 *
 * What is wrong with a file is one line on stderr and exit 1. Memory: 64k numbers of each array,
 * and the activations of a token; of a delphi cache, nothing. A dense .npz is unpacked. */
#ifndef FILE_READY_H
#define FILE_READY_H

#include "base/opt.h"
#include "file/array.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ready;

struct ready_options {
	struct list values;		/* FILE or FILE:KEY, or a folder; several of dense ones */
	const char *indices;		/* of pairs in two files, or NULL */
	/* Of a sequence, which arrays (sequences, context, ...) need; and of features, where a file
	 * does not say it: 0, one more than the largest index, which is noted. */
	size_t context, features;
};

struct ready *ready_open(const struct ready_options *);
void ready_close(struct ready *);
const char *ready_name(const struct ready *);		/* of the first file */
size_t ready_tokens(const struct ready *);
size_t ready_features(const struct ready *);
size_t ready_context(const struct ready *);		/* 0: not known */
/* The delphi cache, or NULL. */
struct delphi *ready_cache(const struct ready *);

/* Calls hit(feature, value, user) for each activation of the token that is not 0, feature
 * ascending. Tokens have to be asked for in ascending order. */
void ready_token(struct ready *, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user);
/* After the last token that was asked for: reads and checks what is left. */
void ready_end(struct ready *);

#endif
