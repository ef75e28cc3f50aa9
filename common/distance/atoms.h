/* Features of ITDA dictionaries, whose atoms are states, as the tokens that these are states of:
 * two dictionaries, of any models, are compared by the tokens that they chose. */
#ifndef DISTANCE_ATOMS_H
#define DISTANCE_ATOMS_H

#include "distance/stage.h"
#include "file/sae.h"

#include <stdint.h>

/* {0} is none. */
struct atoms {
	size_t n, unknown;
	uint64_t *token;	/* (n): sequence, position and sign, or ATOM_UNKNOWN */
	char *dataset;		/* the text that the settings name, ... */
	size_t sequence;	/* ... and the tokens of its sequences; NULL, 0: they do not */
};

#define ATOM_UNKNOWN UINT64_MAX

/* Appends n features, numbered as in streams, of the SAE at `path`. Ends the program where it is no
 * ITDA dictionary with the tokens beside it, or is of another text than those before. */
void atoms_add(struct atoms *, const struct sae *, const char *path, const uint32_t *feature,
	size_t n);
void atoms_free(struct atoms *);

/* The distance is 0 for the same token and sign, else 1. Rows and columns are the same features
 * when both point to the same. They must outlive the stage. */
void atoms_open(struct stage *, const struct atoms *row, const struct atoms *col);

/* Sets metric, common and jaccard, and notes them: how many tokens the two have in common, |A n B|,
 * and what share of all, |A u B|. A token counts once, signs do not. Ends the program where their
 * settings say that they are of different texts. */
void atoms_header(struct sm_frame *, const struct atoms *a, const struct atoms *b);

#endif
