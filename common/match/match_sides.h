/* What matchings are scored on: activations of the rows' features (side 0) and of the columns'
 * (side 1), over the same tokens or over coupled ones, and a matching by places among them. */
#ifndef MATCH_MATCH_SIDES_H
#define MATCH_MATCH_SIDES_H

#include "file/sae.h"
#include "stream/coupled_texts.h"
#include "stream/matching.h"

struct match_sides {
	const char *file[2];
	struct activation_streams all;
	size_t first;			/* of the second side's streams among all */
	struct dictionary side[2];
	const struct coupling *coupling;	/* of their tokens; NULL: these are the same */
	struct coupled_texts texts;
	struct sm_frame header;		/* what the headers of both sides say */
};

/* file: kept as pointers. coupling: a file of one, or NULL. */
void match_sides_open(struct match_sides *, const char *const file[2], const char *coupling);
void match_sides_free(struct match_sides *);

/* The header of a matching becomes that of its scores. The sides have to stay until it is
 * written. */
void match_sides_header(struct sm_frame *header, const struct match_sides *);

/* The SAE of a side, its parts as for sae_open(); it has to be of one stream and its features. */
struct sae *match_sides_sae(const struct match_sides *, int side, const char *path,
	unsigned parts);

/* A matching by places in the two dictionaries. */
struct placed_pairs {
	size_t n, m;
	uint32_t *row, *col;		/* (n) */
	uint32_t *all;			/* (m): the columns, matched or free, ascending */
	uint32_t *at;			/* (n): where each pair's column is among all */
	uint32_t *order;		/* (n): the pairs from the cheapest on */
	bool repeat;			/* may columns repeat? */
	const float *cost;		/* (n): the matching's */
	const uint8_t *certified;	/* the same */
};

struct placed_pairs placed_pairs_of(const struct match_sides *, const struct sm_reader *,
	const struct sm_frame *header, const struct matching *);
void placed_pairs_free(struct placed_pairs *);

/* x (n), a number for each pair in that order: of pairs of one cost, whose order says nothing, each
 * gets the mean. */
void placed_pairs_level(double *x, const struct placed_pairs *);

#endif
