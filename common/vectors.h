/* Features as vectors: the stages whose distances are Euclidean between them. */
#ifndef VECTORS_H
#define VECTORS_H

#include "stage.h"

struct vectors {
	size_t n, d;
	float *at;		/* (n, d) */
};

/* What such a stage works in: its context. */
struct vector_stage;

/* Distances |row_i - col_j|^p, p 1 or 2, times `scale`. The rows must outlive it; stage->col.n columns. */
struct vector_stage *vector_stage(struct stage *, const struct vectors *row, const struct vectors *col, int p, float scale);
void vector_stage_free(struct vector_stage *);

#endif
