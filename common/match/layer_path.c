#include "match/layer_path.h"

#include "base/die.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MOST = 256 };		/* every pair of them is looked at */

/* -- Reading ----------------------------------------------------------------------------------- */

/* The layer of the features on one side; NULL when there are none. */
static const char *only_layer(const struct sm_reader *in, const struct ids *matched,
	const struct ids *rest)
{
	const char *layer = NULL;

	for (size_t i = 0; i < matched->n + rest->n; i++) {
		bool first = i < matched->n;
		const char *other = first ? matched->layer[i] : rest->layer[i - matched->n];
		if (!layer)
			layer = other;
		if (strcmp(layer, other) != 0)
			sm_bad(in,
				"layers %s and %s on one side, where a matching leads from one "
				"layer to one other",
				layer, other);
	}
	return layer;
}

/* False for a matching that names no features on one side, and so no layer. */
static bool take_map(struct sm_reader *in, struct layer_map *a)
{
	const struct matching *m = &a->match;

	read_matching(in, &a->header, &a->match);
	a->file = sm_reader_name(in);
	a->nearest = strcmp(sm_get_string(&a->header, "method", ""), "nearest") == 0;
	a->row_layer = only_layer(in, &m->row, &m->free_row);
	a->col_layer = only_layer(in, &m->col, &m->free_col);
	if (!a->row_layer || !a->col_layer)
		return false;
	if (strcmp(a->row_layer, a->col_layer) == 0)
		sm_bad(in, "layer %s on both sides: act-dump --layer gives names that differ",
			a->row_layer);
	return true;
}

static void map_free(struct layer_map *a)
{
	sm_frame_free(&a->header);
	matching_free(&a->match);
	free(a->col_of);
	free(a->pair);
	free(a->rows);
}

static void take_all(struct layer_path *p, const char *path)
{
	struct sm_reader *in = sm_reader_open(path);
	struct layer_map a = {0};

	for (; sm_read_header(in, &a.header); a = (struct layer_map){0}) {
		if (take_map(in, &a)) {
			p->map = xrealloc(p->map, p->maps + 1, sizeof *p->map);
			p->map[p->maps++] = a;
		} else {
			note("%s: a matching without features on one side is left out", a.file);
			map_free(&a);
		}
	}
	sm_frame_free(&a.header);
	sm_reader_close(in);
}

/* -- The path ---------------------------------------------------------------------------------- */

size_t layer_path_place(const struct layer_path *p, const char *layer)
{
	size_t i = 0;

	while (i < p->layers && strcmp(p->layer[i].name, layer) != 0)
		i++;
	return i;
}

static const struct layer_map *link_from(const struct layer_path *p, size_t layer)
{
	return p->one_to_one[layer * p->layers + layer + 1];
}

/* Does a one-to-one matching lead there from a layer that is not on the path yet? */
static bool comes_later(const struct layer_path *p, const char *layer)
{
	for (const struct layer_map *a = p->map; a < p->map + p->maps; a++)
		if (!a->nearest && strcmp(a->col_layer, layer) == 0
			&& layer_path_place(p, a->row_layer) == p->layers)
			return true;
	return false;
}

static const char *next_layer(const struct layer_path *p)
{
	for (const struct layer_map *a = p->map; a < p->map + p->maps; a++)
		for (int side = 0; side < 2; side++) {
			const char *layer = side ? a->col_layer : a->row_layer;
			if (!a->nearest && layer_path_place(p, layer) == p->layers
				&& !comes_later(p, layer))
				return layer;
		}
	return NULL;
}

static void find_layers(struct layer_path *p)
{
	for (const char *name; (name = next_layer(p)); p->layers++) {
		if (p->layers == LAYERS_MOST)
			die("a path of more than %d layers", LAYERS_MOST);
		p->layer = xrealloc(p->layer, p->layers + 1, sizeof *p->layer);
		p->layer[p->layers] = (struct layer){.name = name};
	}
}

