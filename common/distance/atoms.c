#include "distance/atoms.h"

#include "base/die.h"
#include "file/array.h"
#include "file/sae_config.h"

#include <stdlib.h>
#include <string.h>

/* -- Reading ----------------------------------------------------------------------------------- */

/* The file of the tokens beside the atoms, to free(). */
static char *tokens_file(const char *atoms)
{
	static const char *const name[] = {"atom_indices.pt", "atom_indices.npy"};
	char *file = sae_file_beside(atoms, name, sizeof name / sizeof *name);

	if (!file)
		die("%s: no %s or %s, the tokens whose states the atoms are", sae_folder(atoms),
			name[0], name[1]);
	return file;
}

/* Sequence and position of an atom, or ATOM_UNKNOWN, which ITDA writes as -1. */
static uint64_t token_of(const char *name, const struct array *a, size_t atom)
{
	double sequence = sm_to_double(a->data, a->dtype, 2 * atom);
	double position = sm_to_double(a->data, a->dtype, 2 * atom + 1);

	if (sequence < 0 || position < 0)
		return ATOM_UNKNOWN;
	if (sequence > INT32_MAX || position >= UINT32_MAX)
		die("%s: row %zu is (%.0f, %.0f), no sequence and position", name, atom, sequence,
			position);
	return (uint64_t)sequence << 32 | (uint64_t)position;
}

static void want_text(const char *path, const char *dataset, const char *other, size_t sequence,
	size_t other_sequence)
{
	if (dataset && other && strcmp(dataset, other) != 0)
		die("%s: atoms of the text %s, the others are of %s: their tokens cannot be "
			"compared", path, dataset, other);
	if (sequence > 0 && other_sequence > 0 && sequence != other_sequence)
		die("%s: atoms of sequences of %zu tokens, the others are of %zu: their tokens "
			"cannot be compared", path, sequence, other_sequence);
}

/* The text, as metadata.yaml names it. */
static void take_text(struct atoms *a, const char *path, const char *file)
{
	struct sae_config c = sae_config_open(file);
	const char *dataset = sae_config_text(&c, "dataset");
	const json_t *sequence = sae_config_get(&c, "seq_len");
	size_t length = json_integer_value(sequence) > 0
		? (size_t)json_integer_value(sequence) : 0;

	want_text(path, dataset, a->dataset, length, a->sequence);
	if (dataset && !a->dataset)
		a->dataset = xasprintf("%s", dataset);
	if (length > 0)
		a->sequence = length;
	sae_config_close(&c);
}

void atoms_add(struct atoms *a, const struct sae *s, const char *path, const uint32_t *feature,
	size_t n)
{
	char *file = sae_weights_file(path);
	struct array index;

	if (s->architecture != SAE_ITDA)
		die("%s: no ITDA dictionary, whose atoms are states of tokens", path);
	char *name = tokens_file(file);
	struct archive *tokens = array_open(name, &index);
	if (index.rank != 2 || index.shape[1] != 2 || index.shape[0] != s->features
			|| sm_dtype_is_float(index.dtype))
		die("%s: a row of 2 integers, sequence and position, is needed for each of %zu "
			"atoms", name, s->features);
	a->token = xrealloc(a->token, a->n + n, sizeof *a->token);
	for (size_t i = 0; i < n; i++) {
		if (feature[i] >= sae_stream_features(s))
			die("%s: feature %u of %zu", path, feature[i], sae_stream_features(s));
		uint64_t token = token_of(name, &index, feature[i] % s->features);
		uint64_t negative = (uint64_t)(feature[i] >= s->features) << 63;
		a->unknown += token == ATOM_UNKNOWN;
		a->token[a->n++] = token == ATOM_UNKNOWN ? token : token | negative;
	}
	take_text(a, path, file);
	archive_close(tokens);
	free(name);
	free(file);
}

void atoms_free(struct atoms *a)
{
	free(a->token);
	free(a->dataset);
	*a = (struct atoms){0};
}

/* -- Comparing --------------------------------------------------------------------------------- */

struct sides {
	const struct atoms *row, *col;
};

static void solve(void *context, size_t thread, size_t i, const uint32_t *col, size_t k,
	struct entries *out)
{
	const struct sides *s = context;
	uint64_t token = s->row->token[i];

	(void)thread;
	for (size_t n = 0; n < k; n++)
		out->dist[n] = token == ATOM_UNKNOWN ? s->row != s->col || i != col[n]
			: token != s->col->token[col[n]];
}

static void close_sides(struct stage *s)
{
	free(s->context);
}

void atoms_open(struct stage *stage, const struct atoms *row, const struct atoms *col)
{
	struct sides *s = xalloc(1, sizeof *s);

	*s = (struct sides){row, col};
	stage->context = s;
	stage->solve = solve;
	stage->close = close_sides;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The tokens that are known, each once, in order, without signs, to free(): how many. */
static size_t set_of(uint64_t **set, const struct atoms *a)
{
	size_t n = 0, once = 0;
	uint64_t *x = *set = xalloc(a->n, sizeof *x);

	for (size_t i = 0; i < a->n; i++)
		if (a->token[i] != ATOM_UNKNOWN)
			x[n++] = a->token[i] & ~((uint64_t)1 << 63);
	qsort(x, n, sizeof *x, by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || x[i] != x[i - 1])
			x[once++] = x[i];
	return once;
}

/* |A n B|, and *all = |A u B|. */
static size_t common(const struct atoms *a, const struct atoms *b, size_t *all)
{
	uint64_t *x, *y;
	size_t n = set_of(&x, a), m = set_of(&y, b), both = 0;

	for (size_t i = 0, j = 0; i < n && j < m; )
		if (x[i] == y[j]) {
			both++;
			i++;
			j++;
		} else if (x[i] < y[j]) {
			i++;
		} else {
			j++;
		}
	free(x);
	free(y);
	*all = n + m - both;
	return both;
}

void atoms_header(struct sm_frame *header, const struct atoms *a, const struct atoms *b)
{
	size_t all, both = common(a, b, &all), unknown = a->unknown + (a != b ? b->unknown : 0);
	double jaccard = all > 0 ? (double)both / (double)all : 0;

	want_text("the second operand", b->dataset, a->dataset, b->sequence, a->sequence);
	if (unknown > 0)
		note("%zu features are atoms of unknown tokens", unknown);
	note("%zu of %zu tokens are in both: a Jaccard index of %.6g", both, all, jaccard);
	sm_set_string(header, "metric", "0 for atoms of the same token, else 1");
	sm_set_integer(header, "common", (int64_t)both);
	sm_set_real(header, "jaccard", jaccard);
}
