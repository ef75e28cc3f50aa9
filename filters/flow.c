/* Matchings between layers to flows of features through them. */
#include "assign.h"
#include "die.h"
#include "matching.h"
#include "opt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *ends[2];

static const struct opt options[] = {
	{"compose", OPT_PAIR, ends, "FROM TO", "write the composed matching of these two layers instead", 0, 0},
	OPT_END
};

/* A matching between two layers, as read and as a map between their features by number. */
struct map {
	struct frame header;
	struct matching match;
	const char *file, *row_layer, *col_layer;
	bool nearest;
	uint32_t *col_of, *pair;	/* of the row layer's features: the partner, or UNASSIGNED; which of match */
	uint32_t *rows;			/* of the column layer's features: how many have it as their partner */
};

struct layer {
	const char *name;
	size_t n;
	uint32_t *feature;		/* (n), ascending: all that the matchings name */
};

struct flow {
	size_t maps, layers;
	struct map *map;
	struct layer *layer;		/* the path */
	const struct map **one_to_one, **nearest;	/* (layers, layers): NULL where none is given */
};

/* -- Reading ------------------------------------------------------------------------------------ */

/* The layer of the features on one side; NULL when there are none. */
static const char *only_layer(const struct reader *in, const struct ids *matched, const struct ids *rest)
{
	const char *layer = matched->n > 0 ? matched->layer[0] : rest->n > 0 ? rest->layer[0] : NULL;

	for (size_t i = 0; i < matched->n + rest->n; i++) {
		const char *other = i < matched->n ? matched->layer[i] : rest->layer[i - matched->n];
		if (strcmp(layer, other) != 0)
			bad(in, "layers %s and %s on one side, where a matching leads from one layer to one other",
				layer, other);
	}
	return layer;
}

/* False for a matching that names no features on one side, and so no layer. */
static bool take_map(struct reader *in, struct map *a)
{
	const struct matching *m = &a->match;

	read_matching(in, &a->header, &a->match);
	a->file = reader_name(in);
	a->nearest = strcmp(get_string(&a->header, "method", ""), "nearest") == 0;
	a->row_layer = only_layer(in, &m->row, &m->free_row);
	a->col_layer = only_layer(in, &m->col, &m->free_col);
	if (!a->row_layer || !a->col_layer)
		return false;
	if (strcmp(a->row_layer, a->col_layer) == 0)
		bad(in, "layer %s on both sides: act-dump --layer gives names that differ", a->row_layer);
	return true;
}

static void map_free(struct map *a)
{
	frame_free(&a->header);
	matching_free(&a->match);
	free(a->col_of);
	free(a->pair);
	free(a->rows);
}

static void take_all(struct flow *f, const char *path)
{
	struct reader *in = reader_open(path);
	struct map a = {0};

	for (; read_header(in, &a.header); a = (struct map){0}) {
		if (take_map(in, &a)) {
			f->map = need_more(f->map, f->maps + 1, sizeof *f->map);
			f->map[f->maps++] = a;
		} else {
			note("%s: a matching without features on one side is left out", a.file);
			map_free(&a);
		}
	}
	frame_free(&a.header);
	reader_close(in);
}

/* -- The path ----------------------------------------------------------------------------------- */

/* Of a layer on the path, or f->layers. */
static size_t place(const struct flow *f, const char *layer)
{
	size_t i = 0;

	while (i < f->layers && strcmp(f->layer[i].name, layer) != 0)
		i++;
	return i;
}

static const struct map *link_from(const struct flow *f, size_t layer)
{
	return f->one_to_one[layer * f->layers + layer + 1];
}

/* Does a one-to-one matching lead there from a layer that is not on the path yet? */
static bool comes_later(const struct flow *f, const char *layer)
{
	for (const struct map *a = f->map; a < f->map + f->maps; a++)
		if (!a->nearest && strcmp(a->col_layer, layer) == 0 && place(f, a->row_layer) == f->layers)
			return true;
	return false;
}

