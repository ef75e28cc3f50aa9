/* Distances between features by the weights of their SAEs. */
#include "die.h"
#include "opt.h"
#include "ot.h"
#include "sae.h"
#include "set.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool folded;

static const struct opt options[] = {
	{"folded", OPT_FLAG, &folded, NULL, "SAE Match: squared difference of the folded weights", 0, 0},
	OPT_THREADS, OPT_END
};

/* One side of the comparison: a vector for every feature. */
struct side {
	struct set set;			/* from a stream; empty from an SAE */
	struct ids ids;
	size_t d;
	float *vector, *norm;		/* (ids.n, d); its squared length */
	char *layer;			/* of an SAE */
	const char *name;
};

/* The decoder row, of length 1. A zero row stays zero. */
static void decoder_vector(float *y, const struct sae *s, size_t i)
{
	double sum = 0;

	for (size_t k = 0; k < s->d; k++)
		sum += (double)s->w_dec[i * s->d + k] * (double)s->w_dec[i * s->d + k];
	for (size_t k = 0; k < s->d; k++)
		y[k] = sum > 0 ? (float)((double)s->w_dec[i * s->d + k] / sqrt(sum)) : 0;
}

/* Folding leaves the output as it is: theta W_dec and W_enc / theta, so that all thresholds are 1
 * (Balagansky et al. 2025, sec. 3). */
static void folded_vector(float *y, const struct sae *s, size_t i, size_t *unfoldable)
{
	float theta = s->threshold[i];

	if (!(theta >= 1e-6f)) {
		theta = 1e-6f;
		++*unfoldable;
	}
	for (size_t k = 0; k < s->d; k++) {
		y[k] = theta * s->w_dec[i * s->d + k];
		y[s->d + k] = s->w_enc[k * s->features + i] / theta;
	}
}

/* Appends the vectors of n features of an SAE to the side. */
static void add_vectors(struct side *side, const struct sae *s, const char *path, size_t at,
	const uint32_t *feature, size_t n)
{
	size_t d = folded ? 2 * s->d : s->d, unfoldable = 0;

	if (folded && !s->threshold)
		die("%s: no threshold: only a JumpReLU SAE can be folded", path);
	if (side->vector && d != side->d)
		die("%s: an SAE of %zu dimensions beside one of %zu", path, s->d, side->d / (folded ? 2 : 1));
	side->d = d;
	side->vector = need_more(side->vector, (at + n) * sizeof(float), d);
	for (size_t i = 0; i < n; i++) {
		float *y = side->vector + (at + i) * d;
		if (feature[i] >= s->features)
			die("%s: feature %u of %zu", path, feature[i], s->features);
		if (folded)
			folded_vector(y, s, feature[i], &unfoldable);
		else
			decoder_vector(y, s, feature[i]);
	}
	if (unfoldable > 0)
		note("%s: %zu features have no positive threshold: folded with 1e-6", path, unfoldable);
}

/* The features of a stream, from the SAEs that its headers name. */
static void side_of_set(struct side *side)
{
	const struct set *set = &side->set;

	side->ids = set->ids;
	side->name = set->name;
	for (size_t k = 0; k < set->streams; k++) {
		size_t first = set->first[k], end = k + 1 < set->streams ? set->first[k + 1] : set->ids.n;
		const char *path = get_string(&set->header[k], "sae", NULL);
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
	uint32_t *feature = need(s->features, sizeof *feature);

	side->name = path;
	side->layer = need_text("%s", s->name);
	side->ids = (struct ids){s->features, need(s->features, sizeof(char *)), feature};
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
	for (size_t k = 0; k < n; k++) {
		side[k].norm = need(side[k].ids.n, sizeof(float));
		squared_norms(side[k].norm, side[k].vector, side[k].ids.n, side[k].d);
	}
	if (side[n - 1].d != side[0].d && side[n - 1].ids.n > 0 && side[0].ids.n > 0)
		die("%s: an SAE of other dimensions than that of %s", side[n - 1].name, side[0].name);
	return n;
}

static void side_free(struct side *s)
{
	if (s->layer) {
		free(s->ids.layer);
		free((void *)(uintptr_t)s->ids.feature);
	}
	free(s->layer);
	free(s->vector);
	free(s->norm);
	set_free(&s->set);
}

/* Half a squared distance of unit rows is 1 - cosine; a zero row has no direction: 1, but to itself. */
static void cosine_distances(float *dist, const struct side *a, size_t i, const struct side *b)
{
	for (size_t j = 0; j < b->ids.n; j++)
		dist[j] = a->norm[i] == 0 || b->norm[j] == 0 ? a != b || i != j : dist[j] / 2;
}

static void all_pairs(struct writer *out, const struct side *a, const struct side *b)
{
	size_t rows = a->ids.n, cols = b->ids.n, step = block_rows(cols) < rows ? block_rows(cols) : rows;
	float *dist = need(step * sizeof *dist, cols);

	for (size_t row0 = 0; row0 < rows && cols > 0; row0 += step) {
		size_t n = rows - row0 < step ? rows - row0 : step;
		#pragma omp parallel for num_threads(threads) schedule(dynamic)
		for (size_t r = 0; r < n; r += 16) {
			size_t k = n - r < 16 ? n - r : 16;
			cost_matrix(dist + r * cols, a->vector + (row0 + r) * a->d, a->norm + row0 + r, k,
				b->vector, b->norm, cols, a->d, 2, cols);
			for (size_t i = r; !folded && i < r + k; i++)
				cosine_distances(dist + i * cols, a, row0 + i, b);
		}
		write_block(out, row0, n, cols, dist, NULL, NULL);
	}
	free(dist);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "decoder [OPTION]... [A [B]]",
		"Distances between features by the weights of their SAEs; A and B are SAEs, or streams that "
		"name them.", 2);
	openblas_set_num_threads(1);
	struct writer *out = writer_open();
	struct side side[2];
	size_t sides = read_sides(operand, side);
	struct frame header = {0};
	struct set set[2] = {side[0].set, side[1].set};

	sets_header(set, sides, &header);
	drop_field(&header, "space");
	set_string(&header, "metric", folded ? "folded weights, squared difference" : "1 - decoder cosine");
	write_distances_header(out, &header, &side[0].ids, &side[sides - 1].ids);
	all_pairs(out, &side[0], &side[sides - 1]);
	write_end(out);
	writer_close(out);
	frame_free(&header);
	side_free(&side[0]);
	side_free(&side[1]);
	free(operand);
	return 0;
}
