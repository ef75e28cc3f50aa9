#include "file/sae.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/array.h"
#include "kernel/product.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MATRIX_PART = 1 << 18 };	/* numbers that are read at a time */

const char *sae_architecture_name(enum sae_architecture a)
{
	return (const char *[]){"standard", "jumprelu", "topk"}[a];
}

bool sae_path(const char *path)
{
	struct stat s;
	const char *dot = strrchr(path, '.');

	if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
		return true;
	return dot && (strcmp(dot, ".npz") == 0 || strcmp(dot, ".safetensors") == 0);
}

/* The file itself: `path`, or what a folder holds. */
static char *weights_file(const char *path)
{
	static const char *const known[] = {"sae_weights.safetensors", "params.npz"};
	struct stat s;

	if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))
		return xasprintf("%s", path);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char *file = xasprintf("%s/%s", path, known[i]);
		if (access(file, F_OK) == 0)
			return file;
		free(file);
	}
	die("%s: holds neither sae_weights.safetensors nor params.npz", path);
}

/* "a/b/params.npz": "a/b"; "params.npz": "." */
static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? xasprintf("%.*s", (int)(slash - file), file) : xasprintf(".");
}

/* -- Weights ----------------------------------------------------------------------------------- */

/* A length that is 0 is taken from the array. */
static void check_shape(const struct archive *f, const char *key, const struct array *a,
	size_t rank, size_t *const *want)
{
	if (a->rank != rank)
		die("%s:%s: %zu dimensions where an SAE has %zu", archive_name(f), key, a->rank,
			rank);
	for (size_t i = 0; i < rank; i++) {
		if (*want[i] == 0)
			*want[i] = a->shape[i];
		if (a->shape[i] == 0 || a->shape[i] != *want[i])
			die("%s:%s: dimension %zu is %zu, not %zu", archive_name(f), key, i,
				a->shape[i], *want[i]);
	}
}

_Noreturn static void lacks(const struct archive *f, const char *key)
{
	die("%s: no %s: not an SAE of a known layout", archive_name(f), key);
}

/* (n) numbers, NULL when the file has none of that name. */
static float *vector(struct archive *f, const char *key, size_t n)
{
	struct array a;

	if (!archive_find(f, key, &a))
		return NULL;
	check_shape(f, key, &a, 1, (size_t *[]){&n});
	float *x = array_floats(&a);
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			die("%s:%s: number %zu is not finite", archive_name(f), key, i);
	return x;
}

static float *required(float *x, const struct archive *f, const char *key)
{
	if (!x)
		lacks(f, key);
	return x;
}

static struct array_parts *open_matrix(struct archive *f, const char *key, struct array *a,
	size_t *rows, size_t *columns)
{
	struct array_parts *parts = array_parts_open(f, key, a);

	if (!parts)
		lacks(f, key);
	check_shape(f, key, a, 2, (size_t *[]){rows, columns});
	return parts;
}

/* There is one, of this shape; nothing of it is read. */
static void check_matrix(struct archive *f, const char *key, size_t *rows, size_t *columns)
{
	array_parts_close(open_matrix(f, key, &(struct array){0}, rows, columns));
}

/* What is done with a part of a matrix (rows, columns): whole rows, or whole columns. */
typedef void take_part(void *to, const float *x, const struct product_part *, size_t rows,
	size_t columns);

static void read_matrix(struct archive *f, const char *key, size_t rows, size_t columns,
	take_part *take, void *to)
{
	struct array a;
	struct array_parts *parts = open_matrix(f, key, &a, &rows, &columns);
	size_t lines = a.fortran ? columns : rows, line = a.fortran ? rows : columns;
	size_t most = 1 + MATRIX_PART / line, n;
	float *x = xalloc(most * sizeof *x, line);

	for (size_t at = 0; at < lines; at += n) {
		n = lines - at < most ? lines - at : most;
		array_parts_read(parts, x, n * line);
		for (size_t i = 0; i < n * line; i++)
			if (!isfinite(x[i]))
				die("%s:%s: number %zu is not finite", archive_name(f), key,
					a.fortran ? i % line * columns + at + i / line
					: at * line + i);
		take(to, x, a.fortran ? &(struct product_part){0, rows, at, n, 1, line}
			: &(struct product_part){at, n, 0, columns, line, 1}, rows, columns);
	}
	free(x);
	array_parts_close(parts);
}