static const char *next_layer(const struct flow *f)
{
	for (const struct map *a = f->map; a < f->map + f->maps; a++)
		for (int side = 0; side < 2; side++) {
			const char *layer = side ? a->col_layer : a->row_layer;
			if (!a->nearest && place(f, layer) == f->layers && !comes_later(f, layer))
				return layer;
		}
	return NULL;
}

/* The only order in which every one-to-one matching leads forward and one leads from each layer to the next. */
static void find_path(struct flow *f)
{
	size_t l;

	for (const char *name; (name = next_layer(f)); f->layers++) {
		f->layer = need_more(f->layer, f->layers + 1, sizeof *f->layer);
		f->layer[f->layers] = (struct layer){.name = name};
	}
	l = f->layers;
	f->one_to_one = need_zero(l * l, sizeof *f->one_to_one);
	f->nearest = need_zero(l * l, sizeof *f->nearest);
	for (const struct map *a = f->map; a < f->map + f->maps; a++) {
		size_t from = place(f, a->row_layer), to = place(f, a->col_layer);
		if (from == l || to == l)
			die("%s: layer %s to %s: the one-to-one matchings make no path through layer %s", a->file,
				a->row_layer, a->col_layer, from == l ? a->row_layer : a->col_layer);
		const struct map **at = (a->nearest ? f->nearest : f->one_to_one) + from * l + to;
		if (*at)
			die("%s: layer %s to %s: a second %s matching", a->file, a->row_layer, a->col_layer,
				a->nearest ? "nearest" : "one-to-one");
		*at = a;
	}
	for (size_t k = 0; k + 1 < l; k++)
		if (!link_from(f, k))
			die("no one-to-one matching from layer %s to layer %s", f->layer[k].name, f->layer[k + 1].name);
}

/* -- Features by number ------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_features(struct layer *l, const struct ids *ids)
{
	l->feature = need_more(l->feature, l->n + ids->n, sizeof *l->feature);
	if (ids->n > 0)
		memcpy(l->feature + l->n, ids->feature, ids->n * sizeof *l->feature);
	l->n += ids->n;
}

static void sort_features(struct layer *l)
{
	size_t n = 0;

	qsort(l->feature, l->n, sizeof *l->feature, ascending);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || l->feature[i] != l->feature[n - 1])
			l->feature[n++] = l->feature[i];
	l->n = n;
}

static uint32_t number(const struct layer *l, uint32_t feature)
{
	return (uint32_t)((uint32_t *)bsearch(&feature, l->feature, l->n, sizeof feature, ascending) - l->feature);
}

static void number_pairs(struct map *a, const struct layer *row, const struct layer *col)
{
	const struct matching *m = &a->match;

	a->col_of = need(row->n, sizeof *a->col_of);
	a->pair = need(row->n, sizeof *a->pair);
	a->rows = need_zero(col->n, sizeof *a->rows);
	for (size_t i = 0; i < row->n; i++)
		a->col_of[i] = UNASSIGNED;
	for (size_t k = 0; k < m->row.n; k++) {
		uint32_t i = number(row, m->row.feature[k]), j = number(col, m->col.feature[k]);
		if (a->col_of[i] != UNASSIGNED)
			die("%s: layer %s to %s: row feature %u stands twice", a->file, row->name, col->name,
				row->feature[i]);
		if (a->rows[j]++ > 0 && !a->nearest)
			die("%s: layer %s to %s: column feature %u stands twice", a->file, row->name, col->name,
				col->feature[j]);
		a->col_of[i] = j;
		a->pair[i] = (uint32_t)k;
	}
}

static void number_features(struct flow *f)
{
	for (const struct map *a = f->map; a < f->map + f->maps; a++) {
		struct layer *row = &f->layer[place(f, a->row_layer)], *col = &f->layer[place(f, a->col_layer)];
		add_features(row, &a->match.row);
		add_features(row, &a->match.free_row);
		add_features(col, &a->match.col);
		add_features(col, &a->match.free_col);
	}
	for (size_t l = 0; l < f->layers; l++)
		sort_features(&f->layer[l]);
	for (struct map *a = f->map; a < f->map + f->maps; a++)
		number_pairs(a, &f->layer[place(f, a->row_layer)], &f->layer[place(f, a->col_layer)]);
}

/* -- Following ---------------------------------------------------------------------------------- */

