#include "match/page_features.h"

#include "base/die.h"
#include "base/spelled.h"

#include <stdlib.h>
#include <string.h>

static bool agree(const struct page_dictionary *d, const char *const origin[ORIGINS])
{
	for (size_t k = 0; k < ORIGINS; k++)
		if (d->origin[k] && origin[k] && strcmp(d->origin[k], origin[k]) != 0)
			return false;
	return true;
}

size_t page_dictionary(struct page_features *p, const char *layer,
	const char *const origin[ORIGINS], int side, bool add)
{
	size_t at = 0;

	side = p->apart ? side : 0;
	while (at < p->dictionaries && (p->dictionary[at].side != side
			|| strcmp(p->dictionary[at].layer, layer) != 0
			|| !agree(&p->dictionary[at], origin)))
		at++;
	if (at == p->dictionaries && !add)
		return SIZE_MAX;
	if (at == p->dictionaries) {
		p->dictionary = xrealloc(p->dictionary, at + 1, sizeof *p->dictionary);
		p->dictionary[p->dictionaries++] = (struct page_dictionary){.layer = layer,
			.side = side};
	}
	for (size_t k = 0; k < ORIGINS && add; k++)
		if (!p->dictionary[at].origin[k])
			p->dictionary[at].origin[k] = origin[k];
	return at;
}

/* The dictionary of id i, which is often that of the id before. */
static size_t dictionary_at(struct page_features *p, const struct ids *ids, size_t i, int side,
	size_t before, bool add)
{
	if (i > 0 && (ids->layer[i] == ids->layer[i - 1]
			|| strcmp(ids->layer[i], ids->layer[i - 1]) == 0))
		return before;
	return page_dictionary(p, ids->layer[i], ids->origin, side, add);
}

void page_add_one(struct page_features *p, size_t dictionary, uint32_t feature)
{
	struct page_dictionary *d = &p->dictionary[dictionary];

	if (d->n == d->room) {
		d->room = 2 * d->room + 64;
		d->feature = xrealloc(d->feature, d->room, sizeof *d->feature);
	}
	d->feature[d->n++] = feature;
}

void page_add(struct page_features *p, const struct ids *ids, int side)
{
	size_t at = 0;

	for (size_t i = 0; i < ids->n; i++) {
		at = dictionary_at(p, ids, i, side, at, true);
		page_add_one(p, at, ids->feature[i]);
	}
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A name is written once for each dictionary, of which a stream can have one for each feature. */
static void bound_names(const struct page_features *p)
{
	struct spelled names = {.entries = p->n};

	for (size_t k = 0; k < p->dictionaries; k++) {
		const struct page_dictionary *d = &p->dictionary[k];
		bool fit = spelled_fits(&names, d->layer);
		for (size_t o = 0; o < ORIGINS; o++)
			fit &= spelled_fits(&names, d->origin[o]);
		if (!fit)
			die("names of layers, models and SAEs of more than %d bytes for each of "
				"%zu features", SPELLED, p->n);
	}
}

void page_number(struct page_features *p)
{
	p->n = 0;
	for (size_t k = 0; k < p->dictionaries; k++) {
		struct page_dictionary *d = &p->dictionary[k];
		size_t n = 0;
		if (d->n > 0)
			qsort(d->feature, d->n, sizeof *d->feature, ascending);
		for (size_t i = 0; i < d->n; i++)
			if (n == 0 || d->feature[i] != d->feature[n - 1])
				d->feature[n++] = d->feature[i];
		d->n = n;
		d->first = p->n;
		p->n += n;
	}
	bound_names(p);
}

uint32_t page_feature(const struct page_features *p, size_t dictionary, uint32_t feature)
{
	const struct page_dictionary *d = &p->dictionary[dictionary];
	const uint32_t *found = d->n == 0 ? NULL
		: bsearch(&feature, d->feature, d->n, sizeof feature, ascending);

	return found ? (uint32_t)(d->first + (size_t)(found - d->feature)) : NO_FEATURE;
}

uint32_t *page_numbers(struct page_features *p, const struct ids *ids, int side)
{
	uint32_t *number = xalloc(ids->n, sizeof *number);
	size_t at = 0;

	for (size_t i = 0; i < ids->n; i++) {
		at = dictionary_at(p, ids, i, side, at, false);
		number[i] = page_feature(p, at, ids->feature[i]);
	}
	return number;
}

void page_features_free(struct page_features *p)
{
	for (size_t k = 0; k < p->dictionaries; k++)
		free(p->dictionary[k].feature);
	free(p->dictionary);
	*p = (struct page_features){0};
}
