#include "file/ready.h"

#include "base/die.h"
#include "base/input.h"
#include "file/delphi.h"
#include "file/folder.h"
#include "file/numbers.h"
#include "file/states.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE_BLOCK = 1 << 18 };	/* numbers */

struct entry {
	uint32_t feature;
	float value;
};

struct ready {
	const char *name;
	size_t tokens, features, context;
	struct archive **file;
	size_t files;
	/* One of these: a cache, ... */
	struct delphi *cache;
	/* ... dense rows, on stdin or in files, of which x (n, features) are held, ... */
	struct states *on_stdin;
	struct numbers *shard;
	size_t shards, current, first, n;
	float *x;
	/* ... or entries, k of each token or as indptr says; those of the token before `next` are
	 * held. */
	struct numbers index, value, indptr;
	size_t k, passed, next;		/* passed: entries before token `next` */
	struct entry *entry;
	size_t entries, room;
};

/* The file of FILE or FILE:KEY. */
static struct archive *add_file(struct ready *r, const char *spec, const char **key)
{
	char *path = array_path(spec, key);

	r->file = xrealloc(r->file, r->files + 1, sizeof *r->file);
	r->file[r->files] = archive_open(path);
	free(path);
	return r->file[r->files++];
}

/* -- Shapes ------------------------------------------------------------------------------------ */

/* (tokens, columns), or (sequences, context, columns) of the context that the user says. Counts the
 * tokens; the number of columns. */
static size_t take_shape(struct ready *r, const struct numbers *a, const char *columns,
	size_t context)
{
	const size_t *shape = a->shape.shape, rank = a->shape.rank;

	if (rank != 2 && rank != 3)
		die("%s: activations are a matrix (tokens, %s), not of %zu dimensions", a->name,
			columns, rank);
	if (rank == 3 && shape[1] != context)
		die("%s: of shape (%zu, %zu, %zu): are these sequences of %zu tokens? --context "
			"%zu says so", a->name, shape[0], shape[1], shape[2], shape[1], shape[1]);
	if (shape[rank - 1] == 0)
		die("%s: no %s", a->name, columns);
	r->tokens += array_count(&a->shape) / shape[rank - 1];
	r->context = rank == 3 ? context : r->context;
	return shape[rank - 1];
}

/* The number of features: what the files say, or else what the user says. */
static void take_features(struct ready *r, size_t said, size_t given)
{
	r->features = said ? said : given;
	if (given && given != r->features)
		die("%s: of %zu features, --width says %zu", r->name, r->features, given);
}

/* -- Opening ----------------------------------------------------------------------------------- */

static void open_cache(struct ready *r, const struct ready_options *o)
{
	r->cache = delphi_open(r->name, o->context, o->features);
	r->tokens = delphi_tokens(r->cache);
	r->context = delphi_context(r->cache);
	take_features(r, delphi_features(r->cache), o->features);
}

static void open_stdin(struct ready *r, const struct ready_options *o)
{
	r->on_stdin = states_open(&o->values, &(struct states_options){0});
	states_settle(r->on_stdin, o->context, false);
	r->name = "stdin";
	r->tokens = states_rows(r->on_stdin);
	take_features(r, states_d(r->on_stdin), o->features);
}

static void add_shard(struct ready *r, struct archive *f, const char *key, size_t context)
{
	struct numbers *a;

	r->shard = xrealloc(r->shard, r->shards + 1, sizeof *r->shard);
	a = &r->shard[r->shards++];
	numbers_open(a, f, key);
	numbers_want_floats(a);
	size_t features = take_shape(r, a, "features", context);
	if (r->shards > 1 && features != r->features)
		die("%s: of %zu features, %s has %zu", a->name, features, r->shard[0].name,
			r->features);
	r->features = features;
}

