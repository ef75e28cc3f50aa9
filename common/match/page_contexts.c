#include "match/page_contexts.h"

#include "base/die.h"
#include "base/pool.h"
#include "stream/contexts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOT_SHOWN UINT32_MAX

/* Where a feature is: in a stream; NULL: it is in none. */
struct place {
	const struct contexts *stream;
	size_t i;
	uint32_t *first;	/* its first context on the page, which models may share */
};

struct page_contexts {
	struct context_streams side[2];
	uint32_t **shown[2];		/* of each stream, of each feature: its first on the page */
	size_t n, contexts, tokens, words;
	struct place *place;		/* (n): of the page's features */
	/* What is shown. */
	uint32_t *first, *own;		/* (n): a feature's first context, and how many it has;
					 * in order of those that are the first to show them */
	const struct contexts **of;	/* (contexts): the stream, ... */
	uint32_t *at;			/* ... and which context of it */
	uint32_t *begin, *id;		/* (contexts + 1); (tokens): numbers of words */
	uint8_t *value;			/* (tokens): 255 is the feature's largest */
	const char **word;		/* (words): texts of tokens */
	struct pool memory;
};

/* -- What is shown ----------------------------------------------------------------------------- */

/* Looks for a feature in the columns' own streams, or in those of all. */
static struct place find_place(const struct page_contexts *c, const struct page_dictionary *d,
	uint32_t feature)
{
	int side = d->side && c->side[1].n > 0;
	const struct context_streams *s = &c->side[side];
	size_t i, stream = context_streams_find(s, d->layer, d->origin[OF_MODEL],
		d->origin[OF_SAE], feature, &i);

	if (stream == SIZE_MAX)
		return (struct place){0};
	return (struct place){&s->item[stream], i, &c->shown[side][stream][i]};
}

/* Is feature i the first to show its contexts, of which n are shown by those before? */
static bool shows(const struct page_contexts *c, size_t i, size_t n)
{
	return c->own[i] > 0 && c->first[i] == n;
}

static void number_contexts(struct page_contexts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct place *p = &c->place[i];
		c->first[i] = (uint32_t)c->contexts;
		c->own[i] = 0;
		if (!p->stream)
			continue;
		uint32_t from = p->stream->indptr[p->i], to = p->stream->indptr[p->i + 1];
		c->own[i] = to - from;
		if (*p->first == NOT_SHOWN) {
			*p->first = (uint32_t)c->contexts;
			c->contexts += to - from;
			c->tokens += p->stream->begin[to] - p->stream->begin[from];
		}
		c->first[i] = *p->first;
	}
}

static void choose(struct page_contexts *c)
{
	struct pool *m = &c->memory;

	number_contexts(c);
	c->of = pool_alloc(m, c->contexts, sizeof(struct contexts *));
	c->at = pool_alloc(m, c->contexts, sizeof *c->at);
	c->begin = pool_calloc(m, c->contexts + 1, sizeof *c->begin);
	c->id = pool_alloc(m, c->tokens, sizeof *c->id);
	c->value = pool_alloc(m, c->tokens, sizeof *c->value);
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct place *p = &c->place[i];
		uint32_t own = shows(c, i, n) ? c->own[i] : 0;
		for (uint32_t k = 0; k < own; k++) {
			c->of[n] = p->stream;
			c->at[n++] = p->stream->indptr[p->i] + k;
		}
	}
}

/* What fires is seen, however weakly. */
static uint8_t shade(float share)
{
	return !(share > 0) ? 0 : share >= 1 ? 255 : (uint8_t)(1 + share * 254);
}

/* -- Texts of tokens --------------------------------------------------------------------------- */

/* An id of a stream, or its text. */
struct token {
	const struct contexts *stream;
	uint32_t id, place;		/* place: among all tokens */
	const char *text;
};

static int by_id(const void *a, const void *b)
{
	const struct token *x = a, *y = b;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct token *)a)->text, ((const struct token *)b)->text);
}

/* Numbers the ids of each stream; list gets each once, with its text: without one, the id in
 * brackets. Returns how many there are. */
static size_t number_ids(struct page_contexts *c, struct token *list)
{
	size_t n = 0;

	qsort(list, c->tokens, sizeof *list, by_id);
	for (size_t i = 0; i < c->tokens; i++) {
		if (n == 0 || by_id(&list[n - 1], &list[i]) != 0) {
			const char *text = contexts_text(list[i].stream, list[i].id);
			list[n] = (struct token){list[i].stream, list[i].id, list[i].place, text
				? text : pool_keep(&c->memory, xasprintf("[%u]", list[i].id))};
			c->id[list[n].place] = (uint32_t)n;
			n++;
		} else
			c->id[list[i].place] = (uint32_t)n - 1;
	}
	return n;
}

/* The texts of all tokens, each once, and every token's number among them. */
static void number_words(struct page_contexts *c)
{
	struct token *list = xalloc(c->tokens, sizeof *list);
	size_t at = 0;

	for (size_t k = 0; k < c->contexts; k++)
		for (size_t t = c->of[k]->begin[c->at[k]]; t < c->of[k]->begin[c->at[k] + 1]; t++) {
			list[at] = (struct token){c->of[k], c->of[k]->id[t], (uint32_t)at, NULL};
			at++;
		}
	size_t n = number_ids(c, list);
	uint32_t *word = xalloc(n, sizeof *word);
	for (size_t i = 0; i < n; i++)
		list[i].place = (uint32_t)i;
	qsort(list, n, sizeof *list, by_text);
	c->word = pool_alloc(&c->memory, n, sizeof *c->word);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_text(&list[i - 1], &list[i]) != 0)
			c->word[c->words++] = list[i].text;
		word[list[i].place] = (uint32_t)c->words - 1;
	}
	for (size_t i = 0; i < c->tokens; i++)
		c->id[i] = word[c->id[i]];
	free(word);
	free(list);
}

