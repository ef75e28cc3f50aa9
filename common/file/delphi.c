#include "file/delphi.h"

#include "base/die.h"
#include "base/input.h"
#include "file/folder.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELEASE = 1 << 20 };	/* activations after which pages are let go */

struct split {
	struct archive *file;
	char *path;
	size_t first, last;		/* latents */
	struct array locations, activations;
	size_t at, token, latent;	/* the next entry, and what the one before is about */
};

struct delphi {
	const char *path;
	struct split *split;
	size_t splits, tokens, context;
	struct array vocab;
};

/* -- Which files ------------------------------------------------------------------------------- */

/* Is it named A_B.safetensors? */
static bool is_split(const char *name, struct split *s)
{
	int end = 0;

	return sscanf(name, "%zu_%zu.safetensors%n", &s->first, &s->last, &end) == 2 && end > 0
		&& !name[end];
}

static bool holds(struct archive *f, const char *key)
{
	size_t n;
	char **name = archive_keys(f, &n);
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		found |= strcmp(name[i], key) == 0;
		free(name[i]);
	}
	free(name);
	return found;
}

static void add_split(struct delphi *c, const char *folder, const char *name, struct split s)
{
	s.path = folder ? xasprintf("%s/%s", folder, name) : xasprintf("%s", name);
	c->split = xrealloc(c->split, c->splits + 1, sizeof s);
	c->split[c->splits++] = s;
}

static int by_first(const void *a, const void *b)
{
	const struct split *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* The splits of a folder in order. */
static void find_splits(struct delphi *c, const char *folder)
{
	DIR *dir = folder_open(folder);

	if (!dir)
		die("%s: %s", folder, error_text(errno));
	for (struct dirent *e; (e = folder_next(dir, folder)); ) {
		struct split s = {0};
		if (is_split(e->d_name, &s))
			add_split(c, folder, e->d_name, s);
	}
	closedir(dir);
	if (c->splits > 0)
		qsort(c->split, c->splits, sizeof *c->split, by_first);
}

/* A folder without splits: names the caches in it, if there are any. */
static _Noreturn void die_without_splits(const char *folder)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, NULL, alphasort);
	if (n < 0)
		die("%s: %s", folder, error_text(errno));
	char *caches = NULL;

	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", folder, entry[i]->d_name);
		struct delphi within = {0};
		const char *dot = strrchr(entry[i]->d_name, '.');
		if (is_folder(path) && entry[i]->d_name[0] != '.')
			find_splits(&within, path);
		if (within.splits > 0 || (dot && strcmp(dot, ".safetensors") == 0))
			caches = caches ? xasprintf("%s, %s", caches, path)
				: xasprintf("%s", path);
	}
	if (caches)
		die("%s: a folder of caches, each of one layer: name one of %s", folder, caches);
	die("%s: holds no files A_B.safetensors of a delphi cache", folder);
}

/* -- What is in them --------------------------------------------------------------------------- */

static struct array required(struct split *s, const char *key, size_t rank)
{
	struct array a;

	if (!archive_find(s->file, key, &a))
		die("%s: no %s: not a file of a delphi cache", s->path, key);
	if (a.rank != rank)
		die("%s: %s has %zu dimensions, not %zu", s->path, key, a.rank, rank);
	return a;
}

static void open_split(struct delphi *c, struct split *s)
{
	struct array vocab = {0};

	s->file = archive_open(s->path);
	s->locations = required(s, "locations", 2);
	s->activations = required(s, "activations", 1);
	if (holds(s->file, "tokens"))
		vocab = required(s, "tokens", 2);
	if (s->locations.shape[1] != 3 || s->locations.shape[0] != s->activations.shape[0])
		die("%s: %zu locations of %zu numbers and %zu activations", s->path,
			s->locations.shape[0], s->locations.shape[1], s->activations.shape[0]);
	if (s > c->split && (vocab.rank != c->vocab.rank || (vocab.rank > 0
			&& (vocab.shape[0] != c->vocab.shape[0]
			|| vocab.shape[1] != c->vocab.shape[1]))))
		die("%s: tokens of another shape than in %s", s->path, c->split[0].path);
	c->vocab = vocab;
}

static size_t location(const struct split *s, size_t at, size_t column)
{
	double x = sm_to_double(s->locations.data, s->locations.dtype, 3 * at + column);

	if (!(x >= 0 && x <= UINT32_MAX))
		die("%s: location %zu is out of range", s->path, at);
	return (size_t)x;
}

/* cache_ctx_len of config.json in the folder, 0: there is none. */
static size_t configured_context(const char *folder)
{
	char *path = xasprintf("%s/config.json", folder);
	FILE *file = path_exists(path) ? input_open(path) : NULL;
	json_t *config = file ? json_loadf(file, 0, NULL) : NULL;
	json_int_t n = json_integer_value(json_object_get(config, "cache_ctx_len"));

	json_decref(config);
	if (file)
		fclose(file);
	free(path);
	return n > 0 && n <= UINT32_MAX ? (size_t)n : 0;
}

