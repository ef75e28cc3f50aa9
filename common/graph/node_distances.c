#include "graph/node_distances.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A feature by its layer, or a node by its node_id. */
struct named_row {
	const char *name;
	uint64_t feature;
	size_t row;
};

static int compare_rows(const void *a, const void *b)
{
	const struct named_row *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->feature > y->feature) - (x->feature < y->feature);
}

static void index_rows(struct square *s)
{
	const struct ids *ids = &s->d.row;

	s->row = xalloc(ids->n, sizeof *s->row);
	for (size_t i = 0; i < ids->n; i++)
		s->row[i] = ids->node ? (struct named_row){ids->node[i], 0, i}
			: (struct named_row){ids->layer[i], ids->feature[i], i};
	qsort(s->row, ids->n, sizeof *s->row, compare_rows);
	for (size_t i = 1; i < ids->n; i++) {
		if (compare_rows(&s->row[i - 1], &s->row[i]) != 0)
			continue;
		if (ids->node)
			die("%s: node %s stands twice", sm_reader_name(s->in), s->row[i].name);
		die("%s: feature %zu of layer %s stands twice", sm_reader_name(s->in), (size_t)s->row[i].feature,
			s->row[i].name);
	}
}

static void read_square(struct square *s)
{
	struct distances *d = &s->d;

	read_distances(s->in, &s->header, d, 0);
	if (!same_ids(&d->row, &d->col))
		die("%s: distances between two sets, of %zu and %zu features: give the distance "
			"stage one set that holds all features of the graph", sm_reader_name(s->in), d->row.n, d->col.n);
	for (size_t i = 0; i < d->row.n * d->col.n; i++)
		if (d->dist[i] == -INFINITY)
			die("%s: row %zu: a distance of -infinity", sm_reader_name(s->in), i / d->col.n);
	index_rows(s);
}

void square_open(struct square *s)
{
	s->in = sm_reader_open(s->path);
	sm_read_header(s->in, &s->header);
	read_square(s);
}

void square_for(struct square *s, const struct sm_frame *header)
{
	const char *slug = sm_get_string(header, "slug", "");

	if (s->used && s->d.row.node) {
		distances_free(&s->d);
		free(s->row);
		s->row = NULL;
		if (!sm_read_header(s->in, &s->header))
			die("%s: no distances for graph %s", sm_reader_name(s->in), slug);
		read_square(s);
	}
	const char *own = sm_get_string(&s->header, "slug", slug);
	if (s->d.row.node && strcmp(own, slug) != 0)
		die("%s: the distances of graph %s, where those of %s are next", sm_reader_name(s->in), own, slug);
	s->used = true;
}

size_t square_row(const struct square *s, const struct graph *g, size_t node)
{
	struct named_row key = s->d.row.node ? (struct named_row){g->node_id[node], 0, 0}
		: (struct named_row){g->layer[node], g->feature[node], 0};
	const struct named_row *found = NULL;

	if (g->type[node] == FEATURE_NODE && s->d.row.n > 0)
		found = bsearch(&key, s->row, s->d.row.n, sizeof key, compare_rows);
	return found ? found->row : NO_ROW;
}

char *square_example(const struct square *s)
{
	const struct ids *ids = &s->d.row;

	if (ids->n == 0)
		return xasprintf("none at all");
	return ids->node ? xasprintf("node %s", ids->node[0])
		: xasprintf("feature %u of layer %s", ids->feature[0], ids->layer[0]);
}

double square_at(const struct square *s, size_t a, size_t b)
{
	size_t m = s->d.col.n;

	return a == b ? 0 : fmax(0, ((double)s->d.dist[a * m + b] + (double)s->d.dist[b * m + a]) / 2);
}

void square_close(struct square *s)
{
	struct sm_frame next = {0};

	if (sm_read_header(s->in, &next))
		die("%s: a second stream of distances", sm_reader_name(s->in));
	sm_frame_free(&next);
	distances_free(&s->d);
	free(s->row);
	sm_frame_free(&s->header);
	sm_reader_close(s->in);
	free(s->path);
}