/* -- Reading and writing ----------------------------------------------------------------------- */

/* Streams of which the page has no feature, which a path to the SAE can be the reason of. */
static void tell_unused(const struct page_contexts *c)
{
	for (int side = 0; side < 2; side++)
		for (size_t k = 0; k < c->side[side].n; k++) {
			const struct contexts *s = &c->side[side].item[k];
			bool used = s->features == 0;
			for (size_t i = 0; i < c->n && !used; i++)
				used = c->place[i].stream == s;
			if (!used)
				note("the page has no feature of these contexts: layer %s, model "
					"%s, SAE %s", s->layer, s->model ? s->model : "unknown",
					s->sae ? s->sae : "unknown");
		}
}

static uint32_t **none_shown(const struct context_streams *s, struct pool *m)
{
	uint32_t **shown = pool_alloc(m, s->n, sizeof *shown);

	for (size_t k = 0; k < s->n; k++) {
		shown[k] = pool_alloc(m, s->item[k].features, sizeof *shown[k]);
		for (size_t i = 0; i < s->item[k].features; i++)
			shown[k][i] = NOT_SHOWN;
	}
	return shown;
}

struct page_contexts *page_contexts_read(const struct list files[2],
	const struct page_features *p)
{
	struct page_contexts *c = xcalloc(1, sizeof *c);

	c->n = p->n;
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < files[side].n; i++)
			read_contexts(files[side].item[i], &c->side[side]);
	for (int side = 0; side < 2; side++)
		c->shown[side] = none_shown(&c->side[side], &c->memory);
	c->place = pool_alloc(&c->memory, p->n, sizeof *c->place);
	c->first = pool_alloc(&c->memory, p->n, sizeof *c->first);
	c->own = pool_alloc(&c->memory, p->n, sizeof *c->own);
	for (size_t k = 0; k < p->dictionaries; k++)
		for (size_t i = 0; i < p->dictionary[k].n; i++)
			c->place[p->dictionary[k].first + i] = find_place(c, &p->dictionary[k],
				p->dictionary[k].feature[i]);
	tell_unused(c);
	choose(c);
	number_words(c);
	return c;
}

/* The shades of the tokens, and where each context begins. */
static void shade_tokens(struct page_contexts *c)
{
	size_t at = 0;

	for (size_t i = 0, n = 0; i < c->n; i++) {
		size_t end = n + (shows(c, i, n) ? c->own[i] : 0);
		for (; n < end; n++) {
			const struct contexts *s = c->of[n];
			float max = s->max[c->place[i].i];
			for (size_t t = s->begin[c->at[n]]; t < s->begin[c->at[n] + 1]; t++)
				c->value[at++] = shade(s->value[t] / max);
			c->begin[n + 1] = (uint32_t)at;
		}
	}
}

/* A number of every feature: which, of its stream's columns; NaN where it has none. */
static void write_measure(struct html *h, const char *key, const struct page_contexts *c,
	size_t offset)
{
	float *x = xalloc(c->n, sizeof *x);

	for (size_t i = 0; i < c->n; i++) {
		const struct place *p = &c->place[i];
		x[i] = p->stream ? (*(float *const *)((const char *)p->stream + offset))[p->i]
			: NAN;
	}
	html_floats(h, key, x, c->n);
	free(x);
}

/* A number of every context. */
static void write_contexts_column(struct html *h, const char *key, const struct page_contexts *c,
	size_t offset)
{
	uint32_t *x = xalloc(c->contexts, sizeof *x);

	for (size_t k = 0; k < c->contexts; k++)
		x[k] = (*(uint32_t *const *)((const char *)c->of[k] + offset))[c->at[k]];
	html_naturals(h, key, x, c->contexts);
	free(x);
}

void page_contexts_write(struct html *h, const char *key, struct page_contexts *c)
{
	uint32_t *range = xalloc(c->contexts, sizeof *range);

	shade_tokens(c);
	for (size_t k = 0; k < c->contexts; k++)
		range[k] = c->of[k]->range[c->at[k]];
	html_open(h, key, '{');
	write_measure(h, "density", c, offsetof(struct contexts, density));
	write_measure(h, "mean", c, offsetof(struct contexts, mean));
	write_measure(h, "max", c, offsetof(struct contexts, max));
	html_naturals(h, "first", c->first, c->n);
	html_naturals(h, "contexts", c->own, c->n);
	html_naturals(h, "range", range, c->contexts);
	write_contexts_column(h, "token", c, offsetof(struct contexts, token));
	write_contexts_column(h, "at", c, offsetof(struct contexts, at));
	html_naturals(h, "begin", c->begin, c->contexts + 1);
	html_naturals(h, "id", c->id, c->tokens);
	html_octets(h, "value", c->value, c->tokens);
	html_texts(h, "text", c->word, c->words);
	html_close(h, '}');
	free(range);
}

void page_contexts_free(struct page_contexts *c)
{
	context_streams_free(&c->side[0]);
	context_streams_free(&c->side[1]);
	pool_free(&c->memory);
	free(c);
}
