/* Inside file/sae.c, sae_input.c, sae_rule.c and sae_weights.c: an SAE while it is read. */
#ifndef FILE_SAE_READING_H
#define FILE_SAE_READING_H

#include "file/sae.h"

struct sae_reading {
	struct sae *sae;
	struct archive *file;
	struct archive *decoder;	/* the file of W_dec: often the same; NULL: not needed */
	size_t row, row_from, layers;	/* numbers of W_dec's rows, which go to so many layers; from
					 * where on they are taken */
	struct sae_config config;
	struct sae_layout layout;
	struct sae_options options;
	const char *name;		/* of the file, for error lines */
	unsigned parts;
	size_t models;			/* W_dec is (models, features, d); 1: (features, row) */
	bool decoder_norms;		/* the lengths of the decoder's rows are the scale, ... */
	bool norms_of_models;		/* ... or the sums of those of the models' parts */
	float *mean, *gain;		/* (d): (x - mean) gain is encoded; or NULL */
	const float *row_scale;		/* by which rows of W_dec are multiplied, or NULL */
};

/* sae_input.c: sets what the encoder does with states first, mean and gain. */
void sae_read_input(struct sae_reading *);
/* Ends the program where an SAE decodes to states that are normalised. */
void sae_refuse_normalised(struct sae_reading *);

/* sae_rule.c: architecture, thresholds, k and centring, and the input. */
void sae_read_rule(struct sae_reading *);

/* sae_weights.c: (n) numbers, or n times the only one where `one` is taken for all. NULL when the
 * file has none of these names, "a|b". */
float *sae_numbers(struct sae_reading *, const char *names, size_t n, bool one);
/* One number; false when there is none. */
bool sae_scalar(struct sae_reading *, const char *names, double *x);
/* The matrices that are asked for, the biases and the scale. Passes take the file of W_dec over. */
void sae_read_weights(struct sae_reading *);
void sae_passes_close(struct sae_passes *);

#endif