static void take_packed(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	product_pack_matrix(to, x, p, rows, columns);
}

static void take_rows(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	float *y = to;

	(void)rows;
	for (size_t i = 0; i < p->rows; i++)
		for (size_t j = 0; j < p->columns; j++)
			y[(p->k0 + i) * columns + p->j0 + j] =
				x[i * p->row_stride + j * p->column_stride];
}

/* Adds to the squared length of each row; its numbers come in order. */
static void take_squares(void *to, const float *x, const struct product_part *p, size_t rows,
	size_t columns)
{
	double *sum = to;

	(void)rows, (void)columns;
	for (size_t i = 0; i < p->rows; i++)
		for (size_t j = 0; j < p->columns; j++) {
			double v = (double)x[i * p->row_stride + j * p->column_stride];
			sum[p->k0 + i] += v * v;
		}
}

/* Centring of the input, x - b_dec, as a part of the bias: b_enc -= b_dec W_enc. */
static void centre(struct sae *s)
{
	float *column = xalloc(s->d, sizeof *column);

	for (size_t i = 0; i < s->features; i++) {
		double shift = 0;
		product_column(column, s->w_enc, i, s->d, s->features);
		for (size_t k = 0; k < s->d; k++)
			shift += (double)s->b_dec[k] * (double)column[k];
		s->b_enc[i] = (float)((double)s->b_enc[i] - shift);
	}
	free(column);
}

static void decoder_norms(struct sae *s, struct archive *f)
{
	double *sum = xcalloc(s->features, sizeof *sum);

	read_matrix(f, "W_dec", s->features, s->d, take_squares, sum);
	s->scale = xalloc(s->features, sizeof *s->scale);
	for (size_t i = 0; i < s->features; i++)
		s->scale[i] = (float)sqrt(sum[i]);
	free(sum);
}

/* -- Dialects ---------------------------------------------------------------------------------- */

/* What the input's centring and the decoder's lengths do. */
struct use {
	bool centred, scaled;
};

/* cfg.json beside SAELens's weights, or an empty object. */
static json_t *configuration(const char *file)
{
	char *folder = folder_of(file), *path = xasprintf("%s/cfg.json", folder);
	json_error_t error;
	json_t *cfg = access(path, F_OK) == 0 ? json_load_file(path, 0, &error) : json_object();

	if (!cfg)
		die("%s: line %d: %s", path, error.line, error.text);
	if (!json_is_object(cfg))
		die("%s: no JSON object", path);
	free(path);
	free(folder);
	return cfg;
}

static const char *text(const json_t *cfg, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(cfg, key));

	return s ? s : otherwise;
}

static void set_topk(struct sae *s, const char *file, double k)
{
	if (!(k >= 1 && k <= (double)s->features) || k != floor(k))
		die("%s: k = %g of %zu features", file, k, s->features);
	s->architecture = SAE_TOPK;
	s->k = (size_t)k;
}

/* Gemma Scope: JumpReLU, b_dec not subtracted. A k in the file makes it TopK. */
static struct use gemma_scope(struct sae *s, struct archive *f)
{
	struct array k;

	s->architecture = s->threshold ? SAE_JUMPRELU : SAE_STANDARD;
	if (!archive_find(f, "k", &k))
		return (struct use){0};
	if (array_count(&k) != 1)
		die("%s:k: %zu numbers, where one is needed", archive_name(f), array_count(&k));
	set_topk(s, archive_name(f), sm_to_double(k.data, k.dtype, 0));
	return (struct use){0};
}

