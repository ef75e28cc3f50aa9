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

struct latents {
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

static void open_split(struct latents *l, struct split *s)
{
	s->file = archive_open(s->path);
	s->locations = required(s, "locations", 2);
	s->activations = required(s, "activations", 1);
	struct array vocab = required(s, "tokens", 2);
	if (s->locations.shape[1] != 3 || s->locations.shape[0] != s->activations.shape[0])
		die("%s: %zu locations of %zu numbers and %zu activations", s->path, s->locations.shape[0],
			s->locations.shape[1], s->activations.shape[0]);
	if (s > l->split && (vocab.shape[1] != l->context || array_count(&vocab) != l->tokens))
		die("%s: tokens of another shape than in %s", s->path, l->split[0].path);
	l->vocab = vocab;
	l->context = vocab.shape[1];
	l->tokens = array_count(&vocab);
	if (l->tokens > UINT32_MAX)
		die("%s: %zu tokens: 4294967295 is the most", s->path, l->tokens);
}

struct latents *latents_open(const char *folder)
{
	struct latents *l = xcalloc(1, sizeof *l);
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
		l->split = xrealloc(l->split, l->splits + 1, sizeof s);
		l->split[l->splits++] = s;
	}
	closedir(dir);
	if (l->splits == 0)
		die("%s: holds no files A_B.safetensors of a delphi cache", folder);
	qsort(l->split, l->splits, sizeof *l->split, by_first);
	for (size_t i = 0; i < l->splits; next = l->split[i++].last + 1) {
		if (l->split[i].first != next || l->split[i].last < next || l->split[i].last >= UINT32_MAX)
			die("%s: latents from %zu on, where %zu is next", l->split[i].path, l->split[i].first,
				next);
		open_split(l, &l->split[i]);
	}
	return l;
}

void latents_close(struct latents *l)
{
	for (size_t i = 0; i < l->splits; i++) {
		archive_close(l->split[i].file);
		free(l->split[i].path);
	}
	free(l->split);
	free(l);
}

size_t latents_features(const struct latents *l)
{
	return l->split[l->splits - 1].last + 1;
}

size_t latents_tokens(const struct latents *l)
{
	return l->tokens;
}

size_t latents_context(const struct latents *l)
{
	return l->context;
}

const struct array *latents_vocab(const struct latents *l)
{
	return &l->vocab;
}

static size_t location(const struct split *s, size_t at, size_t column)
{
	double x = sm_to_double(s->locations.data, s->locations.dtype, 3 * at + column);

	if (!(x >= 0 && x <= UINT32_MAX))
		die("%s: location %zu is out of range", s->path, at);
	return (size_t)x;
}

void latents_token(struct latents *l, size_t token,
	void (*hit)(uint32_t feature, float value, void *user), void *user)
{
	for (struct split *s = l->split; s < l->split + l->splits; s++) {
		for (; s->at < s->locations.shape[0]; s->at++) {
			size_t sequence = location(s, s->at, 0), position = location(s, s->at, 1);
			size_t latent = s->first + location(s, s->at, 2);
			if (position >= l->context || sequence >= l->tokens / l->context || latent > s->last)
				die("%s: location %zu is out of range", s->path, s->at);
			size_t t = sequence * l->context + position;
			if (s->at > 0 && (t < s->token || (t == s->token && latent <= s->latent)))
				die("%s: location %zu is out of order", s->path, s->at);
			if (t > token)
				break;
			s->token = t;
			s->latent = latent;
			float value = (float)sm_to_double(s->activations.data, s->activations.dtype, s->at);
			if (!isfinite(value))
				die("%s: activation %zu is not finite", s->path, s->at);
			if (t == token)
				hit((uint32_t)latent, value, user);
		}
	}
}
