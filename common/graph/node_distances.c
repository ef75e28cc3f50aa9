#include "graph/node_distances.h"

#include "base/die.h"
#include "base/memory.h"
#include "stream/distances.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A feature by its layer, or a node by its node_id; each stands once. */
struct named_row {
	const char *name;
	uint64_t feature;
	size_t row;
};

struct distance_stream {
	char *path;			/* NULL: stdin */
	struct sm_reader *in;
	struct sm_frame header;
	struct distances d;
	struct named_row *row;		/* by name */
	double weight;
	bool used;			/* by a graph */
};

/* -- Streams ----------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
	const struct named_row *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->feature > y->feature) - (x->feature < y->feature);
}

static void index_rows(struct distance_stream *s)
{
	const struct ids *ids = &s->d.row;

	s->row = xalloc(ids->n, sizeof *s->row);
	for (size_t i = 0; i < ids->n; i++)
		s->row[i] = ids->node ? (struct named_row){ids->node[i], 0, i}
			: (struct named_row){ids->layer[i], ids->feature[i], i};
	qsort(s->row, ids->n, sizeof *s->row, compare_rows);
}

static void read_stream(struct distance_stream *s)
{
	struct distances *d = &s->d;

	read_distances(s->in, &s->header, d, 0);
	if (!same_ids(&d->row, &d->col))
		die("%s: distances between two sets, of %zu and %zu features: give the distance "
			"stage one set that holds all features of the graph",
			sm_reader_name(s->in), d->row.n, d->col.n);
	for (size_t i = 0; i < d->row.n * d->col.n; i++)
		if (d->dist[i] == -INFINITY)
			die("%s: row %zu: a distance of -infinity", sm_reader_name(s->in),
				i / d->col.n);
	index_rows(s);
}

static void next_stream(struct distance_stream *s, const char *slug)
{
	if (s->used && s->d.row.node) {
		distances_free(&s->d);
		free(s->row);
		s->row = NULL;
		if (!sm_read_header(s->in, &s->header))
			die("%s: no distances for graph %s", sm_reader_name(s->in), slug);
		read_stream(s);
	}
	const char *own = sm_get_string(&s->header, "slug", slug);
	if (s->d.row.node && strcmp(own, slug) != 0)
		die("%s: the distances of graph %s, where those of %s are next",
			sm_reader_name(s->in), own, slug);
	s->used = true;
}

static void end_stream(struct distance_stream *s)
{
	struct sm_frame next = {0};

	if (sm_read_header(s->in, &next))
		die("%s: a second stream of distances", sm_reader_name(s->in));
	sm_frame_free(&next);
}

static void close_stream(struct distance_stream *s)
{
	distances_free(&s->d);
	free(s->row);
	sm_frame_free(&s->header);
	sm_reader_close(s->in);
	free(s->path);
}

struct node_distances node_distances_open(const char *const *path, const double *weight, size_t n)
{
	struct node_distances d = {n, xcalloc(n, sizeof *d.stream)};

	for (size_t k = 0; k < n; k++) {
		struct distance_stream *s = &d.stream[k];
		s->weight = weight[k];
		s->path = path[k] ? xasprintf("%s", path[k]) : NULL;
		s->in = sm_reader_open(s->path);
		sm_read_header(s->in, &s->header);
		read_stream(s);
	}
	return d;
}

void node_distances_next(struct node_distances *d, const struct sm_frame *header)
{
	for (size_t k = 0; k < d->n; k++)
		next_stream(&d->stream[k], sm_get_string(header, "slug", ""));
}

void node_distances_join(struct node_distances *d, struct sm_frame *header)
{
	for (size_t k = 0; k < d->n; k++) {
		struct sm_frame *own = &d->stream[k].header;
		const char *model = d->stream[k].d.row.origin[OF_MODEL];
		sm_drop(own, "rows", "cols", "row_model", "col_model", "row_sae", "col_sae");
		if (model)
			sm_set_string(own, "model", model);
		sm_join_header(header, own);
	}
}

void node_distances_end(struct node_distances *d)
{
	for (size_t k = 0; k < d->n; k++)
		end_stream(&d->stream[k]);
}

void node_distances_close(struct node_distances *d)
{
	for (size_t k = 0; k < d->n; k++)
		close_stream(&d->stream[k]);
	free(d->stream);
	*d = (struct node_distances){0};
}

/* -- Nodes ------------------------------------------------------------------------------------- */

