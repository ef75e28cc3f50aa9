/* What a matching is worth, on data that it was not made from. */
#include "base/die.h"
#include "kernel/bootstrap.h"
#include "kernel/bottom_k.h"
#include "stream/activations.h"
#include "stream/matching.h"
#include "file/labels.h"
#include "distance/coactivation.h"
#include "distance/sae_vectors.h"
#include "distance/vectors.h"
#include "match/assignment.h"
#include "match/reconstruction.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { SHUFFLES = 4, MEASURES = 4, SCORES_MOST = 2 * MEASURES + 1 };

static const char *file[2], *sae_file[2];
static struct list label_files, hidden;
static size_t bootstrap = 1000, seed;

static const struct opt options[] = {
	{"a", OPT_TEXT, &file[0], "ACTS", "activations of the rows' features on other tokens", 0, 0},
	{"b", OPT_TEXT, &file[1], "ACTS", "of the columns' features, on the same tokens", 0, 0},
	{"labels", OPT_LIST, &label_files, "TSV", "layer, feature, label; twice: of rows, of columns", 0, 0},
	{"sae-a", OPT_TEXT, &sae_file[0], "PATH", "the SAE of the rows", 0, 0},
	{"sae-b", OPT_TEXT, &sae_file[1], "PATH", "the SAE of the columns", 0, 0},
	{"hidden-b", OPT_LIST, &hidden, "FILE", "hidden states of the columns' layer; again: shards", 0, 0},
	{"bootstrap", OPT_SIZE, &bootstrap, "N", "resamplings, for intervals", 1, 1e9},
	{"seed", OPT_SIZE, &seed, "S", "of the random numbers", 0, 9e18},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* A way to compare features, by distances that are larger the less alike they are: a stage's. */
struct measure {
	const char *name;
	bool distance;			/* itself the score; otherwise 1 less it is */
	void *context;
	void (*solve)(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out);
	uint32_t *const *label;		/* [2]: only features that have one count; NULL: all do */
};

/* What all matchings are measured with; rows are side 0, columns side 1. */
struct data {
	struct activation_streams all;
	size_t first;			/* of the second side's streams */
	struct dictionary side[2];
	uint32_t *label[2];		/* numbers, 0 for none; NULL: not given */
	struct sae *sae[2];
	struct states *states;
	struct vectors folded[2];
	size_t measures;
	struct measure measure[MEASURES];
	struct stage stage[MEASURES];	/* of the measures that have one */
};

/* A matching by places in the two dictionaries. */
struct pairs {
	size_t n, m;
	uint32_t *row, *col;		/* (n) */
	uint32_t *all, *at;		/* (m): every column, matched or free; (n): where among them each pair's is */
	bool repeat;			/* may columns repeat? */
	const uint8_t *certified;
};

struct score {
	char *name;
	double value, low, high, best, random;
	uint32_t pairs;
};

struct scores {
	size_t n;
	struct score of[SCORES_MOST];
	float *each[MEASURES];		/* (pairs), -1 where a pair does not count */
};

/* The distances of the pairs that count. */
struct table {
	size_t n, m, cols;		/* cols of the m columns count */
	uint32_t *pair, *at;		/* (n) */
	float *dist;			/* (n, m) */
};

static double worth(const struct measure *by, float dist)
{
	return by->distance ? (double)dist : 1 - (double)dist;
}

static bool counts(const struct measure *by, int side, uint32_t place)
{
	return !by->label || by->label[side][place] > 0;
}

static struct table table_of(const struct measure *by, const struct pairs *p)
{
	struct table t = {.m = p->m, .pair = xalloc(p->n, sizeof *t.pair), .at = xalloc(p->n, sizeof *t.at)};
	size_t done = 0;

	for (size_t i = 0; i < p->n; i++)
		if (counts(by, 0, p->row[i]) && counts(by, 1, p->col[i])) {
			t.at[t.n] = p->at[i];
			t.pair[t.n++] = (uint32_t)i;
		}
	for (size_t j = 0; j < p->m; j++)
		t.cols += counts(by, 1, p->all[j]);
	t.dist = xalloc(t.n * sizeof *t.dist, t.m);
	#pragma omp parallel for schedule(dynamic, 8)
	for (size_t k = 0; k < t.n; k++) {
		struct entries row = {.dist = t.dist + k * t.m};
		by->solve(by->context, (size_t)omp_get_thread_num(), p->row[t.pair[k]], p->all, t.m, &row);
		#pragma omp critical
		progress(++done, t.n, by->name);
	}
	return t;
}

static void keep_certified(struct table *t, const uint8_t *certified)
{
	size_t n = 0;

	for (size_t k = 0; k < t->n; k++)
		if (certified[t->pair[k]]) {
			t->pair[n] = t->pair[k];
			t->at[n] = t->at[k];
			memmove(t->dist + n++ * t->m, t->dist + k * t->m, t->m * sizeof *t->dist);
		}
	t->n = n;
}

static void table_free(struct table *t)
{
	free(t->pair);
	free(t->at);
	free(t->dist);
}

static void best_columns(uint32_t *col, const struct table *t, bool repeat)
{
	double *margin = xalloc(t->n, sizeof *margin);
	struct optimum best;

	if (repeat) {
		nearest(col, margin, t->dist, t->n, t->m);
	} else {
		optimum_of_matrix(&best, t->dist, t->n, t->m, INFINITY, false);		/* there is one: the matching */
		memcpy(col, best.a.col_of, t->n * sizeof *col);
		optimum_free(&best);
	}
	free(margin);
}

static void estimate(struct score *s, const double *part, const double *whole, size_t n)
{
	size_t threads = (size_t)omp_get_max_threads();
	double *drawn = xalloc(bootstrap, sizeof *drawn);

	s->value = ratio(part, whole, n);
	bootstrap_interval(&s->low, &s->high, part, whole, n, drawn, bootstrap, seed, threads);
	free(drawn);
}

static void add_score(struct scores *to, const char *suffix, const struct measure *by, const struct table *t,
	bool repeat)
{
	if (t->n == 0)
		return;
	struct score *s = &to->of[to->n++];
	double *part = xalloc(t->n, sizeof *part), *one = xalloc(t->n, sizeof *one), best = 0, sum = 0;
	uint32_t *col = xalloc(t->n, sizeof *col);

	*s = (struct score){.name = xasprintf("%s%s", by->name, suffix), .pairs = (uint32_t)t->n};
	best_columns(col, t, repeat);
	for (size_t k = 0; k < t->n; k++) {
		const float *dist = t->dist + k * t->m;
		part[k] = worth(by, dist[t->at[k]]);
		one[k] = 1;
		best += worth(by, dist[col[k]]);
		for (size_t j = 0; j < t->m; j++)
			sum += worth(by, dist[j]);
	}
	s->best = best / (double)t->n;
	s->random = sum / (double)t->n / (double)t->cols;
	estimate(s, part, one, t->n);
	free(col);
	free(part);
	free(one);
}

/* The scores by one measure; each (n) is that of every pair. */
static void measure_pairs(struct scores *to, float *each, const struct measure *by, const struct pairs *p)
{
	struct table t = table_of(by, p);

	for (size_t i = 0; i < p->n; i++)
		each[i] = -1;
	for (size_t k = 0; k < t.n; k++)
		each[t.pair[k]] = (float)worth(by, t.dist[k * t.m + t.at[k]]);
	add_score(to, "", by, &t, p->repeat);
	if (p->certified) {
		keep_certified(&t, p->certified);
		add_score(to, "/certified", by, &t, p->repeat);
	}
	table_free(&t);
}

/* -- Explained variance ---------------------------------------------------------------------------- */

/* Puts the matched rows' activations in place of those of columns among all[]; part = spread - error, of each block. */
static void explain(double *part, const double *spread, const struct data *d, const struct pairs *p, const uint32_t *at)
{
	const struct activations *a = &d->all.item[0], *b = &d->all.item[1];
	uint32_t *col = xalloc(a->features, sizeof *col);
	double *scale = xalloc(a->features, sizeof *scale);

	memset(col, 0xff, a->features * sizeof *col);		/* NO_COLUMN */
	for (size_t i = 0; i < p->n; i++)
		col[p->row[i]] = p->all[at[i]];
	replacement_scales(scale, col, a, b);
	replacement_errors(part, a, col, scale, a->token, d->sae[1], d->states);
	for (size_t k = 0; k < replacement_blocks(a); k++)
		part[k] = spread[k] - part[k];
	free(scale);
	free(col);
}

/* n of m columns in random order. */
static void shuffle(uint32_t *at, size_t m, size_t n, size_t salt)
{
	for (size_t j = 0; j < m; j++)
		at[j] = (uint32_t)j;
	for (size_t i = 0; i < n; i++) {
		size_t j = i + (size_t)(token_uniform(seed, (uint64_t)salt << 32, (uint32_t)i) * (double)(m - i));
		uint32_t other = at[j];
		at[j] = at[i];
		at[i] = other;
	}
}

static void measure_explained(struct scores *to, const struct data *d, const struct pairs *p)
{
	const struct activations *a = &d->all.item[0], *b = &d->all.item[1];
	size_t blocks = replacement_blocks(a);
	double *spread = xalloc(blocks, sizeof *spread), *part = xalloc(blocks, sizeof *part);
	uint32_t *itself = xalloc(b->features, sizeof *itself), *at = xalloc(p->m, sizeof *at);
	struct score *s = &to->of[to->n++];

	*s = (struct score){.name = xasprintf("explained_variance"), .pairs = (uint32_t)p->n};
	states_spread(spread, a->token, a->tokens, d->states);
	for (size_t r = 0; r < SHUFFLES; r++) {
		shuffle(at, p->m, p->n, bootstrap + r);
		explain(part, spread, d, p, at);
		s->random += ratio(part, spread, blocks) / SHUFFLES;
	}
	for (size_t j = 0; j < b->features; j++)
		itself[j] = (uint32_t)j;
	replacement_errors(part, b, itself, NULL, a->token, d->sae[1], d->states);
	for (size_t k = 0; k < blocks; k++)
		part[k] = spread[k] - part[k];
	s->best = ratio(part, spread, blocks);
	explain(part, spread, d, p, p->at);
	estimate(s, part, spread, blocks);
	free(at);
	free(itself);
	free(part);
	free(spread);
}

/* -- What is given --------------------------------------------------------------------------------- */

/* Features of one label are at distance 0, others at 1. */
static void label_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	uint32_t *const *label = context;

	(void)thread;
	for (size_t n = 0; n < k; n++)
		out->dist[n] = label[0][i] == 0 || label[0][i] != label[1][col[n]];
}