static void place_maps(struct layer_path *p)
{
	size_t l = p->layers;

	p->one_to_one = xcalloc(l * l, sizeof *p->one_to_one);
	p->nearest = xcalloc(l * l, sizeof *p->nearest);
	for (const struct layer_map *a = p->map; a < p->map + p->maps; a++) {
		size_t from = layer_path_place(p, a->row_layer);
		size_t to = layer_path_place(p, a->col_layer);
		if (from == l || to == l)
			die("%s: layer %s to %s: the one-to-one matchings make no path through "
				"layer %s",
				a->file, a->row_layer, a->col_layer,
				from == l ? a->row_layer : a->col_layer);
		const struct layer_map **of = a->nearest ? p->nearest : p->one_to_one;
		const struct layer_map **at = of + from * l + to;
		if (*at)
			die("%s: layer %s to %s: a second %s matching", a->file, a->row_layer,
				a->col_layer, a->nearest ? "nearest" : "one-to-one");
		*at = a;
	}
	for (size_t k = 0; k + 1 < l; k++)
		if (!link_from(p, k))
			die("no one-to-one matching from layer %s to layer %s", p->layer[k].name,
				p->layer[k + 1].name);
}

/* -- Features by number ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Appends the features of layer l that one side of a matching names. */
static size_t append(uint32_t **feature, size_t n, const struct ids *matched,
	const struct ids *rest)
{
	*feature = xrealloc(*feature, n + matched->n + rest->n, sizeof **feature);
	for (size_t i = 0; i < matched->n; i++)
		(*feature)[n++] = matched->feature[i];
	for (size_t i = 0; i < rest->n; i++)
		(*feature)[n++] = rest->feature[i];
	return n;
}

/* A layer's name means one model in all matchings; two SAEs may be two names of one file. */
static void join_origin(struct layer *l, const struct ids *side, const char *file)
{
	char *what = xasprintf("%s: layer %s is", file, l->name);

	want_same_origin(side, what, &l->ids, "another matching's");
	for (size_t k = 0; k < ORIGINS; k++)
		if (!l->ids.origin[k])
			l->ids.origin[k] = side->origin[k];
	free(what);
}

static void list_features(struct layer *l, const struct layer_path *p)
{
	uint32_t *feature = NULL;
	size_t all = 0, n = 0;

	for (const struct layer_map *a = p->map; a < p->map + p->maps; a++) {
		const struct matching *m = &a->match;
		if (strcmp(a->row_layer, l->name) == 0) {
			join_origin(l, &m->row, a->file);
			all = append(&feature, all, &m->row, &m->free_row);
		}
		if (strcmp(a->col_layer, l->name) == 0) {
			join_origin(l, &m->col, a->file);
			all = append(&feature, all, &m->col, &m->free_col);
		}
	}
	qsort(feature, all, sizeof *feature, ascending);
	for (size_t i = 0; i < all; i++)
		if (n == 0 || feature[i] != feature[n - 1])
			feature[n++] = feature[i];
	l->ids.n = n;
	ids_room(&l->ids, n, false);
	for (size_t i = 0; i < n; i++) {
		l->ids.own.layer[i] = l->name;
		l->ids.own.feature[i] = feature[i];
	}
	free(feature);
}

static uint32_t number(const struct layer *l, uint32_t feature)
{
	const uint32_t *at = bsearch(&feature, l->ids.feature, l->ids.n, sizeof feature, ascending);

	if (!at)
		die("layer %s: feature %u is not among its features", l->name, feature);
	return (uint32_t)(at - l->ids.feature);
}

/* Returns how many pairs are left out. */
static size_t number_pairs(struct layer_map *a, const struct layer *row, const struct layer *col,
	double chance)
{
	size_t by_chance = 0;
	const struct matching *m = &a->match;

	a->col_of = xalloc(row->ids.n, sizeof *a->col_of);
	a->pair = xalloc(row->ids.n, sizeof *a->pair);
	a->rows = xcalloc(col->ids.n, sizeof *a->rows);
	for (size_t i = 0; i < row->ids.n; i++)
		a->col_of[i] = UNASSIGNED;
	for (size_t k = 0; k < m->row.n; k++) {
		uint32_t i = number(row, m->row.feature[k]), j = number(col, m->col.feature[k]);
		if (a->rows[j]++ > 0 && !a->nearest)
			die("%s: layer %s to %s: column feature %u stands twice", a->file,
				row->name, col->name, col->ids.feature[j]);
		if (m->chance && m->chance[k] > (float)chance) {
			a->rows[j]--;
			by_chance++;
			continue;
		}
		a->col_of[i] = j;
		a->pair[i] = (uint32_t)k;
	}
	return by_chance;
}

static void number_features(struct layer_path *p)
{
	for (size_t l = 0; l < p->layers; l++)
		list_features(&p->layer[l], p);
	for (struct layer_map *a = p->map; a < p->map + p->maps; a++) {
		size_t row = layer_path_place(p, a->row_layer);
		size_t col = layer_path_place(p, a->col_layer);
		p->pairs += a->match.row.n;
		p->by_chance += number_pairs(a, &p->layer[row], &p->layer[col], p->chance);
	}
}

