#include "file/delphi.h"

#include "base/die.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct split {
	struct archive *file;
	char *path;
	size_t first, last;		/* latents */
	struct array locations, activations;
	size_t at, token, latent;	/* the next entry, and what the one before is about */
};

struct delphi {
	struct split *split;
	size_t splits, tokens, context;
	struct array vocab;
};

static int by_first(const void *a, const void *b)
{
	const struct split *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

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
	s->file = archive_open(s->path);
	s->locations = required(s, "locations", 2);
	s->activations = required(s, "activations", 1);
	struct array vocab = required(s, "tokens", 2);
	if (s->locations.shape[1] != 3 || s->locations.shape[0] != s->activations.shape[0])
		die("%s: %zu locations of %zu numbers and %zu activations", s->path,
			s->locations.shape[0], s->locations.shape[1], s->activations.shape[0]);
	if (s > c->split && (vocab.shape[1] != c->context || array_count(&vocab) != c->tokens))
		die("%s: tokens of another shape than in %s", s->path, c->split[0].path);
	c->vocab = vocab;
	c->context = vocab.shape[1];
	c->tokens = array_count(&vocab);
	if (c->tokens > UINT32_MAX)
		die("%s: %zu tokens: the limit is 4294967295", s->path, c->tokens);
}

struct delphi *delphi_open(const char *folder)
{
	struct delphi *c = xcalloc(1, sizeof *c);
	DIR *dir = opendir(folder);
	size_t next = 0;

	if (!dir)
		die("%s: %s", folder, strerror(errno));
	for (struct dirent *e; (e = readdir(dir)); ) {
		struct split s = {0};
		int end = 0;
		if (sscanf(e->d_name, "%zu_%zu.safetensors%n", &s.first, &s.last, &end) != 2
				|| end == 0 || e->d_name[end])
			continue;
		s.path = xasprintf("%s/%s", folder, e->d_name);
		c->split = xrealloc(c->split, c->splits + 1, sizeof s);
		c->split[c->splits++] = s;
	}
	closedir(dir);
	if (c->splits == 0)
		die("%s: holds no files A_B.safetensors of a delphi cache", folder);
	qsort(c->split, c->splits, sizeof *c->split, by_first);
	for (size_t i = 0; i < c->splits; next = c->split[i++].last + 1) {
		if (c->split[i].first != next || c->split[i].last < next
			|| c->split[i].last >= UINT32_MAX)
			die("%s: latents from %zu on, where %zu is next", c->split[i].path,
				c->split[i].first, next);
		open_split(c, &c->split[i]);
	}
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

static size_t location(const struct split *s, size_t at, size_t column)
{
	double x = sm_to_double(s->locations.data, s->locations.dtype, 3 * at + column);

	if (!(x >= 0 && x <= UINT32_MAX))
		die("%s: location %zu is out of range", s->path, at);
	return (size_t)x;
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
