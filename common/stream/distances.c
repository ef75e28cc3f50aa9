#include "stream/distances.h"

#include "base/die.h"
#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- Names ------------------------------------------------------------------------------------- */

/* Fields of the header of a stream of features, and of what compares two sides. */
static const char *const origin_field[ORIGINS] = {"model", "sae"};
static const char *const side_field[ORIGINS][2] = {{"row_model", "col_model"},
	{"row_sae", "col_sae"}};

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

bool other_origin(const struct ids *a, const struct ids *b, int which)
{
	return differ(a->origin[which], b->origin[which]);
}

static void want_apart(const struct sm_frame *a, const struct sm_frame *b, const char *input)
{
	static const char *const what[ORIGINS] = {"models", "SAEs"};
	const char *layer = sm_get_string(a, "layer", "");

	if (strcmp(layer, sm_get_string(b, "layer", "")) != 0)
		return;
	for (size_t k = 0; k < ORIGINS; k++) {
		const char *one = sm_get_string(a, origin_field[k], NULL);
		const char *other = sm_get_string(b, origin_field[k], NULL);
		if (differ(one, other))
			die("%s: layer %s is of two %s, %s and %s: these need two names (act-dump "
				"--layer)", input, layer, what[k], one, other);
	}
}

void want_layer_apart(const struct sm_frame *header, size_t n, const char *input)
{
	for (size_t k = 0; k + 1 < n; k++)
		want_apart(&header[k], &header[n - 1], input);
}

void origin_of_streams(struct ids *ids, const struct sm_frame *header, size_t n, const char *input)
{
	for (size_t k = 2; k <= n; k++)
		want_layer_apart(header, k, input);
	for (size_t k = 0; k < ORIGINS; k++) {
		const char *common = n == 0 ? NULL
			: sm_get_string(&header[0], origin_field[k], NULL);
		for (size_t i = 1; i < n && common; i++)
			if (strcmp(common, sm_get_string(&header[i], origin_field[k], "")) != 0)
				common = NULL;
		ids->origin[k] = common;
	}
}

void want_same_origin(const struct ids *ids, const char *what, const struct ids *others,
	const char *whose)
{
	if (other_origin(ids, others, OF_MODEL))
		die("%s of model %s, where %s is of model %s: layers of two models need two names "
			"(act-dump --layer)", what, ids->origin[OF_MODEL], whose,
			others->origin[OF_MODEL]);
	if (other_origin(ids, others, OF_SAE))
		note("%s of the SAE %s, where %s is of %s", what, ids->origin[OF_SAE], whose,
			others->origin[OF_SAE]);
}

void get_origin(struct ids *ids, const struct sm_frame *header, int side)
{
	for (size_t k = 0; k < ORIGINS; k++)
		ids->origin[k] = sm_get_string(header, side_field[k][side], NULL);
}

void set_origin(struct sm_frame *header, const struct ids *ids, int side)
{
	for (size_t k = 0; k < ORIGINS; k++) {
		sm_drop(header, side_field[k][side]);
		if (ids->origin[k])
			sm_set_string(header, side_field[k][side], ids->origin[k]);
	}
}

bool same_ids(const struct ids *a, const struct ids *b)
{
	if (a->n != b->n || other_origin(a, b, OF_MODEL) || other_origin(a, b, OF_SAE))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->feature[i] != b->feature[i] || strcmp(a->layer[i], b->layer[i]) != 0
				|| (a->node && b->node && strcmp(a->node[i], b->node[i]) != 0))
			return false;
	return !a->node == !b->node;
}

enum { LAYER_MOST = 1024 };

const char *want_layer(const struct sm_reader *in, const struct sm_frame *header)
{
	const char *layer = sm_get_string(header, "layer", "");
	size_t n = strlen(layer);

	if (n > LAYER_MOST)
		sm_bad(in, "the layer's name has %zu bytes: the limit is %d", n, LAYER_MOST);
	return layer;
}

/* A feature by its layer, or a node by its node_id. */
struct name {
	const char *text;
	uint32_t feature;
};

static struct name name_at(const struct ids *ids, size_t i)
{
	return ids->node ? (struct name){ids->node[i], 0}
		: (struct name){ids->layer[i], ids->feature[i]};
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = x->text == y->text ? 0 : strcmp(x->text, y->text);

	return order ? order : (x->feature > y->feature) - (x->feature < y->feature);
}