static bool partner_before(const struct flow *f, size_t layer, size_t i)
{
	return layer > 0 && link_from(f, layer - 1)->rows[i] > 0;
}

static bool partner_after(const struct flow *f, size_t layer, size_t i)
{
	return layer + 1 < f->layers && link_from(f, layer)->col_of[i] != UNASSIGNED;
}

/* A walk along the path, from a feature to its partner in the next layer and on. */
struct walk {
	size_t layer;
	uint32_t feature;		/* by number */
	float cost, margin;		/* of the link taken last; infinite where the walk ended */
	double total;			/* of the links so far: their costs, ... */
	float dearest, weakest;		/* ... the largest, the smallest margin, ... */
	size_t weakest_layer;		/* ... the layer that this link leaves, ... */
	bool certified;			/* ... and whether all of them are */
};

static struct walk walk_from(size_t layer, size_t feature)
{
	return (struct walk){.layer = layer, .feature = (uint32_t)feature, .dearest = -INFINITY,
		.weakest = INFINITY, .weakest_layer = layer, .certified = true};
}

/* False where the walk ends. */
static bool step(const struct flow *f, struct walk *w)
{
	w->cost = w->margin = INFINITY;
	if (!partner_after(f, w->layer, w->feature))
		return false;
	const struct map *a = link_from(f, w->layer);
	size_t k = a->pair[w->feature];
	w->cost = a->match.cost[k];
	w->margin = a->match.margin[k];
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

/* To a later layer; false where the walk ends before. */
static bool reach(const struct flow *f, struct walk *w, size_t to)
{
	while (w->layer < to && step(f, w))
		;
	return w->layer == to;
}

/* Do all links between two layers say whether they are certified? */
static bool verdicts(const struct flow *f, size_t from, size_t to)
{
	while (from < to && link_from(f, from)->match.certified)
		from++;
	return from >= to;
}

/* -- Writing ------------------------------------------------------------------------------------ */

/* Columns of n counts each, one after another. */
static void set_counts(struct frame *frame, const char *const *name, size_t columns, const uint32_t *count, size_t n)
{
	for (size_t c = 0; c < columns; c++)
		set_tensor(frame, name[c], U4, count + c * n, 1, n);
}

static void write_layers(struct writer *out, const struct flow *f)
{
	static const char *const names[] = {"features", "births", "deaths", "through"};
	size_t n = f->layers;
	const char **layer = need(n, sizeof *layer);
	uint32_t *count = need_zero(n * 4, sizeof *count);
	struct frame frame = {0};

	for (size_t l = 0; l < n; l++) {
		layer[l] = f->layer[l].name;
		count[l] = (uint32_t)f->layer[l].n;
		for (size_t i = 0; i < f->layer[l].n; i++) {
			bool before = partner_before(f, l, i), after = partner_after(f, l, i);
			count[n + l] += l > 0 && !before;
			count[2 * n + l] += l + 1 < n && !after;
			count[3 * n + l] += before && after;
		}
	}
	set_strings(&frame, "layer", n, layer);
	set_counts(&frame, names, 4, count, n);
	write_frame(out, &frame);
	frame_free(&frame);
	free(count);
	free(layer);
}

/* Columns that several rows have as their nearest. */
static uint32_t shared(const struct map *nearest, const struct layer *col)
{
	uint32_t n = 0;

	for (size_t j = 0; nearest && j < col->n; j++)
		n += nearest->rows[j] > 1;
	return n;
}

/* Adds one pair of layers to columns of n counts: composed, direct, both, agree, merges, splits. */
static void compare(uint32_t *count, size_t n, const struct flow *f, size_t from, size_t to)
{
	size_t l = f->layers;
	const struct map *direct = f->one_to_one[from * l + to];

	for (size_t i = 0; i < f->layer[from].n; i++) {
		struct walk w = walk_from(from, i);
		bool composed = reach(f, &w, to), matched = direct && direct->col_of[i] != UNASSIGNED;
		count[0] += composed;
		count[n] += matched;
		count[2 * n] += composed && matched;
		count[3 * n] += composed && matched && direct->col_of[i] == w.feature;
	}
	count[4 * n] = shared(f->nearest[from * l + to], &f->layer[to]);
	count[5 * n] = shared(f->nearest[to * l + from], &f->layer[from]);
}

/* The composed permutation beside the direct one, of every two layers. */
static void write_pairs(struct writer *out, const struct flow *f)
{
	static const char *const names[] = {"composed", "direct", "both", "agree", "merges", "splits"};
	size_t n = f->layers * (f->layers ? f->layers - 1 : 0) / 2, at = 0;
	const char **from_layer = need(n, sizeof *from_layer), **to_layer = need(n, sizeof *to_layer);
	uint32_t *count = need_zero(n * 6, sizeof *count);
	struct frame frame = {0};

	for (size_t from = 0; from < f->layers; from++)
		for (size_t to = from + 1; to < f->layers; to++, at++) {
			from_layer[at] = f->layer[from].name;
			to_layer[at] = f->layer[to].name;
			compare(count + at, n, f, from, to);
		}
	set_strings(&frame, "row_layer", n, from_layer);
	set_strings(&frame, "col_layer", n, to_layer);
	set_counts(&frame, names, 6, count, n);
	write_frame(out, &frame);
	frame_free(&frame);
	free(count);
	free(to_layer);
	free(from_layer);
}

/* Each feature is in one chain, which begins where it has no partner before. */
static void write_chains(struct writer *out, const struct flow *f)
{
	size_t entries = 0, chains = 0, n = 0;
	struct frame frame = {0};

	for (size_t l = 0; l < f->layers; l++)
		entries += f->layer[l].n;
	uint32_t *indptr = need(entries + 1, sizeof *indptr), *layer = need(entries, sizeof *layer);
	uint32_t *feature = need(entries, sizeof *feature), *length = need(entries, sizeof *length);
	float *cost = need(entries, sizeof *cost), *margin = need(entries, sizeof *margin);
	float *weakest = need(entries, sizeof *weakest), *dearest = need(entries, sizeof *dearest);
	const char **weakest_layer = need(entries, sizeof *weakest_layer);
	uint8_t *certified = need(entries, sizeof *certified);

	for (size_t l = 0; l < f->layers; l++)
		for (size_t i = 0; i < f->layer[l].n; i++) {
			if (partner_before(f, l, i))
				continue;
			struct walk w = walk_from(l, i);
			indptr[chains] = (uint32_t)n;
			for (bool on = true; on; n++) {
				layer[n] = (uint32_t)w.layer;
				feature[n] = f->layer[w.layer].feature[w.feature];
				on = step(f, &w);
				cost[n] = w.cost;
				margin[n] = w.margin;
			}
			length[chains] = (uint32_t)n - indptr[chains];
			weakest[chains] = w.weakest;
			weakest_layer[chains] = f->layer[w.weakest_layer].name;
			dearest[chains] = w.dearest;
			certified[chains++] = w.certified && w.layer > l;
		}
	indptr[chains] = (uint32_t)n;
	set_tensor(&frame, "indptr", U4, indptr, 1, chains + 1);
	set_tensor(&frame, "layer", U4, layer, 1, n);
	set_tensor(&frame, "feature", U4, feature, 1, n);
	set_tensor(&frame, "cost", F4, cost, 1, n);
	set_tensor(&frame, "margin", F4, margin, 1, n);
	set_tensor(&frame, "length", U4, length, 1, chains);
	set_tensor(&frame, "weakest", F4, weakest, 1, chains);
	set_strings(&frame, "weakest_layer", chains, weakest_layer);
	set_tensor(&frame, "dearest", F4, dearest, 1, chains);
	if (f->layers > 0 && verdicts(f, 0, f->layers - 1))
		set_tensor(&frame, "certified", U1, certified, 1, chains);
	write_frame(out, &frame);
	frame_free(&frame);
	free(certified);
	free(weakest_layer);
	free(dearest);
	free(weakest);
	free(margin);
	free(cost);
	free(length);
	free(feature);
	free(layer);
	free(indptr);
}

/* Pairs of features, as a matching has them. */
struct pairs {
	const char **row_layer, **col_layer;
	uint32_t *row_feature, *col_feature;
	float *cost, *margin;
};

static struct pairs pairs_for(size_t n)
{
	return (struct pairs){need(n, sizeof(char *)), need(n, sizeof(char *)), need(n, sizeof(uint32_t)),
		need(n, sizeof(uint32_t)), need(n, sizeof(float)), need(n, sizeof(float))};
}

static void set_pair(struct pairs *p, size_t k, const struct layer *row, uint32_t i, const struct layer *col, uint32_t j)
{
	p->row_layer[k] = row->name;
	p->row_feature[k] = row->feature[i];
	p->col_layer[k] = col->name;
	p->col_feature[k] = col->feature[j];
}

static void set_pairs(struct frame *frame, const struct pairs *p, size_t n)
{
	set_strings(frame, "row_layer", n, p->row_layer);
	set_tensor(frame, "row_feature", U4, p->row_feature, 1, n);
	set_strings(frame, "col_layer", n, p->col_layer);
	set_tensor(frame, "col_feature", U4, p->col_feature, 1, n);
	set_tensor(frame, "cost", F4, p->cost, 1, n);
	set_tensor(frame, "margin", F4, p->margin, 1, n);
}

static void pairs_free(struct pairs *p)
{
	free(p->row_layer);
	free(p->col_layer);
	free(p->row_feature);
	free(p->col_feature);
	free(p->cost);
	free(p->margin);
}

/* From k on, column by column: the rows whose nearest is also another's. Returns where they end. */
static size_t list_merges(struct pairs *p, size_t k, const struct map *a, const struct layer *row,
	const struct layer *col)
{
	size_t *next = need(col->n, sizeof *next);

	for (size_t j = 0; j < col->n; j++) {
		next[j] = k;
		k += a->rows[j] > 1 ? a->rows[j] : 0;
	}
	for (uint32_t i = 0; i < row->n; i++) {
		uint32_t j = a->col_of[i];
		if (j == UNASSIGNED || a->rows[j] < 2)
			continue;
		set_pair(p, next[j], row, i, col, j);
		p->cost[next[j]] = a->match.cost[a->pair[i]];
		p->margin[next[j]++] = a->match.margin[a->pair[i]];
	}
	free(next);
	return k;
}

static void write_merges(struct writer *out, const struct flow *f)
{
	size_t n = 0, most = 0, l = f->layers;
	struct frame frame = {0};
	bool any = false;

	for (const struct map *a = f->map; a < f->map + f->maps; a++)
		if (a->nearest) {
			any = true;
			most += a->match.row.n;
		}
	struct pairs pairs = pairs_for(most);
	for (size_t at = 0; at < l * l; at++)
		if (f->nearest[at])
			n = list_merges(&pairs, n, f->nearest[at], &f->layer[at / l], &f->layer[at % l]);
	set_pairs(&frame, &pairs, n);
	if (any)
		write_frame(out, &frame);
	frame_free(&frame);
	pairs_free(&pairs);
}

/* What the matchings' headers say, but for what is of one matching only. */
static void join_headers(struct frame *header, const struct flow *f)
{
	static const char *const of_one[] = {"rows", "cols", "matched", "total", "method", "max_cost"};

	for (size_t k = 0; k < f->maps; k++)
		join_header(header, &f->map[k].header);
	for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
		drop_field(header, of_one[i]);
}

static void write_flow(struct writer *out, struct frame *header, const struct flow *f)
{
	set_string(header, "kind", "flow");
	write_header(out, header);
	write_layers(out, f);
	write_pairs(out, f);
	write_chains(out, f);
	write_merges(out, f);
}


static size_t end_of(const struct flow *f, const char *name)
{
	size_t l = place(f, name);

	if (l == f->layers)
		die("--compose: layer %s is not on the path", name);
	return l;
}

/* The features of a layer that no pair has. */
static struct ids rest_of(const struct layer *l, const bool *paired)
{
	uint32_t *feature = need(l->n, sizeof *feature);
	struct ids rest = {0, need(l->n, sizeof(char *)), feature};

	for (size_t i = 0; i < l->n; i++)
		if (!paired[i]) {
			rest.layer[rest.n] = l->name;
			feature[rest.n++] = l->feature[i];
		}
	return rest;
}

static void write_rest(struct writer *out, const struct ids *row, const struct ids *col)
{
	struct frame frame = {0};

	set_strings(&frame, "free_row_layer", row->n, row->layer);
	set_tensor(&frame, "free_row_feature", U4, row->feature, 1, row->n);
	set_strings(&frame, "free_col_layer", col->n, col->layer);
	set_tensor(&frame, "free_col_feature", U4, col->feature, 1, col->n);
	write_frame(out, &frame);
	frame_free(&frame);
}

static void write_composed(struct writer *out, struct frame *header, const struct flow *f)
{
	size_t from = end_of(f, ends[0]), to = end_of(f, ends[1]), n = 0;

	if (from >= to)
		die("--compose: layer %s does not come before layer %s on the path", ends[0], ends[1]);
	const struct layer *row = &f->layer[from], *col = &f->layer[to];
	struct pairs pairs = pairs_for(row->n);
	uint32_t *row_number = need(row->n, sizeof *row_number), *col_number = need(row->n, sizeof *col_number);
	uint8_t *certified = need(row->n, sizeof *certified);
	bool *row_paired = need_zero(row->n, sizeof *row_paired), *col_paired = need_zero(col->n, sizeof *col_paired);
	struct frame frame = {0};
	double total = 0;

	for (uint32_t i = 0; i < row->n; i++) {
		struct walk w = walk_from(from, i);
		if (!reach(f, &w, to))
			continue;
		set_pair(&pairs, n, row, i, col, w.feature);
		pairs.cost[n] = (float)w.total;
		pairs.margin[n] = w.weakest;
		certified[n] = w.certified;
		row_number[n] = i;
		col_number[n++] = w.feature;
		row_paired[i] = col_paired[w.feature] = true;
		total += w.total;
	}
	set_string(header, "kind", "matching");
	set_string(header, "method", "composed");
	set_integer(header, "rows", (int64_t)row->n);
	set_integer(header, "cols", (int64_t)col->n);
	set_integer(header, "matched", (int64_t)n);
	set_real(header, "total", total);
	write_header(out, header);
	set_pairs(&frame, &pairs, n);
	set_tensor(&frame, "row", U4, row_number, 1, n);
	set_tensor(&frame, "col", U4, col_number, 1, n);
	if (verdicts(f, from, to))
		set_tensor(&frame, "certified", U1, certified, 1, n);
	write_frame(out, &frame);
	frame_free(&frame);
	struct ids free_row = rest_of(row, row_paired), free_col = rest_of(col, col_paired);
	write_rest(out, &free_row, &free_col);
	free(free_row.layer);
	free(free_col.layer);
	free((void *)(uintptr_t)free_row.feature);
	free((void *)(uintptr_t)free_col.feature);
	free(col_paired);
	free(row_paired);
	free(certified);
	free(col_number);
	free(row_number);
	pairs_free(&pairs);
}

static void flow_free(struct flow *f)
{
	for (size_t k = 0; k < f->maps; k++)
		map_free(&f->map[k]);
	for (size_t l = 0; l < f->layers; l++)
		free(f->layer[l].feature);
	free(f->map);
	free(f->layer);
	free(f->one_to_one);
	free(f->nearest);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "flow [OPTION]... [MATCHING]...",
		"Follows features through layers by the matchings from each layer to the next.", 1 << 20);
	struct writer *out = writer_open();
	struct frame header = {0};
	struct flow f = {0};

	for (size_t i = 0; i == 0 || operand[i]; i++)
		take_all(&f, operand[i]);
	find_path(&f);
	number_features(&f);
	join_headers(&header, &f);
	if (ends[0])
		write_composed(out, &header, &f);
	else
		write_flow(out, &header, &f);
	write_end(out);
	writer_close(out);
	frame_free(&header);
	flow_free(&f);
	free(operand);
	return 0;
}
