/* The pairs of a matching that is being made: added one by one, then written. */
#ifndef MATCH_PAIR_LIST_H
#define MATCH_PAIR_LIST_H

#include "base/pool.h"
#include "stream/matching.h"

struct pair {
	size_t row, col;		/* places among the features of rows and columns */
	double cost;
	float margin, chance, error;
	bool certified;
};

struct pair_list {
	bool chances, errors, verdicts;	/* are these written? */
	size_t n;
	uint32_t *row, *col;		/* (n), as all that follows */
	const char **row_layer, **col_layer;
	uint32_t *row_feature, *col_feature;
	float *cost, *margin, *chance, *error;
	uint8_t *certified;
	double total;			/* of the costs */
	struct pool memory;
};

/* Room for `most` pairs. */
struct pair_list pair_list_open(size_t most);
void pair_list_free(struct pair_list *);

/* The names of layers stay those of row and col. */
void pair_list_add(struct pair_list *, const struct ids *row, const struct ids *col,
	const struct pair *);

/* The pairs as a matching, which points to the list and is not to be freed. */
struct matching pair_list_matching(const struct pair_list *);

/* Writes the two frames of a matching: the pairs; and the features of row and col that are in none,
 * with what the caller has put into `rest` before. Frees rest. */
void pair_list_write(struct sm_writer *, const struct pair_list *, const struct ids *row,
	const struct ids *col, struct sm_frame *rest);

#endif
