/* What all distance stages share: the options, which rows and columns are solved, threads, sampling
 * errors, and the stream that is written. */
#ifndef DISTANCE_STAGE_H
#define DISTANCE_STAGE_H

#include "base/opt.h"
#include "stream/distances.h"
#include "stream/distributions.h"

/* What a user may ask of any stage; {0} asks for all distances. */
struct stage_options {
	size_t top;		/* --top: only the nearest columns of each row; 0: all columns */
	double budget;		/* --budget: of a row's pairs; 0: as many as the proof takes */
	struct row_block rows;	/* --rows: only a block of the rows; n is 0: all rows */
	size_t halvings;	/* --error: halvings that sampling errors are from; 0: no errors */
};

#define OPT_TOP(o) {"top", OPT_SIZE, &(o)->top, "K", \
	"write only the K nearest columns of each row, the nearest first", 1, UINT32_MAX}
#define OPT_BUDGET(o) {"budget", OPT_REAL, &(o)->budget, "SHARE", \
	"with --top, look at no more than this share of a row's pairs", 1e-9, 1}
#define OPT_ROWS(o) {"rows", OPT_ROW_BLOCK, &(o)->rows, "I/N", \
	"write only block I of N of the rows; framecat --merge joins blocks", 0, 0}
#define OPT_ERROR(o) {"error", OPT_SIZE, &(o)->halvings, "R", \
	"write each distance's standard error, from R halvings: 4 or 8", \
	1, 1024}

/* Pairs that reached --max-iters before --tol, and the largest residual that one of them ended
 * with; pairs of which some costs counted as less (transport.h); over all pairs that were solved,
 * but those of a feature with itself, the sums of their upper bounds and of how far apart their
 * bounds are. */
struct stage_totals {
	size_t unconverged, capped;
	float residual;
	double upper, apart;
};

void stage_totals_add(struct stage_totals *to, const struct stage_totals *more);

/* Distances between row features and column features. */
struct stage {
	struct ids row, col;
	bool symmetric;		/* rows and columns are the same features, and D(i,j) = D(j,i) */
	struct stage_options asked;
	unsigned extras;	/* what there is beside the distance: BOUNDS, ITERATIONS, BEYOND */
	size_t rows_per_task;	/* rows that one thread should solve in turn; 0: one */
	void *context;		/* the stage's own */
	/* A stage names pair() or solve(). Either gives a pair the same bits in any row, among
	 * any columns, in any thread < omp_get_max_threads(). A NaN ends the program, after the
	 * threads are joined, with a line that names the features.
	 *
	 * pair(): the distance of row i and column j; i <= j when the stage is symmetric. Each
	 * thread has a workspace of that many bytes. */
	double (*pair)(const void *context, void *workspace, size_t i, size_t j);
	size_t workspace;
	/* solve(): the distances of row i from columns col[0 .. k), out->dist[0 .. k), and the
	 * extras. */
	void (*solve)(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
		struct entries *out);
	/* For --top a stage may name one of these; otherwise all columns are solved.
	 *
	 * near(): solves columns of row i, and returns how many: the k nearest, all that are as
	 * near as the last of them, and maybe others; out->col ascending, out->dist, and the
	 * extras. The nearest are selected from these. */
	size_t (*near)(void *context, size_t thread, size_t i, size_t k, struct entries *out);
	/* nearest(): writes the k nearest columns of row i, sorted, the lower column first of
	 * equals: out->col[0 .. k), out->dist[0 .. k), out->beyond[0] with BEYOND, and the extras;
	 * returns how many pairs it solved. */
	size_t (*nearest)(void *context, size_t thread, size_t i, size_t k, struct entries *out);
	void (*close)(struct stage *);		/* frees the context, fills the totals */
	struct stage_totals totals;
	/* Stages of the same rows and columns, two for each halving of the tokens. The sampling
	 * error of a distance D is (McCarthy 1969), over the R halvings r,
	 *	error^2 = 1/R sum_r (D_r1 - D_r2)^2 / 4
	 * It is infinite for features that some halving left undivided. */
	size_t half_stages;
	struct stage *half_stage;
	const bool *row_undivided, *col_undivided;
};

/* The rows that --rows asks for: first .. end-1. */
void stage_rows(const struct stage *, size_t *first, size_t *end);

/* Writes a whole stream of what was asked for; kind, rows, cols, top and first_row join the
 * header. */
void stage_write(struct sm_writer *, struct sm_frame *header, const struct stage *);

/* Adds the headers of one input's n streams to the header of what compares it, but for the fields
 * that describe one input only. They have to stay until `to` was written. */
void stage_join_headers(struct sm_frame *to, const struct sm_frame *header, size_t n);

/* -- Stages between distributions -------------------------------------------------------------- */

struct comparison {
	struct sm_writer *out;
	struct distributions input[2];
	size_t inputs;		/* 1: its features are compared with themselves */
	struct sm_frame header;	/* whatever else describes the distances may be set in it */
};

/* Reads the operands as read_distributions() does, and begins a stream of distances. */
struct comparison comparison_open(char *const *operand, const char *metric);

/* Names the functions of a stage between two inputs, which outlive it: pair() or solve(), close(),
 * and its context. They are one input when the stage is symmetric. */
typedef void stage_open(struct stage *, const struct distributions *row,
	const struct distributions *col);

/* Writes all distances that are asked for. With --error it opens a stage for every half of every
 * halving, too, all at once. */
struct stage_totals comparison_write(struct comparison *, const struct stage_options *,
	stage_open *);

void comparison_close(struct comparison *);

#endif
