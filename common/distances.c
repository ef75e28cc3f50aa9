#include "distances.h"

#include "die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool same_ids(const struct ids *a, const struct ids *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->feature[i] != b->feature[i] || strcmp(a->layer[i], b->layer[i]) != 0)
			return false;
	return true;
}

void copy_entry(struct entries *to, size_t k, const struct entries *from, size_t j)
{
	to->dist[k] = from->dist[j];
	if (to->col && from->col)
		to->col[k] = from->col[j];
	if (to->error && from->error)
		to->error[k] = from->error[j];
	if (to->lower) {
		to->lower[k] = from->lower[j];
		to->upper[k] = from->upper[j];
	}
	if (to->iters) {
		to->iters[k] = from->iters[j];
		to->residual[k] = from->residual[j];
	}
}

void write_distances_header(struct writer *out, struct frame *header, const struct ids *row,
	const struct ids *col)
{
	struct frame ids = {0};

	set_string(header, "kind", "distances");
	set_integer(header, "rows", (int64_t)row->n);
	set_integer(header, "cols", (int64_t)col->n);
	write_header(out, header);
	set_strings(&ids, "row_layer", row->n, row->layer);
	set_tensor(&ids, "row_feature", U4, row->feature, 1, row->n);
	set_strings(&ids, "col_layer", col->n, col->layer);
	set_tensor(&ids, "col_feature", U4, col->feature, 1, col->n);
	write_frame(out, &ids);
	frame_free(&ids);
}

void write_block(struct writer *out, size_t row0, size_t n, size_t k, const struct entries *r)
{
	struct frame block = {0};

	set_integer(&block, "row0", (int64_t)row0);
	if (r->col)
		set_tensor(&block, "col", U4, r->col, 2, n, k);
	set_tensor(&block, "dist", F4, r->dist, 2, n, k);
	if (r->error)
		set_tensor(&block, "error", F4, r->error, 2, n, k);
	if (r->lower) {
		set_tensor(&block, "lower", F4, r->lower, 2, n, k);
		set_tensor(&block, "upper", F4, r->upper, 2, n, k);
	}
	if (r->iters) {
		set_tensor(&block, "iters", U4, r->iters, 2, n, k);
		set_tensor(&block, "residual", F4, r->residual, 2, n, k);
	}
	write_frame(out, &block);
	frame_free(&block);
}

size_t block_rows(size_t k)
{
	size_t rows = (1 << 18) / (k ? k : 1);

	return rows ? rows : 1;
}

struct ids want_ids(const struct reader *in, const struct frame *f, const char *layer, const char *feature)
{
	struct ids ids = {.n = ANY};

	ids.feature = want(in, f, feature, U4, 1, &ids.n);
	ids.layer = (const char **)(uintptr_t)want_strings(in, f, layer, &ids.n).item;
	return ids;
}

void read_distances(struct reader *in, const struct frame *header, struct distances *d)
{
	struct frame block = {0};
	size_t next = 0, room = 0;

	*d = (struct distances){0};
	want_kind(in, header, "distances", NULL);
	if (find_field(header, "first_row"))
		bad(in, "a block of rows, where all are needed: framecat --merge joins blocks");
	if (!read_frame(in, &d->ids))		/* an empty stream: no rows, no columns */
		return;
	d->row = want_ids(in, &d->ids, "row_layer", "row_feature");
	d->col = want_ids(in, &d->ids, "col_layer", "col_feature");
	size_t n = d->row.n, m = d->col.n;
	while (read_frame(in, &block)) {
		size_t row0 = want_size(in, &block, "row0"), rows = ANY, cols = m;
		if (find_field(&block, "col"))
			bad(in, "k nearest distances, where the whole matrix is needed");
		const float *dist = want(in, &block, "dist", F4, 2, &rows, &cols);
		const float *error = find_field(&block, "error") ? want(in, &block, "error", F4, 2, &rows, &cols) : NULL;
		if (next > 0 && !error != !d->error)
			bad(in, "error in some blocks and not in others");
		if (row0 != next || rows > n - next)
			bad(in, "rows %zu to %zu, where row %zu of %zu is next", row0, row0 + rows, next, n);
		if (next + rows > room) {	/* grows as rows arrive, so a lying header costs nothing */
			room = 2 * room > next + rows ? 2 * room : next + rows;
			d->dist = need_more(d->dist, (room < n ? room : n) * sizeof(float), m);
			if (error)
				d->error = need_more(d->error, (room < n ? room : n) * sizeof(float), m);
		}
		for (size_t i = 0; i < rows * m; i++)
			if (isnan(dist[i]) || dist[i] == -INFINITY)
				bad(in, "the distance of row %zu and column %zu is no number",
					next + i / m, i % m);
			else if (error && !(error[i] >= 0))
				bad(in, "the error of row %zu and column %zu is %g", next + i / m, i % m, (double)error[i]);
		if (rows * m > 0)
			memcpy(d->dist + next * m, dist, rows * m * sizeof *dist);
		if (error && rows * m > 0)
			memcpy(d->error + next * m, error, rows * m * sizeof *error);
		next += rows;
	}
	if (next != n && m > 0)
		bad(in, "%zu rows of %zu", next, n);
	frame_free(&block);
}

void distances_free(struct distances *d)
{
	free(d->dist);
	free(d->error);
	frame_free(&d->ids);
	*d = (struct distances){0};
}