static struct sae *open_sae(const struct data *d, int side, size_t streams)
{
	struct sae *s = sae_open(sae_file[side]);

	if (streams != 1)
		die("%s: %zu streams, where an SAE is of one", file[side], streams);
	if (s->features != d->side[side].ids.n)
		die("%s: %zu features, %s has %zu", sae_file[side], s->features, file[side], d->side[side].ids.n);
	return s;
}

static void open_states(struct data *d)
{
	const struct activations *a = &d->all.item[0];

	d->states = states_open(&hidden);
	if (states_d(d->states) != d->sae[1]->d)
		die("%s: states of %zu dimensions, %s has %zu", states_name(d->states), states_d(d->states), sae_file[1],
			d->sae[1]->d);
	for (size_t t = 0; t < a->tokens; t++)
		if (a->token[t] >= states_rows(d->states))
			die("%s: %zu states, and %s has token %u", states_name(d->states), states_rows(d->states), file[0],
				a->token[t]);
}

static void measure_firing(struct data *d, const char *name, enum coactivation metric)
{
	struct stage *s = &d->stage[d->measures];

	coactivation_open(s, metric, &d->side[0], &d->side[1]);
	d->measure[d->measures++] = (struct measure){.name = name, .context = s->context, .solve = s->solve};
}

