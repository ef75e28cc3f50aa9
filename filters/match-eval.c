/* What a matching is worth, on data that it was not made from. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/coactivation.h"
#include "distance/sae_vectors.h"
#include "distance/vectors.h"
#include "file/labels.h"
#include "match/match_score.h"
#include "match/match_sides.h"

#include <stdlib.h>

enum { MEASURES = 5 };

static const char *file[2], *coupling_file, *sae_file[2], *label_file[2];
static struct resampling how = {.draws = 1000};

static const struct opt options[] = {
	{"a", OPT_TEXT, &file[0], "ACTS",
		"activations of the rows' features", 0, 0},
	{"b", OPT_TEXT, &file[1], "ACTS",
		"activations of the columns' features, on the same or coupled tokens", 0, 0},
	{"coupling", OPT_TEXT, &coupling_file, "FILE",
		"couples the tokens of the two, where they are not the same", 0, 0},
	OPT_LABELS(label_file),
	{"sae-a", OPT_TEXT, &sae_file[0], "PATH", "SAE of the rows", 0, 0},
	{"sae-b", OPT_TEXT, &sae_file[1], "PATH", "SAE of the columns", 0, 0},
	{"bootstrap", OPT_SIZE, &how.draws, "N", "number of resamplings for the intervals", 1, 1e9},
	{"seed", OPT_SIZE, &how.seed, "S", "seed of the random numbers", 0, 9e18},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* What all matchings are scored by. */
struct measures {
	struct match_sides sides;
	size_t n;
	struct measure of[MEASURES];
	struct stage stage[MEASURES];	/* of the measures that have one */
	uint32_t *label[2];		/* numbers, 0 for none; NULL: not given */
	struct vectors folded[2], decoder[2];
};

static void add_firing(struct measures *m, const char *name, enum coactivation metric)
{
	struct stage *s = &m->stage[m->n];

	coactivation_open(s, metric, &m->sides.side[0], &m->sides.side[1],
		m->sides.coupling);
	m->of[m->n++] = (struct measure){.name = name, .context = s->context, .solve = s->solve};
}

/* Features of one label are at distance 0, others at 1. */
static void label_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	uint32_t *const *label = context;

	(void)thread;
	for (size_t n = 0; n < k; n++)
		out->dist[n] = label[0][i] == 0 || label[0][i] != label[1][col[n]];
}

static void add_labels(struct measures *m)
{
	const struct ids side[2] = {m->sides.side[0].ids, m->sides.side[1].ids};
	struct labels *labels[2];

	labels_open_sides(labels, label_file);
	labels_want_apart(labels, &side[0], &side[1]);
	for (int k = 0; k < 2; k++)
		m->label[k] = xalloc(side[k].n, sizeof *m->label[k]);
	labels_number(m->label, side, labels);
	labels_tell_sides(labels, "the activations", true);
	labels_close_sides(labels);
	m->of[m->n++] = (struct measure){
		.name = "same_label", .context = m->label, .solve = label_row, .label = m->label};
}

/* A measure by weights of the SAEs, which become `of`. */
static void add_vectors(struct measures *m, struct vectors of[2], const struct sae_vectors *which,
	struct sae *const sae[2], enum vector_distance distance, const struct measure *what)
{
	struct stage *s = &m->stage[m->n];

	for (int k = 0; k < 2; k++) {
		const uint32_t *feature = m->sides.side[k].ids.feature;
		size_t n = m->sides.side[k].ids.n, width = sae_vectors_d(which, sae[k]);
		of[k] = (struct vectors){n, width, xalloc(n * sizeof(float), width)};
		sae_vectors_take(of[k].at, which, sae[k], sae_file[k], feature, n);
	}
	vectors_open(s, &of[0], &of[1], distance);
	m->of[m->n] = *what;
	m->of[m->n].context = s->context;
	m->of[m->n].solve = s->solve;
	m->of[m->n++].rows_per_task = s->rows_per_task;
}

