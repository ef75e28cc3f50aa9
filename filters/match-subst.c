/* How much of a layer's hidden states the features of another explain, put in the place of those
 * they are matched with: the reconstruction test of SAE Match (Balagansky, Maksimov and Gavrilov
 * 2025). */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "base/pool.h"
#include "match/substitution.h"

#include <stdlib.h>

static const char *file[2], *sae_file[2];
static struct list hidden;
static struct states_options read_as;
static struct resampling how = {.draws = 1000};

static const struct opt options[] = {
	{"a", OPT_TEXT, &file[0], "ACTS",
		"activations of the rows' features", 0, 0},
	{"b", OPT_TEXT, &file[1], "ACTS",
		"activations of the columns' features, on the same tokens", 0, 0},
	{"sae-a", OPT_TEXT, &sae_file[0], "PATH",
		"SAE of the rows, which then decodes them; by default that of the columns does",
		0, 0},
	{"sae-b", OPT_TEXT, &sae_file[1], "PATH", "SAE of the columns", 0, 0},
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
	struct sae *sae[2];		/* of the rows: or NULL */
	struct states *states;
	struct reconstruction of;
	double *variance;		/* (blocks): of the states */
};

static struct states *states_of(const struct test *t)
{
	const struct token_list *tokens = &t->sides.all.tokens;
	struct states *s = states_open(&hidden, &read_as);
	size_t d = t->sae[1]->d_out, rows;
	size_t all = sm_get_size(&t->sides.all.header[t->sides.first], "tokens");

	if (states_d(s) != d && !states_flatten(s, d))
		die("%s: states of %zu dimensions, %s has %zu", states_name(s), states_d(s),
			sae_file[1], d);
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
	t->sae[1] = match_sides_sae(&t->sides, 1, sae_file[1], SAE_W_DEC | SAE_DECODES);
	if (sae_file[0])
		t->sae[0] = match_sides_sae(&t->sides, 0, sae_file[0], SAE_W_DEC | SAE_DECODES);
	if (t->sae[0] && t->sae[0]->d_out != t->sae[1]->d_out)
		die("%s: an SAE of %zu dimensions, %s has %zu", sae_file[0], t->sae[0]->d_out,
			sae_file[1], t->sae[1]->d_out);
	t->states = states_of(t);
	const struct activations *item = t->sides.all.item;
	t->of = (struct reconstruction){.a = &item[0], .b = &item[1], .sae = t->sae[1],
		.row_sae = t->sae[0], .token = t->sides.all.tokens.token, .states = t->states};
	t->variance = xalloc(reconstruction_blocks(t->of.a), sizeof *t->variance);
	reconstruction_variance(t->variance, &t->of);
}

static void test_free(struct test *t)
{
	free(t->variance);
	states_close(t->states);
	for (int k = 0; k < 2; k++)
		if (t->sae[k])
			sae_close(t->sae[k]);
	match_sides_free(&t->sides);
}

static void set_curve(struct sm_frame *frame, const char *name, const char *of, const double *x,
	size_t n, struct pool *memory)
{
	float *rounded = pool_alloc(memory, n, sizeof *rounded);

	for (size_t i = 0; i < n; i++)
		rounded[i] = (float)x[i];
	sm_set_tensor(frame, pool_keep(memory, xasprintf("%s/%s", name, of)), SM_F4, rounded, n);
}

/* Of the 1, 2, ... cheapest pairs. */
static void write_curves(struct sm_writer *out, const struct substitution *s, size_t n)
{
	struct sm_frame frame = {0};
	struct pool memory = {0};
	uint32_t *count = pool_alloc(&memory, n, sizeof *count);

	for (size_t i = 0; i < n; i++)
		count[i] = (uint32_t)i + 1;
	sm_set_tensor(&frame, "covered", SM_U4, count, n);
	for (int k = 0; k < SUBST_SCORES; k++)
		if (s->covered[k])
			set_curve(&frame, substitution_name[k], "covered", s->covered[k], n,
				&memory);
	for (int k = 0; k < SUBST_KEPT; k++)
		set_curve(&frame, substitution_name[k], "random", s->random[k], n, &memory);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	pool_free(&memory);
}

static void score_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	const struct test *t)
{
	struct matching match;
	struct match_scores scores = match_scores_open(true);
	struct substitution found = {0};

	read_matching(in, header, &match);
	struct placed_pairs pairs = placed_pairs_of(&t->sides, in, header, &match);
	if (pairs.n > 0 && pairs.repeat)
		sm_bad(in, "a column may have several rows: a column is replaced by one row");
	if (pairs.n > 0)
		found = substitution_of(&t->of, t->variance, &pairs, &how);
	for (int k = 0; k < SUBST_SCORES; k++)
		if (found.covered[k])
			match_scores_add(&scores, substitution_name[k], &found.score[k]);
	match_sides_header(header, &t->sides);
	sm_write_header(out, header);
	match_scores_write(out, &scores);
	if (pairs.n > 0)
		write_curves(out, &found, pairs.n);
	sm_write_end(out);
	substitution_free(&found);
	match_scores_free(&scores);
	placed_pairs_free(&pairs);
	matching_free(&match);
}

static void check_command_line(void)
{
	if (!file[0] || !file[1])
		misuse("--a and --b are needed: activations of both sides");
	if (!sae_file[1] || hidden.n == 0)
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
	struct test test = {0};

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