static void measure_labels(struct data *d)
{
	for (int k = 0; k < 2; k++)
		d->label[k] = xalloc(d->side[k].ids.n, sizeof *d->label[k]);
	read_labels(d->label, d->side, &label_files);
	d->measure[d->measures++] = (struct measure){.name = "same_label", .context = d->label, .solve = label_row,
		.label = d->label};
}

/* The squared difference that decoder --folded has. */
static void measure_folded(struct data *d)
{
	static const struct sae_vectors folded = {.weights = SAE_BOTH, .folded = true};
	struct stage *s = &d->stage[d->measures];

	for (int k = 0; k < 2; k++) {
		size_t n = d->sae[k]->features, width = sae_vectors_d(&folded, d->sae[k]);
		d->folded[k] = (struct vectors){n, width, xalloc(n * sizeof(float), width)};
		sae_vectors_take(d->folded[k].at, &folded, d->sae[k], sae_file[k], d->side[k].ids.feature, n);
	}
	if (d->folded[0].d != d->folded[1].d)
		die("%s: an SAE of %zu dimensions, %s has %zu", sae_file[0], d->sae[0]->d, sae_file[1], d->sae[1]->d);
	vectors_open(s, &d->folded[0], &d->folded[1], 2, 1);
	d->measure[d->measures++] = (struct measure){"folded_mse", true, s->context, s->solve, NULL};
}