/* The largest index of an activation that is not 0, plus one; of arrays of their own. */
static size_t largest_index(struct numbers *index, struct numbers *value)
{
	double most = 0;

	for (size_t i = array_count(&value->shape); i > 0; i--) {
		double x = numbers_next(value), at = numbers_next(index);
		most = x != 0 && at > most ? at : most;
	}
	note("%s: taken to be of %.0f features, by the largest index (--width F)", index->name,
		most + 1);
	return most < UINT32_MAX ? (size_t)most + 1 : UINT32_MAX;
}

static bool same_shape(const struct array *a, const struct array *b)
{
	for (size_t i = 0; a->rank == b->rank && i < a->rank; i++)
		if (a->shape[i] != b->shape[i])
			return false;
	return a->rank == b->rank;
}

/* Where the two arrays of pairs are. */
struct pairs {
	struct archive *index_file, *value_file;
	const char *index, *value;
};

static void open_arrays(const struct pairs *p, struct numbers *index, struct numbers *value)
{
	numbers_open(index, p->index_file, p->index);
	numbers_open(value, p->value_file, p->value);
	numbers_want_integers(index);
	numbers_want_floats(value);
	if (!same_shape(&index->shape, &value->shape))
		die("%s: of another shape than %s", index->name, value->name);
}

static void open_pairs(struct ready *r, const struct pairs *p, const struct ready_options *o)
{
	size_t features = o->features;

	open_arrays(p, &r->index, &r->value);
	r->k = take_shape(r, &r->value, "k", o->context);
	if (features == 0) {
		struct numbers index, value;
		open_arrays(p, &index, &value);
		features = largest_index(&index, &value);
		numbers_close(&index);
		numbers_close(&value);
	}
	take_features(r, features, o->features);
}

/* The number of a matrix's rows or columns. */
static size_t next_size(struct numbers *a)
{
	double x = numbers_next(a);

	if (!(x >= 0 && x <= UINT32_MAX && x == floor(x)))
		die("%s: %g, of 0 to 4294967295", a->name, x);
	return (size_t)x;
}

static void open_csr(struct ready *r, struct archive *f, const struct ready_options *o)
{
	struct numbers shape;

	numbers_open(&shape, f, "shape");
	numbers_open(&r->indptr, f, "indptr");
	numbers_open(&r->index, f, "indices");
	numbers_open(&r->value, f, "data");
	numbers_want_integers(&r->indptr);
	numbers_want_integers(&r->index);
	numbers_want_floats(&r->value);
	if (array_count(&shape.shape) != 2)
		die("%s: of %zu numbers: 2 are a matrix's", shape.name, array_count(&shape.shape));
	r->tokens = next_size(&shape);
	take_features(r, next_size(&shape), o->features);
	numbers_close(&shape);
	if (r->indptr.shape.rank != 1 || r->indptr.left != r->tokens + 1)
		die("%s: of %zu numbers, a CSR matrix of %zu rows has %zu", r->indptr.name,
			r->indptr.left, r->tokens, r->tokens + 1);
	if (r->index.shape.rank != 1 || !same_shape(&r->index.shape, &r->value.shape))
		die("%s: of another length than %s", r->index.name, r->value.name);
	if (numbers_next(&r->indptr) != 0)
		die("%s: does not begin with 0", r->indptr.name);
}

/* Names by which files hold pairs: sparsify's of today and before, torch.topk's in words. */
static const struct {
	const char *index, *value;
} known[] = {
	{"top_indices", "top_acts"}, {"latent_indices", "latent_acts"},
	{"top_indices", "top_values"}, {"indices", "values"}, {"indices", "activations"},
	{"locations", "activations"},		/* a delphi cache's: the last */
};

enum { KNOWN = sizeof known / sizeof *known, DELPHI = KNOWN - 1 };

static bool has_key(char **key, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key[i], name) == 0)
			return true;
	return false;
}

