/* Matchings between layers to flows of features through them. */
#include "base/die.h"
#include "base/opt.h"
#include "match/layer_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *ends[2];

static const struct opt options[] = {
	{"compose", OPT_PAIR, ends, "FROM TO", "write the composed matching of these two layers instead", 0, 0},
	OPT_END
};

/* Columns of n counts each, one after another. */
static void set_counts(struct sm_frame *frame, const char *const *name, size_t columns, const uint32_t *count, size_t n)
{
	for (size_t c = 0; c < columns; c++)
		sm_set_tensor(frame, name[c], SM_U4, count + c * n, n);
}

static void write_layers(struct sm_writer *out, const struct path *p)
{
	static const char *const names[] = {"features", "births", "deaths", "through"};
	size_t n = p->layers;
	const char **layer = xalloc(n, sizeof *layer);
	uint32_t *count = xcalloc(n * 4, sizeof *count);
	struct sm_frame frame = {0};

	for (size_t l = 0; l < n; l++) {
		layer[l] = p->layer[l].name;
		count[l] = (uint32_t)p->layer[l].n;
		for (size_t i = 0; i < p->layer[l].n; i++) {
			bool before = partner_before(p, l, i), after = partner_after(p, l, i);
			count[n + l] += l > 0 && !before;
			count[2 * n + l] += l + 1 < n && !after;
			count[3 * n + l] += before && after;
		}
	}
	sm_set_strings(&frame, "layer", n, layer);
	set_counts(&frame, names, 4, count, n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
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
static void compare(uint32_t *count, size_t n, const struct path *p, size_t from, size_t to)
{
	size_t l = p->layers;
	const struct map *direct = p->one_to_one[from * l + to];

	for (size_t i = 0; i < p->layer[from].n; i++) {
		struct walk w = walk_from(from, i);
		bool composed = reach(p, &w, to), matched = direct && direct->col_of[i] != UNASSIGNED;
		count[0] += composed;
		count[n] += matched;
		count[2 * n] += composed && matched;
		count[3 * n] += composed && matched && direct->col_of[i] == w.feature;
	}
	count[4 * n] = shared(p->nearest[from * l + to], &p->layer[to]);
	count[5 * n] = shared(p->nearest[to * l + from], &p->layer[from]);
}

/* The composed permutation beside the direct one, of every two layers. */
static void write_pairs(struct sm_writer *out, const struct path *p)
{
	static const char *const names[] = {"composed", "direct", "both", "agree", "merges", "splits"};
	size_t n = p->layers * (p->layers ? p->layers - 1 : 0) / 2, at = 0;
	const char **from_layer = xalloc(n, sizeof *from_layer), **to_layer = xalloc(n, sizeof *to_layer);
	uint32_t *count = xcalloc(n * 6, sizeof *count);
	struct sm_frame frame = {0};

	for (size_t from = 0; from < p->layers; from++)
		for (size_t to = from + 1; to < p->layers; to++, at++) {
			from_layer[at] = p->layer[from].name;
			to_layer[at] = p->layer[to].name;
			compare(count + at, n, p, from, to);
		}
	sm_set_strings(&frame, "row_layer", n, from_layer);
	sm_set_strings(&frame, "col_layer", n, to_layer);
	set_counts(&frame, names, 6, count, n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	free(count);
	free(to_layer);
	free(from_layer);
}

/* Each feature is in one chain, which begins where it has no partner before. */
static void write_chains(struct sm_writer *out, const struct path *p)
{
	size_t entries = 0, chains = 0, n = 0;
	struct sm_frame frame = {0};

	for (size_t l = 0; l < p->layers; l++)
		entries += p->layer[l].n;
	uint32_t *indptr = xalloc(entries + 1, sizeof *indptr), *layer = xalloc(entries, sizeof *layer);
	uint32_t *feature = xalloc(entries, sizeof *feature), *length = xalloc(entries, sizeof *length);
	float *cost = xalloc(entries, sizeof *cost), *margin = xalloc(entries, sizeof *margin);
	float *weakest = xalloc(entries, sizeof *weakest), *dearest = xalloc(entries, sizeof *dearest);
	const char **weakest_layer = xalloc(entries, sizeof *weakest_layer);
	uint8_t *certified = xalloc(entries, sizeof *certified);

	for (size_t l = 0; l < p->layers; l++)
		for (size_t i = 0; i < p->layer[l].n; i++) {
			if (partner_before(p, l, i))
				continue;
			struct walk w = walk_from(l, i);
			indptr[chains] = (uint32_t)n;
			for (bool on = true; on; n++) {
				layer[n] = (uint32_t)w.layer;
				feature[n] = p->layer[w.layer].feature[w.feature];
				on = step(p, &w);
				cost[n] = w.cost;
				margin[n] = w.margin;
			}
			length[chains] = (uint32_t)n - indptr[chains];
			weakest[chains] = w.weakest;
			weakest_layer[chains] = p->layer[w.weakest_layer].name;
			dearest[chains] = w.dearest;
			certified[chains++] = w.certified && w.layer > l;
		}
	indptr[chains] = (uint32_t)n;
	sm_set_tensor(&frame, "indptr", SM_U4, indptr, chains + 1);
	sm_set_tensor(&frame, "layer", SM_U4, layer, n);
	sm_set_tensor(&frame, "feature", SM_U4, feature, n);
	sm_set_tensor(&frame, "cost", SM_F4, cost, n);
	sm_set_tensor(&frame, "margin", SM_F4, margin, n);
	sm_set_tensor(&frame, "length", SM_U4, length, chains);
	sm_set_tensor(&frame, "weakest", SM_F4, weakest, chains);
	sm_set_strings(&frame, "weakest_layer", chains, weakest_layer);
	sm_set_tensor(&frame, "dearest", SM_F4, dearest, chains);
	if (p->layers > 0 && verdicts(p, 0, p->layers - 1))
		sm_set_tensor(&frame, "certified", SM_U1, certified, chains);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
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
	return (struct pairs){xalloc(n, sizeof(char *)), xalloc(n, sizeof(char *)), xalloc(n, sizeof(uint32_t)),
		xalloc(n, sizeof(uint32_t)), xalloc(n, sizeof(float)), xalloc(n, sizeof(float))};
}

static void set_pair(struct pairs *p, size_t k, const struct layer *row, uint32_t i, const struct layer *col, uint32_t j)
{
	p->row_layer[k] = row->name;
	p->row_feature[k] = row->feature[i];
	p->col_layer[k] = col->name;
	p->col_feature[k] = col->feature[j];
}

static struct matching matching_of(const struct pairs *p, size_t n)
{
	return (struct matching){.row = {n, p->row_layer, p->row_feature, NULL},
		.col = {n, p->col_layer, p->col_feature, NULL}, .cost = p->cost, .margin = p->margin};
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
	size_t *next = xalloc(col->n, sizeof *next);

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

static void write_merges(struct sm_writer *out, const struct path *p)
{
	size_t n = 0, most = 0, l = p->layers;
	struct sm_frame frame = {0};
	bool any = false;

	for (const struct map *a = p->map; a < p->map + p->maps; a++)
		if (a->nearest) {
			any = true;
			most += a->match.row.n;
		}
	struct pairs pairs = pairs_for(most);
	for (size_t at = 0; at < l * l; at++)
		if (p->nearest[at])
			n = list_merges(&pairs, n, p->nearest[at], &p->layer[at / l], &p->layer[at % l]);
	struct matching merged = matching_of(&pairs, n);
	set_pairs(&frame, &merged);
	if (any)
		sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	pairs_free(&pairs);
}

/* What the matchings' headers say, but for what is of one matching only. */
static void join_headers(struct sm_frame *header, const struct path *p)
{
	for (size_t k = 0; k < p->maps; k++)
		sm_join_header(header, &p->map[k].header);
	sm_drop(header, "rows", "cols", "matched", "total", "method", "max_cost", "certified", "open");
}

static void write_flow(struct sm_writer *out, struct sm_frame *header, const struct path *p)
{
	sm_set_string(header, "kind", "flow");
	sm_write_header(out, header);
	write_layers(out, p);
	write_pairs(out, p);
	write_chains(out, p);
	write_merges(out, p);
}

static size_t end_of(const struct path *p, const char *name)
{
	size_t l = place(p, name);

	if (l == p->layers)
		die("--compose: layer %s is not on the path", name);
	return l;
}

/* The features of a layer that no pair has. */
static struct ids rest_of(const struct layer *l, const bool *paired)
{
	uint32_t *feature = xalloc(l->n, sizeof *feature);
	struct ids rest = {0, xalloc(l->n, sizeof(char *)), feature, NULL};

	for (size_t i = 0; i < l->n; i++)
		if (!paired[i]) {
			rest.layer[rest.n] = l->name;
			feature[rest.n++] = l->feature[i];
		}
	return rest;
}

static void write_composed(struct sm_writer *out, struct sm_frame *header, const struct path *p)
{
	size_t from = end_of(p, ends[0]), to = end_of(p, ends[1]), n = 0;

	if (from >= to)
		die("--compose: layer %s does not come before layer %s on the path", ends[0], ends[1]);
	const struct layer *row = &p->layer[from], *col = &p->layer[to];
	struct pairs pairs = pairs_for(row->n);
	uint32_t *row_number = xalloc(row->n, sizeof *row_number), *col_number = xalloc(row->n, sizeof *col_number);
	uint8_t *certified = xalloc(row->n, sizeof *certified);
	bool *row_paired = xcalloc(row->n, sizeof *row_paired), *col_paired = xcalloc(col->n, sizeof *col_paired);
	double total = 0;

	for (uint32_t i = 0; i < row->n; i++) {
		struct walk w = walk_from(from, i);
		if (!reach(p, &w, to))
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
	sm_set_string(header, "kind", "matching");
	sm_set_string(header, "method", "composed");
	sm_set_integer(header, "rows", (int64_t)row->n);
	sm_set_integer(header, "cols", (int64_t)col->n);
	sm_set_integer(header, "matched", (int64_t)n);
	sm_set_real(header, "total", total);
	sm_write_header(out, header);
	struct matching m = matching_of(&pairs, n);
	m.certified = verdicts(p, from, to) ? certified : NULL;
	m.free_row = rest_of(row, row_paired);
	m.free_col = rest_of(col, col_paired);
	write_matching(out, &m, row_number, col_number);
	ids_free(&m.free_row);
	ids_free(&m.free_col);
	matching_free(&m);
	free(col_paired);
	free(row_paired);
	free(certified);
	free(col_number);
	free(row_number);
	pairs_free(&pairs);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "flow [OPTION]... [MATCHING]...",
		"Follows features through layers by the matchings from each layer to the next.", 1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};
	struct path path;

	read_path(operand, &path);
	join_headers(&header, &path);
	if (ends[0])
		write_composed(out, &header, &path);
	else
		write_flow(out, &header, &path);
	sm_write_end(out);
	sm_writer_close(out);
	sm_frame_free(&header);
	path_free(&path);
	free(operand);
	return 0;
}