static size_t row_of(const struct distance_stream *s, const struct graph *g, size_t node)
{
	struct named_row key = s->d.row.node ? (struct named_row){g->node_id[node], 0, 0}
		: (struct named_row){g->layer[node], g->feature[node], 0};
	const struct named_row *found = NULL;

	if (g->type[node] == FEATURE_NODE && s->d.row.n > 0)
		found = bsearch(&key, s->row, s->d.row.n, sizeof key, compare_rows);
	return found ? found->row : NO_ROW;
}

bool node_distances_rows(size_t *row, const struct node_distances *d, const struct graph *g,
	size_t node)
{
	bool all = true;

	for (size_t k = 0; k < d->n; k++)
		all &= (row[k] = row_of(&d->stream[k], g, node)) != NO_ROW;
	for (size_t k = 0; k < d->n && !all; k++)
		row[k] = NO_ROW;
	return all;
}

/* The mean of both directions, 0 when it is less. */
static double distance_at(const struct distances *d, size_t a, size_t b)
{
	size_t m = d->col.n;

	if (a == NO_ROW || b == NO_ROW)
		return INFINITY;
	return a == b ? 0 : fmax(0, ((double)d->dist[a * m + b] + (double)d->dist[b * m + a]) / 2);
}

/* dist (n, n): by stream k alone. */
static void take_distances(double *dist, const struct node_distances *d, size_t k,
	const size_t *row, size_t n)
{
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			dist[a * n + b] = distance_at(&d->stream[k].d, row[a * d->n + k],
				row[b * d->n + k]);
}

/* Of the distances that are finite; 0 when none is. */
static double root_mean_square(const double *dist, size_t n)
{
	double sum = 0, pairs = 0;

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			if (isfinite(dist[a * n + b])) {
				sum += dist[a * n + b] * dist[a * n + b];
				pairs++;
			}
	return pairs > 0 ? sqrt(sum / pairs) : 0;
}

double *node_distances_matrix(const struct node_distances *d, const size_t *row, size_t n)
{
	memory_need((double)n * (double)n * (d->n == 1 ? 8 : 16), "graph-prune of the graph",
		"distances of %zu nodes", n);
	double *dist = xcalloc(n * sizeof *dist, n), *one = NULL;
	if (d->n == 1)
		take_distances(dist, d, 0, row, n);
	else
		one = xalloc(n * sizeof *one, n);
	for (size_t k = 0; k < d->n && d->n > 1; k++) {
		take_distances(one, d, k, row, n);
		double unit = root_mean_square(one, n);
		double scale = d->stream[k].weight / (unit > 0 ? unit : 1);
		for (size_t i = 0; i < n * n; i++)
			dist[i] += scale * one[i];
	}
	free(one);
	return dist;
}

char *node_distances_example(const struct node_distances *d, const struct graph *g)
{
	const struct ids *ids = &d->stream[0].d.row;
	size_t i = 0;

	while (i < g->nodes && g->type[i] != FEATURE_NODE)
		i++;
	if (i == g->nodes)
		return xasprintf("the graph has no feature");
	char *own = ids->node ? xasprintf("node %s", g->node_id[i])
		: xasprintf("feature %ju of layer %s", (uintmax_t)g->feature[i], g->layer[i]);
	char *other = ids->n == 0 ? xasprintf("none at all")
		: ids->node ? xasprintf("node %s", ids->node[0])
		: xasprintf("feature %u of layer %s", ids->feature[0], ids->layer[0]);
	char *both = xasprintf("the graph has %s, the distances %s", own, other);
	free(own);
	free(other);
	return both;
}