void layer_path_read(struct layer_path *p, char *const *operand, double chance)
{
	*p = (struct layer_path){.map = xalloc(0, sizeof *p->map), .chance = chance};
	for (size_t i = 0; i == 0 || operand[i]; i++)
		take_all(p, operand[i]);
	find_layers(p);
	place_maps(p);
	number_features(p);
	if (p->by_chance > 0)
		note("%zu of %zu pairs are left out: their chance is above %g (--chance)",
			p->by_chance, p->pairs, chance);
}

void layer_path_free(struct layer_path *p)
{
	for (size_t k = 0; k < p->maps; k++)
		map_free(&p->map[k]);
	for (size_t l = 0; l < p->layers; l++)
		ids_free(&p->layer[l].ids);
	free(p->map);
	free(p->layer);
	free(p->one_to_one);
	free(p->nearest);
}

void layer_path_header(struct sm_frame *header, const struct layer_path *p)
{
	for (size_t k = 0; k < p->maps; k++)
		sm_join_header(header, &p->map[k].header);
	sm_drop(header, "rows", "cols", "matched", "total", "method", "max_cost", "certified",
		"open", "row_model", "row_sae", "col_model", "col_sae");
	if (p->chance < 1) {
		sm_set_real(header, "chance", p->chance);
		sm_set_integer(header, "by_chance", (int64_t)p->by_chance);
	}
}

void layer_path_names(struct sm_frame *frame, const struct layer_path *p, struct pool *memory)
{
	const char **name = pool_alloc(memory, p->layers, sizeof *name);
	const char **model = pool_alloc(memory, p->layers, sizeof *model);
	bool known = p->layers > 0;

	for (size_t l = 0; l < p->layers; l++) {
		name[l] = p->layer[l].name;
		model[l] = p->layer[l].ids.origin[OF_MODEL];
		known &= model[l] != NULL;
	}
	sm_set_strings(frame, "layer", p->layers, name);
	if (known)
		sm_set_strings(frame, "model", p->layers, model);
}

/* -- Following --------------------------------------------------------------------------------- */

bool layer_path_before(const struct layer_path *p, size_t layer, size_t i)
{
	return layer > 0 && link_from(p, layer - 1)->rows[i] > 0;
}

bool layer_path_after(const struct layer_path *p, size_t layer, size_t i)
{
	return layer + 1 < p->layers && link_from(p, layer)->col_of[i] != UNASSIGNED;
}

struct walk walk_from(size_t layer, size_t feature)
{
	return (struct walk){.layer = layer, .feature = (uint32_t)feature, .dearest = -INFINITY,
		.weakest = INFINITY, .weakest_layer = layer, .certified = true};
}

bool walk_step(const struct layer_path *p, struct walk *w)
{
	w->cost = w->margin = w->chance = INFINITY;
	if (!layer_path_after(p, w->layer, w->feature))
		return false;
	const struct layer_map *a = link_from(p, w->layer);
	size_t k = a->pair[w->feature];
	w->cost = a->match.cost[k];
	w->margin = a->match.margin[k];
	if (a->match.chance)
		w->chance = a->match.chance[k];
	w->total += (double)w->cost;
	w->dearest = fmaxf(w->dearest, w->cost);
	if (w->margin < w->weakest) {
		w->weakest = w->margin;
		w->weakest_layer = w->layer;
	}
	w->certified &= a->match.certified && a->match.certified[k];
	w->feature = a->col_of[w->feature];
	w->layer++;
	return true;
}

bool walk_to(const struct layer_path *p, struct walk *w, size_t to)
{
	while (w->layer < to && walk_step(p, w))
		;
	return w->layer == to;
}

bool layer_path_verdicts(const struct layer_path *p, size_t from, size_t to)
{
	while (from < to && link_from(p, from)->match.certified)
		from++;
	return from >= to;
}

bool layer_path_chances(const struct layer_path *p, bool nearest)
{
	size_t of = 0, with = 0;

	for (const struct layer_map *a = p->map; a < p->map + p->maps; a++) {
		of += a->nearest == nearest;
		with += a->nearest == nearest && a->match.chance;
	}
	return of > 0 && with == of;
}

uint32_t shared_columns(const struct layer_map *nearest, const struct layer *col)
{
	uint32_t n = 0;

	for (size_t j = 0; nearest && j < col->ids.n; j++)
		n += nearest->rows[j] > 1;
	return n;
}
