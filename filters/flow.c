/* Matchings between layers to flows of features through them. A matching of each layer with the
 * next is a partial permutation P_l; the features of layer l lead to those of layer k by the
 * product P_l P_l+1 ... P_k-1 (Balagansky, Maksimov and Gavrilov 2025), which is a walk from
 * feature to feature. */
#include "base/die.h"
#include "base/opt.h"
#include "match/layer_path.h"
#include "match/pair_list.h"

#include <stdlib.h>

static double chance = 0.2;

static const struct opt options[] = {
	{"chance", OPT_REAL, &chance, "P",
		"leave out pairs whose chance is above P", 0, 1},
	OPT_END
};

/* Columns of n counts each, one after another. */
static void set_counts(struct sm_frame *frame, const char *const *name, size_t columns,
	const uint32_t *count, size_t n)
{
	for (size_t c = 0; c < columns; c++)
		sm_set_tensor(frame, name[c], SM_U4, count + c * n, n);
}

static void write_layers(struct sm_writer *out, const struct layer_path *p)
{
	static const char *const names[] = {"features", "births", "deaths", "through"};
	size_t n = p->layers;
	struct pool memory = {0};
	uint32_t *count = pool_calloc(&memory, n * 4, sizeof *count);
	struct sm_frame frame = {0};

	for (size_t l = 0; l < n; l++) {
		count[l] = (uint32_t)p->layer[l].ids.n;
		for (size_t i = 0; i < p->layer[l].ids.n; i++) {
			bool before = layer_path_before(p, l, i), after = layer_path_after(p, l, i);
			count[n + l] += l > 0 && !before;
			count[2 * n + l] += l + 1 < n && !after;
			count[3 * n + l] += before && after;
		}
	}
	layer_path_names(&frame, p, &memory);
	set_counts(&frame, names, 4, count, n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	pool_free(&memory);
}

/* Adds one pair of layers to columns of n counts: composed, direct, both, agree, merges, splits. */
static void compare(uint32_t *count, size_t n, const struct layer_path *p, size_t from, size_t to)
{
	size_t l = p->layers;
	const struct layer_map *direct = p->one_to_one[from * l + to];

	for (size_t i = 0; i < p->layer[from].ids.n; i++) {
		struct walk w = walk_from(from, i);
		bool composed = walk_to(p, &w, to);
		bool matched = direct && direct->col_of[i] != UNASSIGNED;
		count[0] += composed;
		count[n] += matched;
		count[2 * n] += composed && matched;
		count[3 * n] += composed && matched && direct->col_of[i] == w.feature;
	}
	count[4 * n] = shared_columns(p->nearest[from * l + to], &p->layer[to]);
	count[5 * n] = shared_columns(p->nearest[to * l + from], &p->layer[from]);
}

/* The composed permutation beside the direct one, of every two layers. */
static void write_pairs(struct sm_writer *out, const struct layer_path *p)
{
	static const char *const names[] = {"composed", "direct", "both", "agree", "merges",
		"splits"};
	size_t n = p->layers * (p->layers ? p->layers - 1 : 0) / 2, at = 0;
	struct pool memory = {0};
	const char **from_layer = pool_alloc(&memory, n, sizeof *from_layer);
	const char **to_layer = pool_alloc(&memory, n, sizeof *to_layer);
	uint32_t *count = pool_calloc(&memory, n * 6, sizeof *count);
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
	pool_free(&memory);
}

/* Columns of the frame of chains: of entries, one for each feature of a chain; of chains. */
struct chains {
	size_t entries, n;
	uint32_t *indptr, *layer, *feature, *length;
	float *cost, *margin, *chance, *weakest, *dearest;
	const char **weakest_layer;
	uint8_t *certified;
	struct pool memory;
};

static void chains_open(struct chains *c, size_t most)
{
	struct pool *m = &c->memory;

	*c = (struct chains){0};
	c->indptr = pool_calloc(m, most + 1, sizeof *c->indptr);
	c->layer = pool_alloc(m, most, sizeof *c->layer);
	c->feature = pool_alloc(m, most, sizeof *c->feature);
	c->length = pool_alloc(m, most, sizeof *c->length);
	c->cost = pool_alloc(m, most, sizeof *c->cost);
	c->margin = pool_alloc(m, most, sizeof *c->margin);
	c->chance = pool_alloc(m, most, sizeof *c->chance);
	c->weakest = pool_alloc(m, most, sizeof *c->weakest);
	c->dearest = pool_alloc(m, most, sizeof *c->dearest);
	c->weakest_layer = pool_alloc(m, most, sizeof *c->weakest_layer);
	c->certified = pool_alloc(m, most, sizeof *c->certified);
}

static void add_chain(struct chains *c, const struct layer_path *p, size_t l, size_t i)
{
	struct walk w = walk_from(l, i);
	size_t first = c->entries;

	c->indptr[c->n] = (uint32_t)first;
	for (bool on = true; on; c->entries++) {
		c->layer[c->entries] = (uint32_t)w.layer;
		c->feature[c->entries] = p->layer[w.layer].ids.feature[w.feature];
		on = walk_step(p, &w);
		c->cost[c->entries] = w.cost;
		c->margin[c->entries] = w.margin;
		c->chance[c->entries] = w.chance;
	}
	c->length[c->n] = (uint32_t)(c->entries - first);
	c->weakest[c->n] = w.weakest;
	c->weakest_layer[c->n] = p->layer[w.weakest_layer].name;
	c->dearest[c->n] = w.dearest;
	c->certified[c->n++] = w.certified && w.layer > l;
	c->indptr[c->n] = (uint32_t)c->entries;
}

/* Each feature is in one chain, which begins where it has no partner before. */
static void write_chains(struct sm_writer *out, const struct layer_path *p)
{
	struct sm_frame frame = {0};
	struct chains c;
	size_t most = 0;

	for (size_t l = 0; l < p->layers; l++)
		most += p->layer[l].ids.n;
	chains_open(&c, most);
	for (size_t l = 0; l < p->layers; l++)
		for (size_t i = 0; i < p->layer[l].ids.n; i++)
			if (!layer_path_before(p, l, i))
				add_chain(&c, p, l, i);
	sm_set_tensor(&frame, "indptr", SM_U4, c.indptr, c.n + 1);
	sm_set_tensor(&frame, "layer", SM_U4, c.layer, c.entries);
	sm_set_tensor(&frame, "feature", SM_U4, c.feature, c.entries);
	sm_set_tensor(&frame, "cost", SM_F4, c.cost, c.entries);
	sm_set_tensor(&frame, "margin", SM_F4, c.margin, c.entries);
	if (layer_path_chances(p, false))
		sm_set_tensor(&frame, "chance", SM_F4, c.chance, c.entries);
	sm_set_tensor(&frame, "length", SM_U4, c.length, c.n);
	sm_set_tensor(&frame, "weakest", SM_F4, c.weakest, c.n);
	sm_set_strings(&frame, "weakest_layer", c.n, c.weakest_layer);
	sm_set_tensor(&frame, "dearest", SM_F4, c.dearest, c.n);
	if (p->layers > 0 && layer_path_verdicts(p, 0, p->layers - 1))
		sm_set_tensor(&frame, "certified", SM_U1, c.certified, c.n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	pool_free(&c.memory);
}

/* Adds, column by column, the rows whose nearest column is also another row's. */
static void add_merges(struct pair_list *list, const struct layer_map *a, const struct ids *row,
	const struct ids *col)
{
	size_t *next = xalloc(col->n, sizeof *next), shared = 0;

	for (size_t j = 0; j < col->n; j++) {
		next[j] = shared;
		shared += a->rows[j] > 1 ? a->rows[j] : 0;
	}
	size_t *in_order = xalloc(shared, sizeof *in_order);
	for (size_t i = 0; i < row->n; i++)
		if (a->col_of[i] != UNASSIGNED && a->rows[a->col_of[i]] > 1)
			in_order[next[a->col_of[i]]++] = i;
	for (size_t k = 0; k < shared; k++) {
		size_t i = in_order[k], pair = a->pair[i];
		pair_list_add(list, row, col, &(struct pair){.row = i, .col = a->col_of[i],
			.cost = (double)a->match.cost[pair], .margin = a->match.margin[pair],
			.chance = list->chances ? a->match.chance[pair] : 0});
	}
	free(in_order);
	free(next);
}

static void write_merges(struct sm_writer *out, const struct layer_path *p)
{
	size_t most = 0, nearest = 0, l = p->layers;
	struct sm_frame frame = {0};

	for (size_t k = 0; k < p->maps; k++) {
		nearest += p->map[k].nearest;
		most += p->map[k].nearest ? p->map[k].match.row.n : 0;
	}
	struct pair_list list = pair_list_open(most);
	list.chances = layer_path_chances(p, true);
	for (size_t at = 0; at < l * l; at++)
		if (p->nearest[at])
			add_merges(&list, p->nearest[at], &p->layer[at / l].ids,
				&p->layer[at % l].ids);
	struct matching merged = pair_list_matching(&list);
	set_pairs(&frame, &merged);
	if (nearest > 0)
		sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	pair_list_free(&list);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "flow [OPTION]... [MATCHING]...",
		"Follows features through layers by their matchings.", 1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};
	struct layer_path path;

	layer_path_read(&path, operand, chance);
	layer_path_header(&header, &path);
	sm_set_string(&header, "kind", "flow");
	sm_write_header(out, &header);
	write_layers(out, &path);
	write_pairs(out, &path);
	write_chains(out, &path);
	write_merges(out, &path);
	sm_write_end(out);
	sm_writer_close(out);
	sm_frame_free(&header);
	layer_path_free(&path);
	free(operand);
	return 0;
}