/* Opens what the names of the arrays say; false when they say nothing. */
static bool open_named(struct ready *r, struct archive *f, const struct ready_options *o)
{
	size_t n, at = 0;
	char **key = archive_keys(f, &n);
	char *format = has_key(key, n, "data") ? archive_text(f, "format") : NULL;

	while (at < KNOWN && !(has_key(key, n, known[at].index)
			&& has_key(key, n, known[at].value)))
		at++;
	if (format && strcmp(format, "csr") != 0)
		die("%s: a sparse matrix in %s format: save_npz(FILE, matrix.tocsr())", r->name,
			format);
	bool csr = has_key(key, n, "indptr") && has_key(key, n, "indices");
	if (csr)
		open_csr(r, f, o);
	else if (at < DELPHI)
		open_pairs(r, &(struct pairs){f, f, known[at].index, known[at].value}, o);
	else if (at == DELPHI)
		open_cache(r, o);
	for (size_t i = 0; i < n; i++)
		free(key[i]);
	free(key);
	free(format);
	return csr || at < KNOWN;
}

static void open_files(struct ready *r, const struct ready_options *o)
{
	for (size_t i = 0; i < o->values.n; i++) {
		const char *key, *spec = o->values.item[i];
		if (o->values.n > 1 && is_folder(spec))
			misuse("several files are shards of one array, and %s is a folder", spec);
		struct archive *f = add_file(r, spec, &key);
		if (o->values.n == 1 && !key && open_named(r, f, o))
			return;
		add_shard(r, f, key, o->context);
	}
	take_features(r, r->features, o->features);
}

static void open_any(struct ready *r, const struct ready_options *o)
{
	struct pairs p;

	if (o->indices) {
		if (o->values.n > 1)
			misuse("--indices are those of one file of values");
		p.index_file = add_file(r, o->indices, &p.index);
		p.value_file = add_file(r, r->name, &p.value);
		open_pairs(r, &p, o);
	} else if (is_stdin(r->name)) {
		open_stdin(r, o);
	} else if (o->values.n == 1 && is_folder(r->name)) {
		open_cache(r, o);
	} else {
		open_files(r, o);
	}
}

struct ready *ready_open(const struct ready_options *o)
{
	struct ready *r = xcalloc(1, sizeof *r);

	r->name = o->values.item[0];
	open_any(r, o);
	if (r->features == 0 || r->features > INT32_MAX)
		die("%s: %zu features: 1 to 2147483647 are read", r->name, r->features);
	if (r->tokens > UINT32_MAX)
		die("%s: %zu tokens: the limit is 4294967295", r->name, r->tokens);
	return r;
}

void ready_close(struct ready *r)
{
	if (r->cache)
		delphi_close(r->cache);
	if (r->on_stdin)
		states_close(r->on_stdin);
	for (size_t i = 0; i < r->shards; i++)
		numbers_close(&r->shard[i]);
	numbers_close(&r->index);
	numbers_close(&r->value);
	numbers_close(&r->indptr);
	for (size_t i = 0; i < r->files; i++)
		archive_close(r->file[i]);
	free(r->file);
	free(r->shard);
	free(r->x);
	free(r->entry);
	free(r);
}

const char *ready_name(const struct ready *r)
{
	return r->name;
}

size_t ready_tokens(const struct ready *r)
{
	return r->cache ? delphi_tokens(r->cache) : r->tokens;
}

size_t ready_features(const struct ready *r)
{
	return r->features;
}

size_t ready_context(const struct ready *r)
{
	return r->context;
}

struct delphi *ready_cache(const struct ready *r)
{
	return r->cache;
}

/* -- Dense rows -------------------------------------------------------------------------------- */

static size_t next_of_shards(struct ready *r, size_t most)
{
	while (r->shard[r->current].left == 0)
		r->current++;
	struct numbers *a = &r->shard[r->current];
	size_t left = a->left / r->features, n = left < most ? left : most;
	numbers_read(a, r->x, n * r->features);
	return n;
}

