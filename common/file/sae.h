/* Sparse autoencoders in files, of every dialect that file/sae_dialect.h lists. */
#ifndef FILE_SAE_H
#define FILE_SAE_H

#include "base/opt.h"
#include "file/sae_dialect.h"
#include "kernel/encode.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the user says of an SAE whose files leave it open. */
struct sae_options {
	const char *encoder;	/* a dialect's name; NULL: by keys and settings */
	int b_dec;		/* 0 subtract, 1 ignore, -1 not said */
	size_t k;		/* 0: not said */
	double input_scale;	/* 0: not said */
	double residual;	/* -1: not said */
	const char *to_layer;	/* of decoders to several layers; NULL: all of them */
};
#define SAE_OPTIONS_NONE {.b_dec = -1, .residual = -1}

/* For the programs that encode, and those that compare weights. */
#define OPT_SAE_ENCODER(o) {"encoder", OPT_TEXT, &(o)->encoder, "NAME", \
	"whose SAE it is, where its files leave that open: sae(5)", 0, 0}
#define OPT_SAE_B_DEC(o) {"b-dec", OPT_CHOICE, &(o)->b_dec, "subtract|ignore", \
	"what is done with b_dec before encoding, where the files leave that open", 0, 0}

struct sae {
	char *name;		/* of the folder that holds the file */
	const struct dialect *dialect;
	enum sae_architecture architecture;
	size_t d, features, k;	/* k: of those that have one, else 0 */
	size_t d_out;		/* of the decoder's rows: d but for transcoders */
	bool centred;		/* b_dec is subtracted from the states */
	float *w_enc;		/* (d, features), packed: kernel/product.h; or NULL */
	float *b_enc;		/* (features); with w_enc, and what centring adds: -b_dec W_enc */
	float *threshold;	/* (features), NULL when the file has none */
	float *w_dec;		/* (features, d_out), or NULL */
	struct sae_passes *passes;	/* over W_dec in its file, of SAE_PASSES; or NULL: ... */
	const char *elsewhere;	/* ... why it decodes to other states than it encodes; or NULL */
	float *b_dec;		/* (d_out), or NULL */
	float *scale;		/* (features) by which pre-activations are multiplied, or NULL */
	float *gain, *offset;	/* (features), of gated */
	struct encoder encoder;	/* what the files say of it; sae_encoder() fills the rest in */
};

/* The parts of an SAE that are read: its matrices; what the biases that the encoder uses need; what
 * encoding needs; what decoding does, which an SAE of normalised states is refused for; and W_dec a
 * part at a time, of an SAE that decodes to the states that it encodes. */
enum {
	SAE_W_ENC = 1, SAE_W_DEC = 2, SAE_BIAS = 4, SAE_RULE = 8, SAE_DECODES = 16, SAE_PASSES = 32
};

/* Reads an SAE, of these parts, from a file or from the folder that holds it; what is wrong with
 * it, or open for these parts, ends the program. Beside them no more than a megabyte or so is held.
 * Options may be NULL. */
struct sae *sae_open(const char *path, unsigned parts, const struct sae_options *);
void sae_close(struct sae *);

/* The features of a stream of its activations: of one with negative activations two for each, i for
 * positive ones and i + features for negative ones. */
size_t sae_stream_features(const struct sae *);

/* What decodes: activation a of a feature of such a stream adds to b_dec this times row
 * feature % features of W_dec. */
double sae_decoding(const struct sae *, size_t feature, double a);

/* States that are decoded: rows 0, step, 2 step, ... of x (n, d), and their activations in CSR. */
struct sae_rows {
	float *x;
	size_t n, step;
	const uint32_t *indptr, *feature;	/* features of a row ascending */
	const float *value;
};

/* x_t -= b_dec + sum_i decoding(a_ti) W_dec[i], in one pass over W_dec; the same for any number of
 * threads. A number that is not finite is taken as it is. */
void sae_subtract_decoded(const struct sae *, const struct sae_rows *);

/* What encodes with it; it points into the SAE. */
struct encoder sae_encoder(const struct sae *);

/* Does this path hold an SAE (a folder, .npz, .safetensors, .npy or .pt), rather than a stream? */
bool sae_path(const char *path);

#endif
