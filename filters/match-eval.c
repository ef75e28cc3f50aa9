/* What a matching is worth, on data that it was not made from. */
#include "activity.h"
#include "assign.h"
#include "die.h"
#include "labels.h"
#include "matching.h"
#include "parameters.h"
#include "replacement.h"
#include "sample.h"
#include "set.h"
#include "vectors.h"

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
	{"seed", OPT_SIZE, &seed, "S", "of random numbers", 0, 0x1p53},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What all matchings are measured with; rows are side 0, columns side 1. */
struct data {
	struct activities all;
	size_t first;			/* of the second side's streams */
	struct dictionary side[2];
	uint32_t *label[2];		/* NULL: none are given */
	struct sae *sae[2];
	struct states *states;
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
	size_t measures;
	const char *measure[MEASURES];
	float *worth[MEASURES];		/* (pairs), -1 where a pair does not count */
};

/* A way to compare features, by distances that are larger the less alike they are. */
struct measure {
	const char *name;
	bool distance;			/* itself the score; otherwise 1 less it is */
	void *context;
	void (*row)(void *context, size_t thread, size_t i, float *dist);	/* pair i's row from all columns, (m) */
	const bool *counts;		/* (n): which pairs do; NULL: all */
	size_t cols;			/* how many columns do */
};

/* The distances of the pairs that count. */
struct table {
	size_t n, m;
	uint32_t *pair, *at;		/* (n) */
	float *dist;			/* (n, m) */
};

static double worth(const struct measure *by, float dist)
{
	return by->distance ? (double)dist : 1 - (double)dist;
}

static struct table table_of(const struct measure *by, const struct pairs *p)
{
	struct table t = {.m = p->m, .pair = need(p->n, sizeof *t.pair), .at = need(p->n, sizeof *t.at)};
	size_t done = 0;

