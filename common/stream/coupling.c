#include "stream/coupling.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK_ENTRIES = 1 << 18 };	/* a block holds about as many */

/* -- Reading -------------------------------------------------------------------------------- */

static const uint32_t *want_vocab(const struct sm_reader *in, const struct sm_frame *f,
	const char *name, size_t n)
{
	return sm_find_field(f, name) ? sm_want(in, f, name, SM_U4, &n) : NULL;
}

/* What the header says of their number has to be so. */
static void want_count(const struct sm_reader *in, const struct sm_frame *header,
	const char *name, size_t n)
{
	size_t said = sm_find_field(header, name) ? sm_want_size(in, header, name) : n;

	if (said != n)
		sm_bad(in, "%zu tokens, where the header's %s is %zu", n, name, said);
}

static void want_ascending(const struct sm_reader *in, const char *name, const uint32_t *token,
	size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (token[i] <= token[i - 1])
			sm_bad(in, "%s %u after %u: tokens have to ascend", name, token[i],
				token[i - 1]);
}

static void want_tokens(const struct sm_reader *in, struct coupling *c)
{
	const struct sm_frame *f = &c->tokens;

	c->rows = c->cols = SM_ANY;
	c->row_token = sm_want(in, f, "row_token", SM_U4, &c->rows);
	c->col_token = sm_want(in, f, "col_token", SM_U4, &c->cols);
	c->row_vocab = want_vocab(in, f, "row_vocab", c->rows);
	c->col_vocab = want_vocab(in, f, "col_vocab", c->cols);
	want_ascending(in, "row_token", c->row_token, c->rows);
	want_ascending(in, "col_token", c->col_token, c->cols);
}

static void check_row(const struct sm_reader *in, size_t row, size_t cols, const uint32_t *col,
	const float *weight, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		if (col[k] >= cols)
			sm_bad(in, "row %zu has column %u of %zu", row, col[k], cols);
		if (k > 0 && col[k] <= col[k - 1])
			sm_bad(in, "row %zu has column %u after column %u: columns have to ascend",
				row, col[k], col[k - 1]);
		if (!(weight[k] > 0 && isfinite(weight[k])))
			sm_bad(in, "the weight of row %zu and column %u is %g", row, col[k],
				(double)weight[k]);
	}
}

/* The block's rows follow those before; room grows as they arrive. */
static size_t take_block(const struct sm_reader *in, const struct sm_frame *f, struct coupling *c,
	size_t next, size_t *room)
{
	size_t row0 = sm_want_size(in, f, "row0"), n = SM_ANY, nnz = SM_ANY;
	size_t at = c->g.indptr[next];
	const uint32_t *col = sm_want(in, f, "col", SM_U4, &nnz);
	const float *weight = sm_want(in, f, "weight", SM_F4, &nnz);
	const uint32_t *indptr = sm_want_indptr(in, f, "indptr", &n, nnz);

	if (row0 != next || n > c->rows - next)
		sm_bad(in, "%zu rows from row %zu on, where row %zu of %zu is next", n, row0, next,
			c->rows);
	if (at + nnz > *room) {
		*room = 2 * (at + nnz);
		c->g.index = xrealloc(c->g.index, *room, sizeof *c->g.index);
		c->g.value = xrealloc(c->g.value, *room, sizeof *c->g.value);
	}
	for (size_t i = 0; i < n; i++) {
		check_row(in, next + i, c->cols, col + indptr[i], weight + indptr[i],
			indptr[i + 1] - indptr[i]);
		c->g.indptr[next + i + 1] = at + indptr[i + 1];
	}
	for (size_t k = 0; k < nnz; k++) {
		c->g.index[at + k] = col[k];
		c->g.value[at + k] = weight[k];
	}
	return n;
}

void read_coupling(struct sm_reader *in, const struct sm_frame *header, struct coupling *c)
{
	struct sm_frame frame = {0};
	size_t next = 0, room = 0;

	*c = (struct coupling){0};
	sm_want_kind(in, header, "coupling");
	bool any = sm_read_frame(in, &c->tokens);	/* an empty stream: no tokens */
	if (any)
		want_tokens(in, c);
	want_count(in, header, "rows", c->rows);
	want_count(in, header, "cols", c->cols);
	c->g.indptr = xcalloc(c->rows + 1, sizeof *c->g.indptr);
	while (any && sm_read_frame(in, &frame))
		next += take_block(in, &frame, c, next, &room);
	if (next != c->rows)
		sm_bad(in, "%zu rows of %zu", next, c->rows);
	sm_frame_free(&frame);
}

void coupling_free(struct coupling *c)
{
	free(c->g.indptr);
	free(c->g.index);
	free(c->g.value);
	sm_frame_free(&c->tokens);
	*c = (struct coupling){0};
}

/* -- Writing -------------------------------------------------------------------------------- */

static void write_tokens(struct sm_writer *out, const struct coupling *c)
{
	struct sm_frame tokens = {0};

	sm_set_tensor(&tokens, "row_token", SM_U4, c->row_token, c->rows);
	sm_set_tensor(&tokens, "col_token", SM_U4, c->col_token, c->cols);
	if (c->row_vocab && c->col_vocab) {
		sm_set_tensor(&tokens, "row_vocab", SM_U4, c->row_vocab, c->rows);
		sm_set_tensor(&tokens, "col_vocab", SM_U4, c->col_vocab, c->cols);
	}
	sm_write_frame(out, &tokens);
	sm_frame_free(&tokens);
}

/* Rows from row0 on, as many as a block holds, and one at least; returns the row after them. */
static size_t write_rows(struct sm_writer *out, const struct coupling *c, size_t row0,
	uint32_t *indptr)
{
	size_t begin = c->g.indptr[row0], end = row0, nnz = 0;
	struct sm_frame block = {0};

	indptr[0] = 0;
	do {
		nnz = c->g.indptr[++end] - begin;
		indptr[end - row0] = (uint32_t)nnz;
	} while (end < c->rows && end - row0 < BLOCK_ENTRIES
		&& c->g.indptr[end + 1] - begin <= BLOCK_ENTRIES);
	sm_set_integer(&block, "row0", (int64_t)row0);
	sm_set_tensor(&block, "indptr", SM_U4, indptr, end - row0 + 1);
	sm_set_tensor(&block, "col", SM_U4, c->g.index + begin, nnz);
	sm_set_tensor(&block, "weight", SM_F4, c->g.value + begin, nnz);
	sm_write_frame(out, &block);
	sm_frame_free(&block);
	return end;
}

void write_coupling(struct sm_writer *out, struct sm_frame *header, const struct coupling *c)
{
	uint32_t *indptr = xalloc(BLOCK_ENTRIES + 1, sizeof *indptr);

	sm_set_string(header, "kind", "coupling");
	sm_set_integer(header, "rows", (int64_t)c->rows);
	sm_set_integer(header, "cols", (int64_t)c->cols);
	sm_write_header(out, header);
	write_tokens(out, c);
	for (size_t row = 0; row < c->rows;)
		row = write_rows(out, c, row, indptr);
	sm_write_end(out);
	free(indptr);
}