void want_each_once(const struct ids *ids, const struct ids *more, const char *input)
{
	size_t n = ids->n, all = n + (more ? more->n : 0);
	struct name *name = xalloc(all, sizeof *name);
	bool ascending = true;

	for (size_t i = 0; i < all; i++) {
		name[i] = i < n ? name_at(ids, i) : name_at(more, i - n);
		ascending &= i == 0 || compare_names(&name[i - 1], &name[i]) < 0;
	}
	if (!ascending)
		qsort(name, all, sizeof *name, compare_names);
	for (size_t i = 1; i < all && !ascending; i++) {
		if (compare_names(&name[i - 1], &name[i]) != 0)
			continue;
		if (ids->node)
			die("%s: node %s stands twice", input, name[i].text);
		die("%s: feature %u of layer '%s' stands twice", input, name[i].feature,
			name[i].text);
	}
	free(name);
}

void ids_room(struct ids *ids, size_t n, bool nodes)
{
	ids->layer = ids->own.layer = xrealloc(ids->own.layer, n, sizeof *ids->layer);
	ids->feature = ids->own.feature = xrealloc(ids->own.feature, n, sizeof *ids->feature);
	if (nodes)
		ids->node = ids->own.node = xrealloc(ids->own.node, n, sizeof *ids->node);
}

void ids_free(struct ids *ids)
{
	free(ids->own.layer);
	free(ids->own.feature);
	free(ids->own.node);
}

/* -- Streams ----------------------------------------------------------------------------------- */

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

float share_as_near(const float *dists, size_t n, float dist)
{
	size_t low = 0, high = n;	/* how many are no farther: within these */

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (dists[middle] <= dist)
			low = middle + 1;
		else
			high = middle;
	}
	return (float)low / (float)n;
}

void set_ids(struct sm_frame *f, const char *layer, const char *feature, const struct ids *ids)
{
	sm_set_strings(f, layer, ids->n, ids->layer);
	sm_set_tensor(f, feature, SM_U4, ids->feature, ids->n);
}

void write_distances_header(struct sm_writer *out, struct sm_frame *header, const struct ids *row,
	const struct ids *col, const float *random, size_t n)
{
	struct sm_frame ids = {0};

	sm_set_string(header, "kind", "distances");
	sm_set_integer(header, "rows", (int64_t)row->n);
	sm_set_integer(header, "cols", (int64_t)col->n);
	set_origin(header, row, 0);
	set_origin(header, col, 1);
	sm_write_header(out, header);
	set_ids(&ids, "row_layer", "row_feature", row);
	set_ids(&ids, "col_layer", "col_feature", col);
	if (row->node)
		sm_set_strings(&ids, "row_node", row->n, row->node);
	if (col->node)
		sm_set_strings(&ids, "col_node", col->n, col->node);
	if (n > 0)
		sm_set_tensor(&ids, "random", SM_F4, random, n);
	sm_write_frame(out, &ids);
	sm_frame_free(&ids);
}

void write_block(struct sm_writer *out, size_t row0, size_t n, size_t k, const struct entries *r)
{
	struct sm_frame block = {0};

	sm_set_integer(&block, "row0", (int64_t)row0);
	if (r->col)
		sm_set_tensor(&block, "col", SM_U4, r->col, n, k);
	sm_set_tensor(&block, "dist", SM_F4, r->dist, n, k);
	if (r->error)
		sm_set_tensor(&block, "error", SM_F4, r->error, n, k);
	if (r->lower) {
		sm_set_tensor(&block, "lower", SM_F4, r->lower, n, k);
		sm_set_tensor(&block, "upper", SM_F4, r->upper, n, k);
	}
	if (r->iters) {
		sm_set_tensor(&block, "iters", SM_U4, r->iters, n, k);
		sm_set_tensor(&block, "residual", SM_F4, r->residual, n, k);
	}
	if (r->beyond)
		sm_set_tensor(&block, "beyond", SM_F4, r->beyond, n);
	sm_write_frame(out, &block);
	sm_frame_free(&block);
}

size_t block_rows(size_t k)
{
	size_t rows = (1 << 18) / (k ? k : 1);

	return rows ? rows : 1;
}