static void open_data(struct data *d)
{
	*d = (struct data){0};
	read_activations(file[0], &d->all);
	d->first = d->all.n;
	read_activations(file[1], &d->all);
	d->side[0] = dictionary_of(&d->all, 0, d->first);
	d->side[1] = dictionary_of(&d->all, d->first, d->all.n);
	for (size_t k = 0; k < d->first; k++)
		activations_transpose(&d->all.item[k], true);
	measure_firing(d, "correlation", COACT_PEARSON);
	measure_firing(d, "joint", COACT_JOINT);
	if (label_files.n > 0)
		measure_labels(d);
	for (int k = 0; k < 2 && sae_file[0]; k++)
		d->sae[k] = open_sae(d, k, k ? d->all.n - d->first : d->first);
	if (sae_file[0] && d->sae[0]->threshold && d->sae[1]->threshold)
		measure_folded(d);
	else if (sae_file[0])
		note("%s: no threshold: no folded_mse", sae_file[d->sae[0]->threshold != NULL]);
	if (hidden.n > 0)
		open_states(d);
}

static void close_data(struct data *d)
{
	for (size_t k = 0; k < d->measures; k++)
		if (d->stage[k].close)
			d->stage[k].close(&d->stage[k]);
	for (int k = 0; k < 2; k++) {
		free(d->folded[k].at);
		dictionary_free(&d->side[k]);
		free(d->label[k]);
		if (d->sae[k])
			sae_close(d->sae[k]);
	}
	if (d->states)
		states_close(d->states);
	activation_streams_free(&d->all);
}

/* -- Streams --------------------------------------------------------------------------------------- */

static uint32_t *places(const struct sm_reader *in, const struct data *d, int side, const struct ids *ids)
{
	uint32_t *place = xalloc(ids->n, sizeof *place);

	for (size_t i = 0; i < ids->n; i++) {
		size_t at = dictionary_find(&d->side[side], ids->layer[i], ids->feature[i]);
		if (at == SIZE_MAX)
			sm_bad(in, "feature %u of layer %s is none of %s", ids->feature[i], ids->layer[i], file[side]);
		place[i] = (uint32_t)at;
	}
	return place;
}