/* SAELens: what cfg.json says; without one, JumpReLU if there is a threshold. k makes it TopK. */
static struct use saelens(struct sae *s, const char *file)
{
	json_t *cfg = configuration(file);
	const char *kind = text(cfg, "architecture", s->threshold ? "jumprelu" : "standard");
	const char *normalized = text(cfg, "normalize_activations", "none");
	const char *function = text(cfg, "activation_fn_str", text(cfg, "activation_fn", "relu"));
	json_t *k = json_object_get(cfg, "k");
	json_t *apply = json_object_get(cfg, "apply_b_dec_to_input");

	if (!k)
		k = json_object_get(json_object_get(cfg, "activation_fn_kwargs"), "k");
	if (strcmp(kind, "standard") != 0 && strcmp(kind, "jumprelu") != 0
		&& strcmp(kind, "topk") != 0)
		die("%s: architecture '%s': standard, jumprelu and topk are known", file, kind);
	if (strcmp(function, "relu") != 0 && strcmp(function, "topk") != 0)
		die("%s: activation function '%s': relu and topk are known", file, function);
	if (strcmp(normalized, "none") != 0)
		die("%s: normalize_activations '%s': give it states that are normalised so, and "
			"set it to none", file, normalized);
	s->architecture = strcmp(kind, "jumprelu") == 0 ? SAE_JUMPRELU : SAE_STANDARD;
	if (json_is_number(k))
		set_topk(s, file, json_number_value(k));
	else if (strcmp(kind, "topk") == 0 || strcmp(function, "topk") == 0)
		die("%s: TopK, and cfg.json has no k", file);
	else if (s->architecture == SAE_JUMPRELU && !s->threshold)
		die("%s: architecture jumprelu, and no threshold", file);
	struct use use = {!apply || json_is_true(apply),
		json_is_true(json_object_get(cfg, "rescale_acts_by_decoder_norm"))};
	json_decref(cfg);
	return use;
}

struct sae *sae_open(const char *path, unsigned parts)
{
	struct sae *s = xcalloc(1, sizeof *s);
	char *file = weights_file(path), *folder = folder_of(file), *full = realpath(folder, NULL);
	struct archive *f = archive_open(file);

	s->name = array_base_name(full ? full : folder);
	check_matrix(f, "W_enc", &s->d, &s->features);
	check_matrix(f, "W_dec", &s->features, &s->d);
	s->b_enc = required(vector(f, "b_enc", s->features), f, "b_enc");
	s->threshold = vector(f, "threshold", s->features);
	s->b_dec = required(vector(f, "b_dec", s->d), f, "b_dec");
	struct use use = archive_zipped(f) ? gemma_scope(s, f) : saelens(s, file);
	if (parts & SAE_W_ENC) {
		size_t n = product_matrix_size(s->d, s->features);
		memory_need((double)n * sizeof(float), NULL, "%zu x %zu weights", s->d,
			s->features);
		s->w_enc = xcalloc(n, sizeof *s->w_enc);
		read_matrix(f, "W_enc", s->d, s->features, take_packed, s->w_enc);
		if (use.centred)
			centre(s);
	}
	if (parts & SAE_W_DEC) {
		memory_need((double)s->features * sizeof(float) * (double)s->d, NULL,
			"%zu x %zu weights", s->features, s->d);
		s->w_dec = xalloc(s->features * sizeof *s->w_dec, s->d);
		read_matrix(f, "W_dec", s->features, s->d, take_rows, s->w_dec);
	}
	if (use.scaled)
		decoder_norms(s, f);
	archive_close(f);
	free(full);
	free(folder);
	free(file);
	return s;
}

void sae_close(struct sae *s)
{
	free(s->name);
	free(s->w_enc);
	free(s->b_enc);
	free(s->threshold);
	free(s->w_dec);
	free(s->b_dec);
	free(s->scale);
	free(s);
}

struct encoder sae_encoder(const struct sae *s)
{
	return (struct encoder){
		.d = s->d, .features = s->features,
		.w_enc = s->w_enc, .b_enc = s->b_enc, .scale = s->scale,
		.threshold = s->architecture == SAE_JUMPRELU ? s->threshold : NULL, .k = s->k,
	};
}