	for (size_t i = 0; i < p->n; i++)
		if (!by->counts || by->counts[i]) {
			t.at[t.n] = p->at[i];
			t.pair[t.n++] = (uint32_t)i;
		}
	t.dist = need(t.n * sizeof *t.dist, t.m);
	#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
	for (size_t k = 0; k < t.n; k++) {
		by->row(by->context, (size_t)omp_get_thread_num(), t.pair[k], t.dist + k * t.m);
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
	double *margin = need(t->n, sizeof *margin), *workspace = need(assign_workspace(t->n, t->m), sizeof *workspace);
	struct assignment a = {
		.n = t->n, .m = t->m, .cost = t->dist, .ceiling = INFINITY, .col_of = col,
		.row_of = need(t->m, sizeof *a.row_of), .u = need(t->n, sizeof *a.u), .v = need(t->m, sizeof *a.v),
	};

	if (repeat)
		nearest(col, margin, t->dist, t->n, t->m);
	else
		assign(&a, workspace);		/* there is one: the matching */
	free(a.row_of);
	free(a.u);
	free(a.v);
	free(workspace);
	free(margin);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t i = (size_t)at;

	return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

/* sum(part) / sum(whole) */
static double ratio(const double *part, const double *whole, size_t n)
{
	double sum = 0, of = 0;

	for (size_t i = 0; i < n; i++) {
		sum += part[i];
		of += whole[i];
	}
	return of > 0 ? sum / of : 0;
}

/* The score, which is that ratio, and its 95% bootstrap interval: n parts drawn with replacement (Efron 1979). */
static void estimate(struct score *s, const double *part, const double *whole, size_t n)
{
	double *drawn = need(bootstrap, sizeof *drawn);

	s->value = ratio(part, whole, n);
	#pragma omp parallel for num_threads(threads)
	for (size_t r = 0; r < bootstrap; r++) {
		double x = 0, y = 0;
		for (size_t k = 0; k < n; k++) {
			size_t i = (size_t)(token_uniform(seed, r, (uint32_t)k) * (double)n);
			x += part[i];
			y += whole[i];
		}
		drawn[r] = y > 0 ? x / y : 0;
	}
	qsort(drawn, bootstrap, sizeof *drawn, by_size);
	s->low = quantile(drawn, bootstrap, 0.025);
	s->high = quantile(drawn, bootstrap, 0.975);
	free(drawn);
}

static void add_score(struct scores *to, const char *suffix, const struct measure *by, const struct table *t, bool repeat)
{
	if (t->n == 0)
		return;
	struct score *s = &to->of[to->n++];
	double *part = need(t->n, sizeof *part), *one = need(t->n, sizeof *one), best = 0, sum = 0;
	uint32_t *col = need(t->n, sizeof *col);

	*s = (struct score){.name = need_text("%s%s", by->name, suffix), .pairs = (uint32_t)t->n};
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
	s->random = sum / (double)t->n / (double)by->cols;
	estimate(s, part, one, t->n);
	free(col);
	free(part);
	free(one);
}

static void measure_pairs(struct scores *to, const struct measure *by, const struct pairs *p)
{
	struct table t = table_of(by, p);
	float *each = need(p->n, sizeof *each);

	for (size_t i = 0; i < p->n; i++)
		each[i] = -1;
	for (size_t k = 0; k < t.n; k++)
		each[t.pair[k]] = (float)worth(by, t.dist[k * t.m + t.at[k]]);
	to->measure[to->measures] = by->name;
	to->worth[to->measures++] = each;
	add_score(to, "", by, &t, p->repeat);
	if (p->certified) {
		keep_certified(&t, p->certified);
		add_score(to, "/certified", by, &t, p->repeat);
	}
	table_free(&t);
}

/* -- Correlation, and firing together -------------------------------------------------------------- */

struct firing {
	struct coactivation *of;
	const struct pairs *pairs;
	float **whole;			/* of each thread: from all features of the columns' dictionary */
};

static void firing_row(void *context, size_t thread, size_t i, float *dist)
{
	const struct firing *f = context;
	struct entries whole = {.dist = f->whole[thread]};

	likeness_row(f->of, thread, f->pairs->row[i], 0, &whole);
	for (size_t j = 0; j < f->pairs->m; j++)
		dist[j] = whole.dist[f->pairs->all[j]];
}

static void measure_firing(struct scores *to, const char *name, enum likeness likeness, const struct data *d,
	const struct pairs *p)
{
	struct firing f = {coactivation_open(likeness, &d->side[0], &d->side[1]), p, need(threads, sizeof *f.whole)};

	for (size_t t = 0; t < threads; t++)
		f.whole[t] = need(d->side[1].ids.n, sizeof **f.whole);
	measure_pairs(to, &(struct measure){name, false, &f, firing_row, NULL, p->m}, p);
	for (size_t t = 0; t < threads; t++)
		free(f.whole[t]);
	free(f.whole);
	coactivation_free(f.of);
}

/* -- Labels ---------------------------------------------------------------------------------------- */

struct labelled {
	const struct data *data;
	const struct pairs *pairs;
};

static void label_row(void *context, size_t thread, size_t i, float *dist)
{
	const struct labelled *l = context;
	uint32_t label = l->data->label[0][l->pairs->row[i]];

	(void)thread;
	for (size_t j = 0; j < l->pairs->m; j++)
		dist[j] = l->data->label[1][l->pairs->all[j]] != label;
}

static void measure_labels(struct scores *to, const struct data *d, const struct pairs *p)
{
	struct labelled l = {d, p};
	bool *both = need(p->n, sizeof *both);
	size_t cols = 0;

	for (size_t i = 0; i < p->n; i++)
		both[i] = d->label[0][p->row[i]] && d->label[1][p->col[i]];
	for (size_t j = 0; j < p->m; j++)
		cols += d->label[1][p->all[j]] > 0;
	measure_pairs(to, &(struct measure){"same_label", false, &l, label_row, both, cols}, p);
	free(both);
}

/* -- Folded parameters ----------------------------------------------------------------------------- */

static void folded_row(void *context, size_t thread, size_t i, float *dist)
{
	const struct stage *s = context;

	s->solve(s->context, thread, i, 0, &(struct entries){.dist = dist});
}

static struct vectors folded_vectors(const struct data *d, int side, const uint32_t *place, size_t n)
{
	static const struct parameters folded = {.weights = BOTH, .folded = true};
	const struct sae *s = d->sae[side];
	struct vectors v = {n, parameters_d(&folded, s), need(n * sizeof *v.at, parameters_d(&folded, s))};

	take_parameters(v.at, &folded, s, sae_file[side], place, n);
	return v;
}

static void measure_folded(struct scores *to, const struct data *d, const struct pairs *p)
{
	struct vectors row = folded_vectors(d, 0, p->row, p->n), col = folded_vectors(d, 1, p->all, p->m);
	struct stage stage = {0};
	struct vector_stage *v = vector_stage(&stage, &row, &col, 2, 1);

	measure_pairs(to, &(struct measure){"folded_mse", true, &stage, folded_row, NULL, p->m}, p);
	vector_stage_free(v);
	free(row.at);
	free(col.at);
}

/* -- Explained variance ---------------------------------------------------------------------------- */

/* Puts the matched rows' activations in place of those of columns among all[]; part = spread - error, of each block. */
static void explain(double *part, const double *spread, const struct data *d, const struct pairs *p, const uint32_t *at)
{
	const struct activity *a = &d->all.item[0], *b = &d->all.item[1];
	uint32_t *col = need(a->features, sizeof *col);
	double *scale = need(a->features, sizeof *scale);

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
		size_t j = i + (size_t)(token_uniform(seed, salt, (uint32_t)i) * (double)(m - i));
		uint32_t other = at[j];
		at[j] = at[i];
		at[i] = other;
	}
}

static void measure_explained(struct scores *to, const struct data *d, const struct pairs *p)
{
	const struct activity *a = &d->all.item[0], *b = &d->all.item[1];
	size_t blocks = replacement_blocks(a);
	double *spread = need(blocks, sizeof *spread), *part = need(blocks, sizeof *part);
	uint32_t *itself = need(b->features, sizeof *itself), *at = need(p->m, sizeof *at);
	struct score *s = &to->of[to->n++];

	*s = (struct score){.name = need_text("explained_variance"), .pairs = (uint32_t)p->n};
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

/* -- Streams --------------------------------------------------------------------------------------- */

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
	const struct activity *a = &d->all.item[0];

	d->states = states_open(&hidden);
	if (states_d(d->states) != d->sae[1]->d)
		die("%s: states of %zu dimensions, %s has %zu", states_name(d->states), states_d(d->states), sae_file[1],
			d->sae[1]->d);
	for (size_t t = 0; t < a->tokens; t++)
		if (a->token[t] >= states_rows(d->states))
			die("%s: %zu states, and %s has token %u", states_name(d->states), states_rows(d->states), file[0],
				a->token[t]);
}

static void open_data(struct data *d)
{
	*d = (struct data){0};
	read_activities(file[0], &d->all);
	d->first = d->all.n;
	read_activities(file[1], &d->all);
	d->side[0] = dictionary_of(&d->all, 0, d->first);
	d->side[1] = dictionary_of(&d->all, d->first, d->all.n);
	for (size_t k = 0; k < d->first; k++)
		turn_activity(&d->all.item[k], true);
	for (int k = 0; k < 2 && label_files.n > 0; k++)
		d->label[k] = need(d->side[k].ids.n, sizeof *d->label[k]);
	if (label_files.n > 0)
		read_labels(d->label, d->side, &label_files);
	for (int k = 0; k < 2 && sae_file[0]; k++)
		d->sae[k] = open_sae(d, k, k ? d->all.n - d->first : d->first);
	if (hidden.n > 0)
		open_states(d);
}

static void close_data(struct data *d)
{
	for (int k = 0; k < 2; k++) {
		dictionary_free(&d->side[k]);
		free(d->label[k]);
		if (d->sae[k])
			sae_close(d->sae[k]);
	}
	if (d->states)
		states_close(d->states);
	activities_free(&d->all);
}

static uint32_t *places(const struct reader *in, const struct data *d, int side, const struct ids *ids)
{
	uint32_t *place = need(ids->n, sizeof *place);

	for (size_t i = 0; i < ids->n; i++) {
		size_t at = find_feature(&d->side[side], ids->layer[i], ids->feature[i]);
		if (at == SIZE_MAX)
			bad(in, "feature %u of layer %s is none of %s", ids->feature[i], ids->layer[i], file[side]);
		place[i] = (uint32_t)at;
	}
	return place;
}

/* Marks places; those that come again are refused, where a reader is given. */
static void mark(bool *marked, const uint32_t *place, size_t n, const struct reader *in, const struct ids *ids)
{
	for (size_t i = 0; i < n; i++) {
		if (marked[place[i]] && in)
			bad(in, "feature %u of layer %s stands in two pairs", ids->feature[i], ids->layer[i]);
		marked[place[i]] = true;
	}
}

static struct pairs pairs_of(const struct reader *in, const struct frame *header, const struct matching *match,
	const struct data *d)
{
	size_t rows = d->side[0].ids.n, cols = d->side[1].ids.n;
	struct pairs p = {.n = match->row.n, .row = places(in, d, 0, &match->row), .col = places(in, d, 1, &match->col),
		.all = need(cols, sizeof *p.all), .at = need(match->row.n, sizeof *p.at), .certified = match->certified,
		.repeat = strcmp(get_string(header, "method", ""), "nearest") == 0};
	uint32_t *left = places(in, d, 1, &match->free_col), *among = need(cols, sizeof *among);
	bool *matched = need_zero(rows, sizeof *matched), *there = need_zero(cols, sizeof *there);

	mark(matched, p.row, p.n, in, &match->row);
	mark(there, p.col, p.n, p.repeat ? NULL : in, &match->col);
	mark(there, left, match->free_col.n, NULL, NULL);
	for (size_t j = 0; j < cols; j++)
		if (there[j]) {
			among[j] = (uint32_t)p.m;
			p.all[p.m++] = (uint32_t)j;
		}
	for (size_t i = 0; i < p.n; i++)
		p.at[i] = among[p.col[i]];
	free(matched);
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

static void measure_all(struct scores *to, const struct data *d, const struct pairs *p)
{
	measure_firing(to, "correlation", PEARSON, d, p);
	measure_firing(to, "joint", JOINT, d, p);
	if (d->label[0])
		measure_labels(to, d, p);
	if (d->sae[0] && d->sae[0]->threshold && d->sae[1]->threshold)
		measure_folded(to, d, p);
	if (d->states && p->n > 0 && !p->repeat)
		measure_explained(to, d, p);
}

static void write_scores(struct writer *out, const struct scores *s)
{
	struct frame frame = {0};
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
	set_strings(&frame, "score", s->n, name);
	for (int k = 0; k < 5; k++)
		set_tensor(&frame, (const char *[]){"value", "low", "high", "best", "random"}[k], F8, number[k], 1, s->n);
	set_tensor(&frame, "pairs", U4, pairs, 1, s->n);
	write_frame(out, &frame);
	frame_free(&frame);
}

static void write_pairs(struct writer *out, const struct scores *s, const struct matching *match)
{
	struct frame frame = {0};
	size_t n = match->row.n;

	set_strings(&frame, "row_layer", n, match->row.layer);
	set_tensor(&frame, "row_feature", U4, match->row.feature, 1, n);
	set_strings(&frame, "col_layer", n, match->col.layer);
	set_tensor(&frame, "col_feature", U4, match->col.feature, 1, n);
	set_tensor(&frame, "cost", F4, match->cost, 1, n);
	set_tensor(&frame, "margin", F4, match->margin, 1, n);
	if (match->error)
		set_tensor(&frame, "error", F4, match->error, 1, n);
	if (match->certified)
		set_tensor(&frame, "certified", U1, match->certified, 1, n);
	for (size_t k = 0; k < s->measures; k++)
		set_tensor(&frame, s->measure[k], F4, s->worth[k], 1, n);
	write_frame(out, &frame);
	frame_free(&frame);
}

static void one_stream(struct reader *in, struct writer *out, struct frame *header, const struct data *d)
{
	struct set set[2] = {{.streams = d->first, .header = d->all.header},
		{.streams = d->all.n - d->first, .header = d->all.header + d->first}};
	struct frame sides;
	struct matching match;
	struct scores scores = {0};

	read_matching(in, header, &match);
	struct pairs pairs = pairs_of(in, header, &match, d);
	measure_all(&scores, d, &pairs);
	sets_header(set, 2, &sides);
	join_header(header, &sides);
	set_string(header, "kind", "scores");
	set_integer(header, "tokens", (int64_t)d->all.item[0].tokens);
	write_header(out, header);
	write_scores(out, &scores);
	write_pairs(out, &scores, &match);
	write_end(out);
	for (size_t k = 0; k < scores.n; k++)
		free(scores.of[k].name);
	for (size_t k = 0; k < scores.measures; k++)
		free(scores.worth[k]);
	frame_free(&sides);
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
	(void)argc;
	char **operand = opt_parse(argv, options, "match-eval --a ACTS --b ACTS [OPTION]... [MATCHING]",
		"Scores a matching on data that it was not made from.", 1);
	check_command_line();
	struct data data;
	struct writer *out = writer_open();
	struct frame header = {0};

	open_data(&data);
	struct reader *in = reader_open(operand[0]);
	while (read_header(in, &header))
		one_stream(in, out, &header, &data);
	writer_close(out);
	reader_close(in);
	close_data(&data);
	frame_free(&header);
	free(label_files.item);
	free(hidden.item);
	free(operand);
	return 0;
}