static struct pairs pairs_of(const struct sm_reader *in, const struct sm_frame *header, const struct matching *match,
	const struct data *d)
{
	size_t cols = d->side[1].ids.n;
	struct pairs p = {.n = match->row.n, .row = places(in, d, 0, &match->row), .col = places(in, d, 1, &match->col),
		.all = xalloc(cols, sizeof *p.all), .at = xalloc(match->row.n, sizeof *p.at), .certified = match->certified,
		.repeat = strcmp(sm_get_string(header, "method", ""), "nearest") == 0};
	uint32_t *left = places(in, d, 1, &match->free_col), *among = xalloc(cols, sizeof *among);
	bool *there = xcalloc(cols, sizeof *there);

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

static void pairs_free(struct pairs *p)
{
	free(p->row);
	free(p->col);
	free(p->all);
	free(p->at);
}

static void write_scores(struct sm_writer *out, const struct scores *s)
{
	static const char *const column[5] = {"value", "low", "high", "best", "random"};
	struct sm_frame frame = {0};
	const char *name[SCORES_MOST];
	uint32_t pairs[SCORES_MOST];
	double number[5][SCORES_MOST];

	for (size_t k = 0; k < s->n; k++) {
		const struct score *x = &s->of[k];
		name[k] = x->name;
		pairs[k] = x->pairs;
		number[0][k] = x->value;
		number[1][k] = x->low;
		number[2][k] = x->high;
		number[3][k] = x->best;
		number[4][k] = x->random;
	}
	sm_set_strings(&frame, "score", s->n, name);
	for (int k = 0; k < 5; k++)
		sm_set_tensor(&frame, column[k], SM_F8, number[k], s->n);
	sm_set_tensor(&frame, "pairs", SM_U4, pairs, s->n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

static void write_pairs(struct sm_writer *out, const struct scores *s, const struct data *d, const struct matching *match)
{
	struct sm_frame frame = {0};

	set_pairs(&frame, match);
	for (size_t k = 0; k < d->measures; k++)
		sm_set_tensor(&frame, d->measure[k].name, SM_F4, s->each[k], match->row.n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

static void one_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header, const struct data *d)
{
	struct sm_frame sides = {0};
	struct matching match;
	struct scores scores = {0};

	read_matching(in, header, &match);
	struct pairs pairs = pairs_of(in, header, &match, d);
	for (size_t k = 0; k < d->measures; k++) {
		scores.each[k] = xalloc(pairs.n, sizeof *scores.each[k]);
		measure_pairs(&scores, scores.each[k], &d->measure[k], &pairs);
	}
	if (d->states && pairs.repeat)
		note("%s: columns repeat: no explained_variance", sm_reader_name(in));
	else if (d->states && pairs.n > 0)
		measure_explained(&scores, d, &pairs);
	stage_join_headers(&sides, d->all.header, d->first);
	stage_join_headers(&sides, d->all.header + d->first, d->all.n - d->first);
	sm_join_header(header, &sides);
	sm_set_string(header, "kind", "scores");
	sm_set_integer(header, "tokens", (int64_t)d->all.item[0].tokens);
	sm_write_header(out, header);
	write_scores(out, &scores);
	write_pairs(out, &scores, d, &match);
	sm_write_end(out);
	for (size_t k = 0; k < scores.n; k++)
		free(scores.of[k].name);
	for (size_t k = 0; k < d->measures; k++)
		free(scores.each[k]);
	sm_frame_free(&sides);
	pairs_free(&pairs);
	matching_free(&match);
}

static void check_command_line(void)
{
	if (!file[0] || !file[1])
		misuse("--a and --b are needed: activations of both sides");
	if (label_files.n > 2)
		misuse("--labels is given twice at most: of rows, of columns");
	if (!sae_file[0] != !sae_file[1])
		misuse("--sae-a and --sae-b are given together");
	if (hidden.n > 0 && !sae_file[1])
		misuse("--hidden-b needs --sae-a and --sae-b");
	for (size_t k = 0; k < hidden.n; k++)
		if (strcmp(hidden.item[k], "-") == 0)
			misuse("--hidden-b is a file: it is read more than once");
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "match-eval --a ACTS --b ACTS [OPTION]... [MATCHING]",
		"Scores a matching on data that it was not made from.", 1);
	check_command_line();
	struct data data;
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	open_data(&data);
	struct sm_reader *in = sm_reader_open(operand[0]);
	while (sm_read_header(in, &header))
		one_stream(in, out, &header, &data);
	sm_writer_close(out);
	sm_reader_close(in);
	close_data(&data);
	sm_frame_free(&header);
	free(label_files.item);
	free(hidden.item);
	free(operand);
	return 0;
}
