#include "match/layer_costs.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/simd.h"
#include "match/uniform_transport.h"
#include "stream/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- Layers ------------------------------------------------------------------------------------ */

/* The number of a layer, which joins the side when it is new. */
static size_t place(struct aligned_side *s, const char *name)
{
	size_t l = 0;

	while (l < s->n && strcmp(s->layer[l].name, name) != 0)
		l++;
	if (l == ALIGNED_MOST)
		die("more than %d layers on a side", ALIGNED_MOST);
	if (l == s->n)
		s->layer[s->n++].name = xasprintf("%s", name);
	return l;
}

/* The features of one side of a stream, layer by layer. */
struct by_layer {
	uint32_t *at;			/* those of layer l: at[start[l] .. start[l + 1]) */
	size_t start[ALIGNED_MOST + 1];
};

static struct by_layer split(struct aligned_side *s, const struct ids *ids)
{
	struct by_layer of = {.at = xalloc(ids->n, sizeof *of.at)};
	uint16_t *layer = xalloc(ids->n, sizeof *layer);
	size_t next[ALIGNED_MOST];

	for (size_t i = 0; i < ids->n; i++) {
		bool same = i > 0 && strcmp(ids->layer[i], ids->layer[i - 1]) == 0;
		layer[i] = same ? layer[i - 1] : (uint16_t)place(s, ids->layer[i]);
		of.start[layer[i] + 1]++;
	}
	for (size_t l = 0; l < ALIGNED_MOST; l++) {
		next[l] = of.start[l];
		of.start[l + 1] += of.start[l];
	}
	for (size_t i = 0; i < ids->n; i++)
		of.at[next[layer[i]]++] = (uint32_t)i;
	free(layer);
	return of;
}

/* A layer has the same model and as many features in all streams. */
static void check_layers(struct aligned_side *s, const struct by_layer *of, const struct ids *ids,
	const char *file)
{
	for (size_t l = 0; l < s->n; l++) {
		struct aligned_layer *layer = &s->layer[l];
		size_t n = of->start[l + 1] - of->start[l];
		if (n == 0)
			continue;
		char *what = xasprintf("%s: layer %s is", file, layer->name);
		want_same_origin(ids, what, &layer->origin, "another stream's");
		free(what);
		for (size_t k = 0; k < ORIGINS; k++)
			if (!layer->origin.origin[k])
				layer->origin.origin[k] = ids->origin[k];
		if (n > UNIFORM_MOST)
			die("%s: layer %s has %zu features: the limit is %d (featpick keeps some)",
				file, layer->name, n, UNIFORM_MOST);
		if (layer->features > 0 && layer->features != n)
			die("%s: layer %s has %zu features, and %zu in another stream", file,
				layer->name, n, layer->features);
		layer->features = n;
	}
}

/* -- Pairs of layers --------------------------------------------------------------------------- */

static struct layer_pair cost_of(const struct distances *d, const uint32_t *row, size_t n,
	const uint32_t *col, size_t m)
{
	float *cost = xcalloc(n * padded(m), sizeof *cost);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			cost[i * padded(m) + j] = d->dist[row[i] * d->k + col[j]];
	struct uniform_transport t = uniform_transport(NULL, cost, n, m);
	free(cost);
	return (struct layer_pair){(float)t.cost, (float)t.mean, true};
}

static void want_finite(const struct distances *d, const char *file)
{
	for (size_t i = 0; i < d->row.n * d->k; i++)
		if (isinf(d->dist[i]))
			die("%s: the distance of row %zu and column %zu is infinite", file,
				i / d->k, i % d->k);
}

static void take_pairs(struct layer_costs *c, const struct distances *d, const char *file)
{
	const struct ids *ids[2] = {&d->row, &d->col};
	struct by_layer of[2];

	for (int k = 0; k < 2; k++) {
		of[k] = split(&c->side[k], ids[k]);
		check_layers(&c->side[k], &of[k], ids[k], file);
	}
	for (size_t l = 0; l < c->side[0].n; l++)
		for (size_t m = 0; m < c->side[1].n; m++) {
			const size_t *row = &of[0].start[l], *col = &of[1].start[m];
			size_t rows = row[1] - row[0], cols = col[1] - col[0];
			if (rows == 0 || cols == 0)
				continue;
			if (c->pair[l][m].known)
				die("%s: layer %s with layer %s a second time", file,
					c->side[0].layer[l].name, c->side[1].layer[m].name);
			memory_need(8 * (double)rows * (double)padded(cols), NULL,
				"%s: transport of %zu x %zu features", file, rows, cols);
			c->pair[l][m] = cost_of(d, of[0].at + *row, rows, of[1].at + *col, cols);
		}
	free(of[0].at);
	free(of[1].at);
}

