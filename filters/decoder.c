/* Distances between features by the weights of their SAEs. */
#include "base/die.h"
#include "stream/distributions.h"
#include "distance/sae_vectors.h"
#include "distance/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static bool squared;
static struct parameters which = {.weights = -1};

static const struct opt options[] = {
	{"weights", OPT_CHOICE, &which.weights, "decoder|encoder|both", "which take part; both when --folded", 0, 0},
	{"bias", OPT_FLAG, &which.bias, NULL, "the encoder's bias takes part too", 0, 0},
	{"squared", OPT_FLAG, &squared, NULL, "squared difference, not 1 - cosine", 0, 0},
	{"folded", OPT_FLAG, &which.folded, NULL, "SAE Match: squared difference of the folded weights", 0, 0},
	OPT_TOP, OPT_ROWS, OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* One side of the comparison: a vector for every feature. */
struct side {
	struct set set;			/* from a stream; empty from an SAE */
	struct ids ids;
	size_t d;			/* of the SAEs */
	struct vectors vectors;
	bool *zero;			/* (ids.n): it has no direction */
	char *layer;			/* of an SAE */
	const char *name;
};

/* To length 1; false when there is nothing to scale. */
static bool normalise(float *y, size_t d)
{
	double sum = 0;

	for (size_t k = 0; k < d; k++)
		sum += (double)y[k] * (double)y[k];
	for (size_t k = 0; sum > 0 && k < d; k++)
		y[k] = (float)((double)y[k] / sqrt(sum));
	return sum > 0;
}

/* Appends the vectors of n features of an SAE to the side. */
static void add_vectors(struct side *side, const struct sae *s, const char *path, size_t at,
	const uint32_t *feature, size_t n)
{
	struct vectors *v = &side->vectors;
	size_t d = parameters_d(&which, s);

	if (v->at && s->d != side->d)
		die("%s: an SAE of %zu dimensions beside one of %zu", path, s->d, side->d);
	side->d = s->d;
	*v = (struct vectors){at + n, d, xrealloc(v->at, (at + n) * sizeof(float), d)};
	side->zero = xrealloc(side->zero, at + n, sizeof *side->zero);
	take_parameters(v->at + at * d, &which, s, path, feature, n);
	for (size_t i = at; i < at + n; i++)
		side->zero[i] = !squared && !normalise(v->at + i * d, d);
}

/* The features of a stream, from the SAEs that its headers name. */
static void side_of_set(struct side *side)
{
	const struct set *set = &side->set;

	side->ids = set->ids;
	side->name = set->name;
	for (size_t k = 0; k < set->streams; k++) {
		size_t first = set->first[k], end = k + 1 < set->streams ? set->first[k + 1] : set->ids.n;
		const char *path = sm_get_string(&set->header[k], "sae", NULL);
		if (!path)
			die("%s: its header names no SAE (it was not encoded by act-dump --sae)", set->name);
		if (access(path, F_OK) != 0)
			die("%s: its header names the SAE '%s', which is not here: run this where act-dump "
				"ran", set->name, path);
		struct sae *s = sae_open(path);
		add_vectors(side, s, path, first, set->ids.feature + first, end - first);
		sae_close(s);
	}
}

/* All the features of an SAE. */
static void side_of_sae(struct side *side, const char *path)
{
	struct sae *s = sae_open(path);
	uint32_t *feature = xalloc(s->features, sizeof *feature);

	side->name = path;
	side->layer = xasprintf("%s", s->name);
	side->ids = (struct ids){s->features, xalloc(s->features, sizeof(char *)), feature, NULL};
	for (size_t i = 0; i < s->features; i++) {
		feature[i] = (uint32_t)i;
		side->ids.layer[i] = side->layer;
	}
	add_vectors(side, s, path, 0, feature, s->features);
	sae_close(s);
}

/* The sides that the operands name: SAEs, or streams as any distance stage reads them. */
static size_t read_sides(char *const *operand, struct side side[2])
{
	struct set set[2];
	size_t n = 0;

	side[0] = side[1] = (struct side){0};
	for (; operand[n]; n++)
		if (sae_path(operand[n]) != sae_path(operand[0]))
			misuse("%s and %s: two SAEs or two streams", operand[0], operand[n]);
	if (n > 0 && sae_path(operand[0])) {
		for (size_t k = 0; k < n; k++)
			side_of_sae(&side[k], operand[k]);
	} else {
		n = read_feature_sets(operand, set);
		for (size_t k = 0; k < n; k++) {
			side[k].set = set[k];
			side_of_set(&side[k]);
		}
	}
	if (side[n - 1].d != side[0].d && side[n - 1].ids.n > 0 && side[0].ids.n > 0)
		die("%s: an SAE of other dimensions than that of %s", side[n - 1].name, side[0].name);
	return n;
}

static void side_free(struct side *s)
{
	if (s->layer)
		ids_free(&s->ids);
	free(s->layer);
	free(s->vectors.at);
	free(s->zero);
	set_free(&s->set);
}

struct cosines {
	struct stage halves;		/* of squared distances of unit vectors: 1 - cosine */
	const struct side *row, *col;
};

/* A feature without a direction is at distance 1 from all but itself. */
static void cosine_row(void *context, size_t thread, size_t i, const uint32_t *col, size_t k, struct entries *out)
{
	const struct cosines *c = context;

	c->halves.solve(c->halves.context, thread, i, col, k, out);
	for (size_t n = 0; n < k; n++)
		if (c->row->zero[i] || c->col->zero[col[n]])
			out->dist[n] = c->row != c->col || i != col[n];
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "decoder [OPTION]... [A [B]]",
		"Distances between features by the weights of their SAEs; A and B are SAEs, or streams that "
		"name them.", 2);
	if (which.weights < 0)
		which.weights = which.folded ? BOTH : DECODER;
	if (which.bias && which.weights == DECODER)
		misuse("--bias is the encoder's: --weights encoder or both");
	squared |= which.folded;
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct side side[2];
	size_t sides = read_sides(operand, side);
	const struct side *row = &side[0], *col = &side[sides - 1];
	struct stage stage = {.row = row->ids, .col = col->ids, .self = sides == 1};
	vectors_open(&stage, &row->vectors, &col->vectors, 2, squared ? 1 : 0.5f);
	struct cosines cosines = {stage, row, col};
	struct set set[2] = {side[0].set, side[1].set};
	struct sm_frame header;
	char *metric = xasprintf("%s%s%s%s", squared ? which.folded ? "folded " : "" : "1 - ",
		(const char *[]){"decoder", "encoder", "decoder and encoder"}[which.weights], which.bias ? " and bias" : "",
		squared ? ", squared difference" : " cosine");

	if (!squared) {
		stage.solve = cosine_row;
		stage.context = &cosines;
	}
	sets_header(set, sides, &header);
	sm_drop(&header, "space");
	sm_set_string(&header, "metric", metric);
	run_stage(out, &header, &stage);
	vectors_close(cosines.halves.context);
	sm_frame_free(&header);
	side_free(&side[0]);
	side_free(&side[1]);
	free(metric);
	free(operand);
	return 0;
}
