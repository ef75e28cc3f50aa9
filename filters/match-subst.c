/* How much of a layer's hidden states the features of another explain, put in the place of those
 * they are matched with: the reconstruction test of SAE Match (Balagansky, Maksimov and Gavrilov
 * 2025). */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "kernel/bootstrap.h"
#include "kernel/bottom_k.h"
#include "match/match_score.h"
#include "match/match_sides.h"
#include "match/reconstruction.h"

#include <stdlib.h>

enum { SHUFFLES = 4 };

static const char *file[2], *sae_file;
static struct list hidden;
static struct states_options read_as;
static struct resampling how = {.draws = 1000};

static const struct opt options[] = {
	{"a", OPT_TEXT, &file[0], "ACTS",
		"activations of the rows' features", 0, 0},
	{"b", OPT_TEXT, &file[1], "ACTS",
		"activations of the columns' features, on the same tokens", 0, 0},
	{"sae-b", OPT_TEXT, &sae_file, "PATH", "SAE of the columns", 0, 0},
	{"hidden-b", OPT_LIST, &hidden, "FILE",
		"hidden states of the columns' layer; repeat for shards, or a pattern", 0, 0},
	OPT_STATES(&read_as),
	{"bootstrap", OPT_SIZE, &how.draws, "N", "number of resamplings for the intervals", 1, 1e9},
	{"seed", OPT_SIZE, &how.seed, "S", "seed of the random numbers", 0, 9e18},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What all matchings are scored on, by blocks of tokens. */
struct test {
	struct match_sides sides;
	struct sae *sae;
	struct states *states;
	size_t blocks;
	double *variance;		/* (blocks): of the states */
};

static struct states *states_of(const struct test *t)
{
	const struct token_list *tokens = &t->sides.all.tokens;
	struct states *s = states_open(&hidden, &read_as);
	size_t d = t->sae->d_out, rows;
	size_t all = sm_get_size(&t->sides.all.header[t->sides.first], "tokens");

	if (states_d(s) != d && !states_flatten(s, d))
		die("%s: states of %zu dimensions, %s has %zu", states_name(s), states_d(s),
			sae_file, d);
	rows = states_rows(s);
	for (size_t k = 0; k < tokens->n; k++)
		if (tokens->token[k] >= rows)
			die("%s: %zu states, and %s has token %u", states_name(s), rows, file[0],
				tokens->token[k]);
	if (all > 0 && all != rows)
		die("%s: %zu states, where %s is of %zu tokens%s", states_name(s), rows, file[1],
			all, states_ways(s));
	states_settle(s, 0, all > 0);
	return s;
}

static void test_open(struct test *t)
{
	match_sides_open(&t->sides, file, NULL);
	if (t->sides.first != 1)
		die("%s: %zu streams, where one layer is needed", file[0], t->sides.first);
	t->sae = match_sides_sae(&t->sides, 1, sae_file, SAE_W_DEC | SAE_DECODES);
	t->states = states_of(t);
	const struct activations *a = &t->sides.all.item[0];
	t->blocks = reconstruction_blocks(a);
	t->variance = xalloc(t->blocks, sizeof *t->variance);
	reconstruction_variance(t->variance, t->sides.all.tokens.token, a->tokens, t->states);
}

static void test_free(struct test *t)
{
	free(t->variance);
	states_close(t->states);
	sae_close(t->sae);
	match_sides_free(&t->sides);
}

/* part[block] = variance - error, with column all[at[i]] decoded from row i: what is explained of
 * the block. */
static void explain(double *part, const struct test *t, const struct placed_pairs *p,
	const uint32_t *at)
{
	const struct activations *a = &t->sides.all.item[0], *b = &t->sides.all.item[1];
	uint32_t *col = xalloc(a->features, sizeof *col);
	double *scale = xalloc(a->features, sizeof *scale);

	for (size_t i = 0; i < a->features; i++)
		col[i] = NOT_REPLACED;
	for (size_t i = 0; i < p->n; i++)
		col[p->row[i]] = p->all[at[i]];
	reconstruction_scales(scale, col, a, b);
	reconstruction_errors(part, a, col, scale, t->sides.all.tokens.token, t->sae, t->states);
	for (size_t k = 0; k < t->blocks; k++)
		part[k] = t->variance[k] - part[k];
	free(scale);
	free(col);
}

/* The same with each column decoded from itself. */
static void explain_by_itself(double *part, const struct test *t)
{
	const struct activations *b = &t->sides.all.item[1];
	uint32_t *itself = xalloc(b->features, sizeof *itself);

	for (size_t j = 0; j < b->features; j++)
		itself[j] = (uint32_t)j;
	reconstruction_errors(part, b, itself, NULL, t->sides.all.tokens.token, t->sae, t->states);
	for (size_t k = 0; k < t->blocks; k++)
		part[k] = t->variance[k] - part[k];
	free(itself);
}

/* n of m columns in random order (Fisher and Yates). */
static void shuffle(uint32_t *at, size_t m, size_t n, size_t salt)
{
	for (size_t j = 0; j < m; j++)
		at[j] = (uint32_t)j;
	for (size_t i = 0; i < n; i++) {
		double u = token_uniform(how.seed, (uint64_t)salt << 32, (uint32_t)i);
		size_t j = i + (size_t)(u * (double)(m - i));
		uint32_t other = at[j];
		at[j] = at[i];
		at[i] = other;
	}
}

static struct match_score explained_variance(const struct test *t, const struct placed_pairs *p)
{
	struct match_score s = {.pairs = (uint32_t)p->n};
	double *part = xalloc(t->blocks, sizeof *part);
	uint32_t *at = xalloc(p->m, sizeof *at);

	for (size_t r = 0; r < SHUFFLES; r++) {
		shuffle(at, p->m, p->n, how.draws + r);
		explain(part, t, p, at);
		s.random += ratio_of_sums(part, t->variance, t->blocks) / SHUFFLES;
	}
	explain_by_itself(part, t);
	s.best = ratio_of_sums(part, t->variance, t->blocks);
	explain(part, t, p, p->at);
	match_score_interval(&s, part, t->variance, t->blocks, &how);
	free(at);
	free(part);
	return s;
}

static void score_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	const struct test *t)
{
	struct matching match;
	struct match_scores scores = match_scores_open(false);

	read_matching(in, header, &match);
	struct placed_pairs pairs = placed_pairs_of(&t->sides, in, header, &match);
	if (pairs.n > 0 && pairs.repeat)
		sm_bad(in, "a column may have several rows: a column is replaced by one row");
	if (pairs.n > 0) {
		struct match_score s = explained_variance(t, &pairs);
		match_scores_add(&scores, "explained_variance", &s);
	}
	match_sides_header(header, &t->sides);
	sm_write_header(out, header);
	match_scores_write(out, &scores);
	sm_write_end(out);
	match_scores_free(&scores);
	placed_pairs_free(&pairs);
	matching_free(&match);
}

static void check_command_line(void)
{
	if (!file[0] || !file[1])
		misuse("--a and --b are needed: activations of both sides");
	if (!sae_file || hidden.n == 0)
		misuse("--sae-b and --hidden-b are needed: SAE and states of the columns' layer");
	for (size_t k = 0; k < hidden.n; k++)
		if (is_stdin(hidden.item[k]))
			misuse("--hidden-b is a file: it is read more than once");
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"match-subst --a ACTS --b ACTS --sae-b SAE --hidden-b FILE [OPTION]... [MATCHING]",
		"Replaces features by their matches and measures what hidden states lose.", 1);
	check_command_line();
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};
	struct test test;

	test_open(&test);
	struct sm_reader *in = sm_reader_open(operand[0]);
	while (sm_read_header(in, &header))
		score_stream(in, out, &header, &test);
	sm_writer_close(out);
	sm_reader_close(in);
	test_free(&test);
	sm_frame_free(&header);
	free(hidden.item);
	free(read_as.axis.item);
	free(operand);
	return 0;
}