/* Of a cache without tokens: locations ascend, so that the last ones tell how many there are. */
static void count_tokens(struct delphi *c, size_t context)
{
	size_t sequences = 0, configured = is_folder(c->path) ? configured_context(c->path) : 0;

	c->context = configured ? configured : context;
	if (c->context == 0)
		die("%s: neither tokens nor a cache_ctx_len in config.json: how long is a "
			"sequence? --context N", c->path);
	for (size_t i = 0; i < c->splits; i++) {
		const struct split *s = &c->split[i];
		size_t n = s->locations.shape[0];
		if (n > 0 && location(s, n - 1, 0) >= sequences)
			sequences = location(s, n - 1, 0) + 1;
	}
	c->tokens = sequences * c->context;
}

/* The largest latent of a file for all, plus one. */
static size_t count_features(const struct split *s)
{
	size_t most = 0;

	for (size_t at = 0; at < s->locations.shape[0]; at++) {
		size_t latent = location(s, at, 2);
		most = latent > most ? latent : most;
		if (at % RELEASE == 0)
			archive_release(s->file);
	}
	note("%s: taken to be of %zu features, by the largest that is active (--width F)",
		s->path, most + 1);
	return most + 1;
}

struct delphi *delphi_open(const char *path, size_t context, size_t features)
{
	struct delphi *c = xcalloc(1, sizeof *c);
	bool folder = is_folder(path);
	size_t next = 0;

	c->path = path;
	if (folder)
		find_splits(c, path);
	else
		add_split(c, NULL, path, (struct split){.last = UINT32_MAX - 1});
	if (c->splits == 0)
		die_without_splits(path);
	for (size_t i = 0; i < c->splits; next = c->split[i++].last + 1) {
		if (c->split[i].first != next || c->split[i].last < next
			|| c->split[i].last >= UINT32_MAX)
			die("%s: latents from %zu on, where %zu is next", c->split[i].path,
				c->split[i].first, next);
		open_split(c, &c->split[i]);
	}
	if (!folder)
		c->split[0].last = (features ? features : count_features(c->split)) - 1;
	if (c->vocab.rank > 0) {
		c->context = c->vocab.shape[1];
		c->tokens = array_count(&c->vocab);
	} else {
		count_tokens(c, context);
	}
	if (c->tokens > UINT32_MAX)
		die("%s: %zu tokens: the limit is 4294967295", c->split[0].path, c->tokens);
	return c;
}

void delphi_close(struct delphi *c)
{
	for (size_t i = 0; i < c->splits; i++) {
		archive_close(c->split[i].file);
		free(c->split[i].path);
	}
	free(c->split);
	free(c);
}

size_t delphi_features(const struct delphi *c)
{
	return c->split[c->splits - 1].last + 1;
}

size_t delphi_tokens(const struct delphi *c)
{
	return c->tokens;
}

size_t delphi_context(const struct delphi *c)
{
	return c->context;
}

const struct array *delphi_vocab(const struct delphi *c)
{
	return &c->vocab;
}

bool delphi_extend(struct delphi *c, size_t tokens)
{
	if (c->vocab.rank > 0 || tokens < c->tokens || tokens % c->context > 0)
		return tokens == c->tokens;
	c->tokens = tokens;
	return true;
}

/* -- The activations --------------------------------------------------------------------------- */

bool delphi_negative(const struct delphi *c)
{
	for (const struct split *s = c->split; s < c->split + c->splits; s++)
		for (size_t at = 0; at < s->activations.shape[0]; at++) {
			if (sm_to_double(s->activations.data, s->activations.dtype, at) < 0)
				return true;
			if (at % RELEASE == 0)
				archive_release(s->file);
		}
	return false;
}

void delphi_token(struct delphi *c, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user)
{
	for (struct split *s = c->split; s < c->split + c->splits; s++) {
		for (; s->at < s->locations.shape[0]; s->at++) {
			size_t sequence = location(s, s->at, 0), position = location(s, s->at, 1);
			size_t latent = s->first + location(s, s->at, 2);
			if (position >= c->context || sequence >= c->tokens / c->context
				|| latent > s->last)
				die("%s: location %zu is out of range", s->path, s->at);
			size_t t = sequence * c->context + position;
			if (s->at > 0 && (t < s->token || (t == s->token && latent <= s->latent)))
				die("%s: location %zu is out of order", s->path, s->at);
			if (t > token)
				break;
			s->token = t;
			s->latent = latent;
			float value = (float)sm_to_double(s->activations.data,
				s->activations.dtype, s->at);
			if (!isfinite(value))
				die("%s: activation %zu is not finite", s->path, s->at);
			if (t == token)
				hit((uint32_t)latent, value, user);
		}
	}
}