struct ids want_ids(const struct sm_reader *in, const struct sm_frame *f, const char *layer,
	const char *feature)
{
	struct ids ids = {.n = SM_ANY};

	ids.feature = sm_want(in, f, feature, SM_U4, &ids.n);
	ids.layer = sm_want_strings(in, f, layer, &ids.n).item;
	return ids;
}

static const char *const *want_nodes(const struct sm_reader *in, const struct sm_frame *f,
	const char *name, size_t n)
{
	return sm_find_field(f, name)
		? sm_want_strings(in, f, name, &n).item : NULL;
}

/* What the header says of their number has to be so. */
static void want_said(const struct sm_reader *in, const struct sm_frame *header, const char *name,
	size_t n)
{
	size_t said = sm_find_field(header, name) ? sm_want_size(in, header, name) : n;

	if (said != n)
		sm_bad(in, "names of %zu, where the header's %s is %zu", n, name, said);
}

/* A block's numbers, checked. */
struct block {
	size_t row0, rows, k;
	const uint32_t *at;
	const float *dist, *error, *beyond;
};

static void check_columns(const struct sm_reader *in, const struct block *b, size_t m)
{
	size_t *seen = xcalloc(m, sizeof *seen);	/* by which row, plus one */

	for (size_t i = 0; i < b->rows * b->k; i++) {
		size_t row = b->row0 + i / b->k, j = b->at[i];
		if (j >= m)
			sm_bad(in, "row %zu has column %zu of %zu", row, j, m);
		if (seen[j] == row + 1)
			sm_bad(in, "row %zu has column %zu twice", row, j);
		if (i % b->k > 0 && b->dist[i] < b->dist[i - 1])
			sm_bad(in, "the columns of row %zu are not nearest first", row);
		seen[j] = row + 1;
	}
	free(seen);
}

static void want_beyond(const struct sm_reader *in, const struct sm_frame *f, struct block *b,
	const struct distances *d, size_t next)
{
	if (b->at && sm_find_field(f, "beyond"))
		b->beyond = sm_want(in, f, "beyond", SM_F4, &b->rows);
	if (next > 0 && !b->beyond != !d->beyond)
		sm_bad(in, "beyond in some blocks and not in others");
	for (size_t i = 0; i < b->rows && b->beyond; i++)
		if (isnan(b->beyond[i]) || b->beyond[i] == -INFINITY)
			sm_bad(in, "beyond of row %zu is no number", next + i);
}

static bool all_between(const float *x, size_t n, float low, float high)
{
	int outside = 0;

	for (size_t i = 0; i < n; i++)
		outside |= !(x[i] >= low && x[i] <= high);
	return !outside;
}

static void check_numbers(const struct sm_reader *in, const struct block *b, unsigned how)
{
	size_t n = b->rows * b->k;
	float low = how & SIMILARITIES ? -INFINITY : -FLT_MAX;
	float high = how & SIMILARITIES ? FLT_MAX : INFINITY;

	if (all_between(b->dist, n, low, high)
		&& (!b->error || all_between(b->error, n, 0, INFINITY)))
		return;
	for (size_t i = 0; i < n; i++) {
		size_t row = b->row0 + i / b->k, col = b->at ? b->at[i] : i % b->k;
		if (!(b->dist[i] >= low && b->dist[i] <= high))
			sm_bad(in, "the distance of row %zu and column %zu is no number", row, col);
		if (b->error && !(b->error[i] >= 0))
			sm_bad(in, "the error of row %zu and column %zu is %g", row, col,
				(double)b->error[i]);
	}
}

static struct block want_block(const struct sm_reader *in, const struct sm_frame *f,
	const struct distances *d, size_t next, unsigned how)
{
	struct block b = {.row0 = sm_want_size(in, f, "row0"), .rows = SM_ANY, .k = d->k};

	if (sm_find_field(f, "col")) {
		if (!(how & NEAREST))
			sm_bad(in, "k nearest distances, where the whole matrix is needed: "
				"without --top");
		if (how & SIMILARITIES)
			sm_bad(in, "k nearest by distance, where --maximize needs all");
		b.k = SM_ANY;
		b.at = sm_want(in, f, "col", SM_U4, &b.rows, &b.k);
	}
	if (next > 0 && !b.at != !d->at)
		sm_bad(in, "columns in some blocks and not in others");
	if (next > 0 && b.k != d->k)
		sm_bad(in, "%zu nearest, where the block before has %zu", b.k, d->k);
	b.dist = sm_want(in, f, "dist", SM_F4, &b.rows, &b.k);
	b.error = sm_find_field(f, "error") ? sm_want(in, f, "error", SM_F4, &b.rows, &b.k) : NULL;
	if (b.row0 != next || b.rows > d->row.n - next)
		sm_bad(in, "rows %zu to %zu, where row %zu of %zu is next", b.row0, b.row0 + b.rows,
			next, d->row.n);
	if (next > 0 && !b.error != !d->error)
		sm_bad(in, "error in some blocks and not in others");
	check_numbers(in, &b, how);
	if (b.at)
		check_columns(in, &b, d->col.n);
	want_beyond(in, f, &b, d, next);
	return b;
}