/* By decoders, and by the squared difference that decoder --folded has. */
static void add_parameters(struct measures *m)
{
	static const struct sae_vectors decoder = {.weights = SAE_DECODER, .unit = true};
	static const struct sae_vectors folded = {.weights = SAE_BOTH, .folded = true};
	static const struct measure cosine = {.name = "decoder_cosine", .nearest = "mmcs",
		.assigned = "pw_mcc"};
	static const struct measure squared = {.name = "folded_mse", .distance = true};
	struct sae *sae[2];

	for (int k = 0; k < 2; k++)
		sae[k] = match_sides_sae(&m->sides, k, sae_file[k], SAE_W_ENC | SAE_W_DEC);
	if (sae[0]->d_out != sae[1]->d_out || sae[0]->d != sae[1]->d)
		die("%s: an SAE of %zu dimensions, %s has %zu", sae_file[0], sae[0]->d_out,
			sae_file[1], sae[1]->d_out);
	add_vectors(m, m->decoder, &decoder, sae, COSINE, &cosine);
	if (sae[0]->threshold && sae[1]->threshold)
		add_vectors(m, m->folded, &folded, sae, SQUARED, &squared);
	else
		note("%s: no threshold: folded_mse is left out",
			sae_file[sae[0]->threshold != NULL]);
	for (int k = 0; k < 2; k++)
		sae_close(sae[k]);
}

static void measures_open(struct measures *m)
{
	*m = (struct measures){0};
	match_sides_open(&m->sides, file, coupling_file);
	for (size_t k = 0; k < m->sides.first; k++)
		activations_transpose(&m->sides.all.item[k], false);
	add_firing(m, "correlation", COACT_PEARSON);
	add_firing(m, "joint", COACT_JOINT);
	if (label_file[0])
		add_labels(m);
	if (sae_file[0])
		add_parameters(m);
}

static void measures_free(struct measures *m)
{
	for (size_t k = 0; k < m->n; k++)
		if (m->stage[k].close)
			m->stage[k].close(&m->stage[k]);
	for (int k = 0; k < 2; k++) {
		free(m->folded[k].at);
		free(m->decoder[k].at);
		free(m->label[k]);
	}
	match_sides_free(&m->sides);
}

static void write_pairs(struct sm_writer *out, const struct measures *m, float *const *each,
	const struct matching *match)
{
	struct sm_frame frame = {0};

	set_pairs(&frame, match);
	for (size_t k = 0; k < m->n; k++)
		sm_set_tensor(&frame, m->of[k].name, SM_F4, each[k], match->row.n);
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
}

/* The scores of the 1, 2, ... cheapest pairs. */
static void write_coverage(struct sm_writer *out, const struct measures *m, float *const *covered,
	size_t n)
{
	struct sm_frame frame = {0};
	uint32_t *count = xalloc(n, sizeof *count);
	char *name[MEASURES];

	for (size_t i = 0; i < n; i++)
		count[i] = (uint32_t)i + 1;
	sm_set_tensor(&frame, "covered", SM_U4, count, n);
	for (size_t k = 0; k < m->n; k++) {
		name[k] = xasprintf("%s/covered", m->of[k].name);
		sm_set_tensor(&frame, name[k], SM_F4, covered[k], n);
	}
	sm_write_frame(out, &frame);
	sm_frame_free(&frame);
	for (size_t k = 0; k < m->n; k++)
		free(name[k]);
	free(count);
}

static void score_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	const struct measures *m)
{
	struct matching match;
	struct match_scores scores = match_scores_open(true);
	float *each[MEASURES], *covered[MEASURES];

	read_matching(in, header, &match);
	struct placed_pairs pairs = placed_pairs_of(&m->sides, in, header, &match);
	for (size_t k = 0; k < m->n; k++) {
		each[k] = xalloc(pairs.n, sizeof *each[k]);
		covered[k] = xalloc(pairs.n, sizeof *covered[k]);
		match_scores_measure(&scores, each[k], covered[k], &m->of[k], &pairs, &how);
	}
	match_sides_header(header, &m->sides);
	sm_write_header(out, header);
	match_scores_write(out, &scores);
	write_pairs(out, m, each, &match);
	write_coverage(out, m, covered, pairs.n);
	sm_write_end(out);
	for (size_t k = 0; k < m->n; k++) {
		free(each[k]);
		free(covered[k]);
	}
	match_scores_free(&scores);
	placed_pairs_free(&pairs);
	matching_free(&match);
}

static void check_command_line(void)
{
	if (!file[0] || !file[1])
		misuse("--a and --b are needed: activations of both sides");
	if (label_file[1] && !label_file[0])
		misuse("--labels-b is given beside --labels");
	if (!sae_file[0] != !sae_file[1])
		misuse("--sae-a and --sae-b are given together");
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"match-eval --a ACTS --b ACTS [OPTION]... [MATCHING]",
		"Scores a matching on data that it was not made from.", 1);
	check_command_line();
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};
	struct measures measures;

	measures_open(&measures);
	struct sm_reader *in = sm_reader_open(operand[0]);
	while (sm_read_header(in, &header))
		score_stream(in, out, &header, &measures);
	sm_writer_close(out);
	sm_reader_close(in);
	measures_free(&measures);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
