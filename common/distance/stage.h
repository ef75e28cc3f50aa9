/* What all distance stages share: which rows, the nearest columns, threads, blocks, the stream. */
#ifndef DISTANCE_STAGE_H
#define DISTANCE_STAGE_H

#include "base/opt.h"
#include "stream/distances.h"

extern size_t top_k;		/* --top; 0: all columns */
extern struct part row_part;	/* --rows; n is 0 without it */

#define OPT_TOP {"top", OPT_SIZE, &top_k, "K", "only the K nearest columns of each row, nearest first", 1, UINT32_MAX}
#define OPT_ROWS {"rows", OPT_PART, &row_part, "I/N", "block I of N of the rows; framecat --merge joins them", 0, 0}

struct stage {
	struct ids row, col;
	bool self;		/* of a set with itself: rows and columns are the same, distances symmetric */
	bool chosen;		/* solve() is all that will be asked of it */
	unsigned given;		/* beside dist: BOUNDS, ITERATIONS */
	size_t together;	/* rows that one thread should solve in turn; 0: one */
	void *context;
	/* Writes row i at k columns: out->dist[0 .. k), ... and what else is given, of col[0], ... The same pair has
	 * the same bits in any row, among any columns, in any thread < threads. */
	void (*solve)(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out);
	/* The k nearest columns of row i, sorted, the lower column first of equals: out->col[0 .. k), out->dist[0 .. k),
	 * ... NULL: they are chosen from the whole row. */
	void (*nearest)(void *context, size_t thread, size_t i, size_t k, struct entries *out);
	/* The sampling error of every entry is told by how far apart it is in two stages, those of the same rows and
	 * columns between the halves of their tokens, as a root mean square over all halvings: sqrt(mean of (D1 -
	 * D2)^2 / 4) (McCarthy 1969). It is infinite for features that some halving left undivided. */
	size_t halves;		/* 0, or two for every halving */
	const struct stage *half;
	const bool *row_undivided, *col_undivided;
};

/* The rows that --rows asks for: first .. end-1. */
void stage_rows(const struct stage *, size_t *first, size_t *end);

/* Writes a whole stream of what --rows and --top ask for; kind, rows, cols, top and first_row join the header. */
void write_stage(struct sm_writer *, struct sm_frame *header, const struct stage *);
/* The same, and nothing after it. */
void run_stage(struct sm_writer *, struct sm_frame *header, const struct stage *);

#endif