/* -- Streams ----------------------------------------------------------------------------------- */

/* Whether a field of the header says how distances were made: one that is new does. Others say of
 * which features they are, or what came of them. */
static bool is_setting(const char *name)
{
	static const char *const other[] = {"history", "kind", "rows", "cols", "row_model",
		"row_sae", "col_model", "col_sae", "arch", "encoder", "centred", "signed", "picked",
		"dropped", "halvings", "common", "jaccard"};

	for (size_t k = 0; k < sizeof other / sizeof *other; k++)
		if (strcmp(name, other[k]) == 0)
			return false;
	return true;
}

/* Every setting of `a` has to be in b, the same, for distances to have one scale. */
static void want_settings(const struct sm_frame *a, const struct sm_frame *b, const char *file)
{
	for (size_t k = 0; k < a->n; k++) {
		const struct sm_field *x = &a->field[k], *y = sm_find_field(b, x->name);
		if (!is_setting(x->name) || (y && same_field(x, y)))
			continue;
		if (y && x->kind == SM_STRING && y->kind == SM_STRING)
			die("%s: %s '%s', where a stream before has '%s': their costs do not "
				"compare", file, x->name, y->string, x->string);
		die("%s: another %s than a stream before: their costs do not compare", file,
			x->name);
	}
}

static void take_stream(struct layer_costs *c, struct sm_reader *in, struct sm_frame *header)
{
	const char *file = sm_reader_name(in);
	struct distances d;

	read_distances(in, header, &d, 0);
	if (d.row.n == 0 || d.col.n == 0) {
		note("%s: distances without rows or columns are left out", file);
		sm_frame_free(header);
	} else {
		if (c->streams > 0) {
			want_settings(&c->header[0], header, file);
			want_settings(header, &c->header[0], file);
		}
		want_finite(&d, file);
		take_pairs(c, &d, file);
		c->header = xrealloc(c->header, c->streams + 1, sizeof *c->header);
		c->header[c->streams++] = *header;
	}
	distances_free(&d);
}

static void want_all_pairs(const struct layer_costs *c)
{
	for (size_t l = 0; l < c->side[0].n; l++)
		for (size_t m = 0; m < c->side[1].n; m++)
			if (!c->pair[l][m].known)
				die("no distances of layer %s, of the rows, with layer %s, of the "
					"columns: all pairs are needed",
					c->side[0].layer[l].name, c->side[1].layer[m].name);
}

struct layer_costs *layer_costs_read(char *const *operand)
{
	struct layer_costs *c = xcalloc(1, sizeof *c);

	c->header = xalloc(0, sizeof *c->header);
	for (size_t i = 0; i == 0 || operand[i]; i++) {
		struct sm_reader *in = sm_reader_open(operand[i]);
		struct sm_frame header = {0};
		for (; sm_read_header(in, &header); header = (struct sm_frame){0})
			take_stream(c, in, &header);
		sm_frame_free(&header);
		sm_reader_close(in);
	}
	want_all_pairs(c);
	return c;
}

void layer_costs_free(struct layer_costs *c)
{
	for (size_t k = 0; k < c->streams; k++)
		sm_frame_free(&c->header[k]);
	for (int side = 0; side < 2; side++)
		for (size_t l = 0; l < c->side[side].n; l++)
			free(c->side[side].layer[l].name);
	free(c->header);
	free(c);
}

void layer_costs_header(struct sm_frame *header, const struct layer_costs *c)
{
	for (size_t k = 0; k < c->streams; k++)
		sm_join_header(header, &c->header[k]);
	sm_drop(header, "rows", "cols", "picked", "dropped", "halvings", "common", "jaccard");
	for (int side = 0; side < 2; side++) {
		const struct aligned_side *s = &c->side[side];
		struct ids common = {.origin = {s->n ? s->layer[0].origin.origin[OF_MODEL] : NULL}};
		for (size_t l = 1; l < s->n; l++)
			if (!s->layer[l].origin.origin[OF_MODEL]
				|| other_origin(&common, &s->layer[l].origin, OF_MODEL))
				common.origin[OF_MODEL] = NULL;
		set_origin(header, &common, side);
	}
}
