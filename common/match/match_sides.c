#include "match/match_sides.h"

#include "base/die.h"
#include "distance/stage.h"

#include <stdlib.h>
#include <string.h>

void match_sides_open(struct match_sides *s, const char *const file[2], const char *coupling)
{
	*s = (struct match_sides){.file = {file[0], file[1]}};
	if (coupling) {
		s->first = read_coupled_texts(&s->texts, coupling, file, &s->all);
		s->coupling = &s->texts.coupling;
	} else {
		read_activations(file[0], &s->all);
		s->first = s->all.n;
		read_activations(file[1], &s->all);
	}
	s->side[0] = dictionary_of(&s->all, 0, s->first);
	s->side[1] = dictionary_of(&s->all, s->first, s->all.n);
	stage_join_headers(&s->header, s->all.header, s->first);
	stage_join_headers(&s->header, s->all.header + s->first, s->all.n - s->first);
	if (coupling)
		coupled_texts_header(&s->header, &s->texts);
}

void match_sides_free(struct match_sides *s)
{
	sm_frame_free(&s->header);
	dictionary_free(&s->side[0]);
	dictionary_free(&s->side[1]);
	activation_streams_free(&s->all);
	coupled_texts_free(&s->texts);
}

void match_sides_header(struct sm_frame *header, const struct match_sides *s)
{
	sm_join_header(header, &s->header);
	sm_set_string(header, "kind", "scores");
	sm_set_integer(header, "tokens", (int64_t)s->all.item[0].tokens);
}

struct sae *match_sides_sae(const struct match_sides *s, int side, const char *path,
	unsigned parts)
{
	size_t streams = side ? s->all.n - s->first : s->first, features = s->side[side].ids.n;
	const struct sm_frame *header = &s->all.header[side ? s->first : 0];
	struct sae_options options = SAE_OPTIONS_NONE;

	if (strcmp(sm_get_string(header, "sae", ""), path) == 0)
		options.encoder = sm_get_string(header, "encoder", NULL);
	struct sae *sae = sae_open(path, parts, &options);
	size_t of_each = sm_find_field(header, "signed") ? 2 : 1;

	if (streams != 1)
		die("%s: %zu streams, where --sae-a and --sae-b need one", s->file[side], streams);
	if (of_each * sae->features != features)
		die("%s: %zu features, %s has %zu", path, of_each * sae->features, s->file[side],
			features);
	return sae;
}

static uint32_t *places(const struct match_sides *s, const struct sm_reader *in, int side,
	const struct ids *ids)
{
	uint32_t *place = xalloc(ids->n, sizeof *place);
	char *what = xasprintf("%s: its %s are", sm_reader_name(in), side ? "columns" : "rows");

	want_same_origin(ids, what, &s->side[side].ids, s->file[side]);
	free(what);
	for (size_t i = 0; i < ids->n; i++) {
		size_t at = dictionary_find(&s->side[side], ids->layer[i], ids->feature[i]);
		if (at == SIZE_MAX)
			sm_bad(in, "feature %u of layer %s is not in %s", ids->feature[i],
				ids->layer[i], s->file[side]);
		place[i] = (uint32_t)at;
	}
	return place;
}

/* A pair and what it costs, for qsort(). */
struct costed {
	float cost;
	uint32_t pair;
};

static int by_cost(const void *a, const void *b)
{
	const struct costed *x = a, *y = b;

	return x->cost != y->cost ? (x->cost > y->cost) - (x->cost < y->cost)
		: (x->pair > y->pair) - (x->pair < y->pair);
}

static uint32_t *cheapest_first(const float *cost, size_t n)
{
	struct costed *pair = xalloc(n, sizeof *pair);
	uint32_t *order = xalloc(n, sizeof *order);

	for (size_t i = 0; i < n; i++)
		pair[i] = (struct costed){cost[i], (uint32_t)i};
	qsort(pair, n, sizeof *pair, by_cost);
	for (size_t i = 0; i < n; i++)
		order[i] = pair[i].pair;
	free(pair);
	return order;
}

struct placed_pairs placed_pairs_of(const struct match_sides *s, const struct sm_reader *in,
	const struct sm_frame *header, const struct matching *match)
{
	size_t cols = s->side[1].ids.n;
	struct placed_pairs p = {.n = match->row.n, .cost = match->cost,
		.certified = match->certified,
		.repeat = strcmp(sm_get_string(header, "method", ""), "nearest") == 0};
	uint32_t *left = places(s, in, 1, &match->free_col), *among = xalloc(cols, sizeof *among);
	bool *there = xcalloc(cols, sizeof *there);

	p.row = places(s, in, 0, &match->row);
	p.col = places(s, in, 1, &match->col);
	p.all = xalloc(cols, sizeof *p.all);
	p.at = xalloc(p.n, sizeof *p.at);
	p.order = cheapest_first(match->cost, p.n);
	for (size_t i = 0; i < p.n; i++) {
		p.repeat |= there[p.col[i]];
		there[p.col[i]] = true;
	}
	for (size_t j = 0; j < match->free_col.n; j++)
		there[left[j]] = true;
	for (size_t j = 0; j < cols; j++)
		if (there[j]) {
			among[j] = (uint32_t)p.m;
			p.all[p.m++] = (uint32_t)j;
		}
	for (size_t i = 0; i < p.n; i++)
		p.at[i] = among[p.col[i]];
	free(there);
	free(among);
	free(left);
	return p;
}

void placed_pairs_free(struct placed_pairs *p)
{
	free(p->row);
	free(p->col);
	free(p->all);
	free(p->at);
	free(p->order);
}

void placed_pairs_level(double *x, const struct placed_pairs *p)
{
	for (size_t from = 0, end; from < p->n; from = end) {
		double sum = x[from];
		for (end = from + 1; end < p->n
				&& p->cost[p->order[end]] == p->cost[p->order[from]]; end++)
			sum += x[end];
		for (size_t e = from; e < end; e++)
			x[e] = sum / (double)(end - from);
	}
}