static void take(float *to, const float *from, const struct block *b, const struct distances *d,
	float sign)
{
	for (size_t i = 0; i < b->rows && !d->turned; i++)
		for (size_t j = 0; j < b->k; j++)
			to[(b->row0 + i) * b->k + j] = sign * from[i * b->k + j];
	for (size_t j = 0; j < b->k && d->turned; j++)
		for (size_t i = 0; i < b->rows; i++)
			to[j * d->row.n + b->row0 + i] = sign * from[i * b->k + j];
}

void read_distances(struct sm_reader *in, const struct sm_frame *header, struct distances *d,
	unsigned how)
{
	struct sm_frame frame = {0};
	size_t next = 0, room = 0;

	*d = (struct distances){0};
	sm_want_kind(in, header, "distances");
	if (sm_find_field(header, "first_row"))
		sm_bad(in, "a block of rows, where all are needed: framecat --merge joins blocks");
	if (!sm_read_frame(in, &d->ids))		/* an empty stream: no rows, no columns */
		return;
	d->row = want_ids(in, &d->ids, "row_layer", "row_feature");
	d->col = want_ids(in, &d->ids, "col_layer", "col_feature");
	get_origin(&d->row, header, 0);
	get_origin(&d->col, header, 1);
	size_t n = d->row.n;
	d->row.node = want_nodes(in, &d->ids, "row_node", n);
	d->col.node = want_nodes(in, &d->ids, "col_node", d->col.n);
	want_each_once(&d->row, NULL, sm_reader_name(in));
	want_each_once(&d->col, NULL, sm_reader_name(in));
	want_said(in, header, "rows", n);
	want_said(in, header, "cols", d->col.n);
	d->k = d->col.n;
	while (sm_read_frame(in, &frame)) {
		struct block b = want_block(in, &frame, d, next, how);
		d->k = b.k;
		d->turned = how & WIDE && !b.at && n > d->col.n;
		if (next == 0)
			memory_need((double)n * (double)b.k
					* (b.error ? b.at ? 12 : 8 : b.at ? 8 : 4),
				how & NEAREST ? "--top in the stage that made them" : NULL,
				"%s: %zu x %zu distances", sm_reader_name(in), n, b.k);
		/* Room grows as rows arrive: a lying header costs nothing. Transposed, at once. */
		if (next + b.rows > room) {
			room = 2 * room > next + b.rows ? 2 * room : next + b.rows;
			room = room < n && !d->turned ? room : n;
			d->dist = xrealloc(d->dist, room * sizeof(float), b.k);
			if (b.error)
				d->error = xrealloc(d->error, room * sizeof(float), b.k);
			if (b.at)
				d->at = xrealloc(d->at, room * sizeof *d->at, b.k);
			if (b.beyond)
				d->beyond = xrealloc(d->beyond, room, sizeof *d->beyond);
		}
		take(d->dist, b.dist, &b, d, how & SIMILARITIES ? -1 : 1);
		if (b.error)
			take(d->error, b.error, &b, d, 1);
		if (b.at && b.rows * b.k > 0)
			memcpy(d->at + next * b.k, b.at, b.rows * b.k * sizeof *b.at);
		if (b.beyond && b.rows > 0)
			memcpy(d->beyond + next, b.beyond, b.rows * sizeof *b.beyond);
		next += b.rows;
	}
	if (next != n && d->k > 0)
		sm_bad(in, "%zu rows of %zu", next, n);
	sm_frame_free(&frame);
}

void distances_free(struct distances *d)
{
	free(d->dist);
	free(d->at);
	free(d->error);
	free(d->beyond);
	sm_frame_free(&d->ids);
	*d = (struct distances){0};
}
