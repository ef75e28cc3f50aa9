/* Distances between features by the weights of their SAEs: 1 - cos(v_i, v_j) or |v_i - v_j|^2,
 * where v_i are the weights that sae_vectors.h describes; or by the tokens that atoms.h
 * describes. */
#include "base/die.h"
#include "base/opt.h"
#include "distance/atoms.h"
#include "distance/sae_vectors.h"
#include "distance/stage.h"
#include "distance/vectors.h"
#include "file/folder.h"
#include "file/sae.h"
#include "stream/distributions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool squared, by_atoms;
static struct sae_vectors which = {.weights = -1};
static struct sae_options sae_options = SAE_OPTIONS_NONE;
static struct stage_options asked;

static const struct opt options[] = {
	{"weights", OPT_CHOICE, &which.weights, "decoder|encoder|both",
		"weights to compare; both with --folded", 0, 0},
	{"bias", OPT_FLAG, &which.bias, NULL, "compare the encoder's biases too", 0, 0},
	{"squared", OPT_FLAG, &squared, NULL,
		"write squared differences instead of 1 - cosine", 0, 0},
	{"folded", OPT_FLAG, &which.folded, NULL,
		"write squared differences of the folded weights (SAE Match)", 0, 0},
	{"atoms", OPT_FLAG, &by_atoms, NULL,
		"of ITDA dictionaries: write 0 for atoms of the same token, else 1", 0, 0},
	OPT_SAE_ENCODER(&sae_options), OPT_SAE_B_DEC(&sae_options),
	{"to-layer", OPT_TEXT, &sae_options.to_layer, "L",
		"of decoders to several layers, the rows to this one", 0, 0},
	OPT_TOP(&asked), OPT_ROWS(&asked), OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* One side of the comparison: a vector, or with --atoms a token, for every feature. */
struct side {
	struct distributions stream;	/* empty when the features are all of an SAE */
	struct ids ids;
	size_t d;			/* of the vectors */
	struct vectors vectors;
	struct atoms atoms;
	char *layer;			/* of an SAE */
	const char *name;
};

/* The parts of SAEs that are read. */
static unsigned parts(void)
{
	return by_atoms ? 0 : sae_vectors_parts(&which);
}

/* Appends the vectors, or the tokens, of n features of an SAE to the side. */
static void add_features(struct side *side, const struct sae *s, const char *path, size_t at,
	const uint32_t *feature, size_t n)
{
	struct vectors *v = &side->vectors;

	if (by_atoms) {
		atoms_add(&side->atoms, s, path, feature, n);
		return;
	}
	size_t d = sae_vectors_d(&which, s);
	if (v->at && d != side->d)
		die("%s: an SAE of %zu dimensions, where the others have %zu", path, d, side->d);
	side->d = d;
	*v = (struct vectors){at + n, d, xrealloc(v->at, (at + n) * sizeof(float), d)};
	sae_vectors_take(v->at + at * d, &which, s, path, feature, n);
}

/* Read as it was when the stream was made, unless options say how. */
static struct sae *sae_of_header(const char *path, const struct sm_frame *header)
{
	struct sae_options o = sae_options;

	if (!o.encoder)
		o.encoder = sm_get_string(header, "encoder", NULL);
	if (o.b_dec < 0 && sm_find_field(header, "centred"))
		o.b_dec = sm_get_size(header, "centred") == 0;
	return sae_open(path, parts(), &o);
}

/* The features of a stream, from the SAEs that its headers name. */
static void side_of_stream(struct side *side)
{
	const struct distributions *in = &side->stream;

	side->ids = in->ids;
	side->name = in->name;
	for (size_t k = 0; k < in->streams; k++) {
		size_t first = in->first[k];
		size_t end = k + 1 < in->streams ? in->first[k + 1] : in->ids.n;
		const char *path = sm_get_string(&in->header[k], "sae", NULL);
		if (!path)
			die("%s: its header names no SAE (it was not encoded by act-dump --sae)",
				in->name);
		if (!path_exists(path))
			die("%s: its header names the SAE '%s', which is not here: run this where "
				"act-dump ran", in->name, path);
		struct sae *s = sae_of_header(path, &in->header[k]);
		add_features(side, s, path, first, in->ids.feature + first, end - first);
		sae_close(s);
	}
}

/* All the features of an SAE. */
static void side_of_sae(struct side *side, const char *path)
{
	struct sae *s = sae_open(path, parts(), &sae_options);
	size_t n = sae_stream_features(s);

	side->name = path;
	side->layer = xasprintf("%s", s->name);
	side->ids.n = n;
	side->ids.origin[OF_SAE] = path;
	ids_room(&side->ids, n, false);
	for (size_t i = 0; i < n; i++) {
		side->ids.own.feature[i] = (uint32_t)i;
		side->ids.own.layer[i] = side->layer;
	}
	add_features(side, s, path, 0, side->ids.feature, n);
	sae_close(s);
}

/* The sides that the operands name: SAEs, or streams as any distance stage reads them. */
static size_t read_sides(char *const *operand, struct side side[2])
{
	struct distributions input[2];
	size_t n = 0;

	side[0] = side[1] = (struct side){0};
	for (; operand[n]; n++)
		if (sae_path(operand[n]) != sae_path(operand[0]))
			misuse("%s and %s: two SAEs or two streams", operand[0], operand[n]);
	if (n > 0 && sae_path(operand[0])) {
		for (size_t k = 0; k < n; k++)
			side_of_sae(&side[k], operand[k]);
	} else {
		n = read_distribution_ids(operand, input);
		for (size_t k = 0; k < n; k++) {
			side[k].stream = input[k];
			side_of_stream(&side[k]);
		}
	}
	if (side[n - 1].d != side[0].d && side[n - 1].ids.n > 0 && side[0].ids.n > 0)
		die("%s: its SAE has not as many dimensions as that of %s", side[n - 1].name,
			side[0].name);
	return n;
}

static void side_free(struct side *s)
{
	if (s->layer)
		ids_free(&s->ids);
	free(s->layer);
	free(s->vectors.at);
	atoms_free(&s->atoms);
	distributions_free(&s->stream);
}

static struct sm_frame header_of(const struct side side[2], size_t sides)
{
	static const char *const weights[] = {"decoder", "encoder", "decoder and encoder"};
	struct sm_frame header = {0};
	static char metric[80];

	for (size_t k = 0; k < sides; k++)
		stage_join_headers(&header, side[k].stream.header, side[k].stream.streams);
	sm_drop(&header, "space");
	if (by_atoms) {
		atoms_header(&header, &side[0].atoms, &side[sides - 1].atoms);
		return header;
	}
	snprintf(metric, sizeof metric,
		squared ? "%s%s%s, squared difference" : "1 - %s%s%s cosine",
		which.folded ? "folded " : "", weights[which.weights],
		which.bias ? " and bias" : "");
	sm_set_string(&header, "metric", metric);
	return header;
}

static void check_command_line(void)
{
	if (by_atoms && (which.weights >= 0 || which.bias || squared || which.folded))
		misuse("--atoms compares no weights");
	if (which.weights < 0)
		which.weights = which.folded ? SAE_BOTH : SAE_DECODER;
	if (which.bias && which.weights == SAE_DECODER)
		misuse("--bias is the encoder's: --weights encoder or both");
	squared |= which.folded;
	which.unit = !squared;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "decoder [OPTION]... [A [B]]",
		"Distances between features by the weights of their SAEs.\n"
		"A and B are SAEs, or distributions whose headers name an SAE.", 2);
	check_command_line();
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct side side[2];
	size_t sides = read_sides(operand, side);
	const struct side *row = &side[0], *col = &side[sides - 1];
	struct stage stage = {.row = row->ids, .col = col->ids, .symmetric = sides == 1,
		.asked = asked};
	struct sm_frame header = header_of(side, sides);

	if (by_atoms)
		atoms_open(&stage, &row->atoms, &col->atoms);
	else
		vectors_open(&stage, &row->vectors, &col->vectors, squared ? SQUARED : COSINE);
	stage_write(out, &header, &stage);
	sm_writer_close(out);
	stage.close(&stage);
	sm_frame_free(&header);
	side_free(&side[0]);
	side_free(&side[1]);
	free(operand);
	return 0;
}