static size_t next_of_stdin(struct ready *r, size_t most)
{
	const void *rows;
	size_t n = states_read(r->on_stdin, r->first, most, &rows);

	sm_to_float(r->x, rows, states_dtype(r->on_stdin), n * r->features);
	return n;
}

static void next_rows(struct ready *r)
{
	size_t most = r->features < DENSE_BLOCK ? DENSE_BLOCK / r->features : 1;

	if (!r->x)
		r->x = xalloc(most * r->features, sizeof *r->x);
	r->first += r->n;
	r->n = r->on_stdin ? next_of_stdin(r, most) : next_of_shards(r, most);
}

static void dense_token(struct ready *r, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user)
{
	while (token >= r->first + r->n)
		next_rows(r);
	const float *x = r->x + (token - r->first) * r->features;
	for (size_t i = 0; i < r->features; i++)
		if (x[i] != 0) {
			if (!isfinite(x[i]))
				die("%s: token %zu: the activation of feature %zu is not finite",
					r->name, token, i);
			hit((uint32_t)i, x[i], user);
		}
}

/* -- Entries ----------------------------------------------------------------------------------- */

static int by_feature(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->feature > y->feature) - (x->feature < y->feature);
}

static size_t row_length(struct ready *r)
{
	if (r->k > 0)
		return r->k;
	double end = numbers_next(&r->indptr);
	size_t n = array_count(&r->value.shape);
	if (!(end >= (double)r->passed && end <= (double)n))
		die("%s: %.0f after %zu, of %zu entries", r->indptr.name, end, r->passed, n);
	if (r->next + 1 == r->tokens && end != (double)n)
		die("%s: ends with %.0f, of %zu entries", r->indptr.name, end, n);
	return (size_t)end - r->passed;
}

/* Reads the entries of token `next`. One of 0 is none: what is padded with them has any index. */
static void next_entries(struct ready *r)
{
	size_t n = row_length(r);
	bool ascend = true;

	r->passed += n;
	r->entries = 0;
	if (n > r->room) {
		r->room = 2 * n;
		r->entry = xrealloc(r->entry, r->room, sizeof *r->entry);
	}
	for (size_t i = 0; i < n; i++) {
		double at = numbers_next(&r->index);
		float value = (float)numbers_next(&r->value);
		if (value == 0)
			continue;
		if (!isfinite(value))
			die("%s: token %zu: an activation that is not finite", r->value.name,
				r->next);
		if (!(at >= 0 && at < (double)r->features))
			die("%s: token %zu: feature %.0f, of %zu", r->index.name, r->next, at,
				r->features);
		r->entry[r->entries] = (struct entry){(uint32_t)at, value};
		ascend &= r->entries == 0 || r->entry[r->entries - 1].feature < (uint32_t)at;
		r->entries++;
	}
	if (!ascend)
		qsort(r->entry, r->entries, sizeof *r->entry, by_feature);
	for (size_t i = 1; i < r->entries; i++)
		if (r->entry[i].feature == r->entry[i - 1].feature)
			die("%s: token %zu: feature %u stands twice", r->index.name, r->next,
				r->entry[i].feature);
	r->next++;
}

void ready_token(struct ready *r, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user)
{
	if (r->cache) {
		delphi_token(r->cache, token, hit, user);
		return;
	}
	if (r->on_stdin || r->shards > 0) {
		dense_token(r, token, hit, user);
		return;
	}
	while (r->next <= token)
		next_entries(r);
	for (size_t i = 0; i < r->entries; i++)
		hit(r->entry[i].feature, r->entry[i].value, user);
}

static void pass(uint32_t feature, float value, void *user)
{
	(void)feature;
	(void)value;
	(void)user;
}

void ready_end(struct ready *r)
{
	if (ready_tokens(r) > 0)
		ready_token(r, ready_tokens(r) - 1, pass, NULL);
}
