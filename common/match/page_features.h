/* The features that a page of matchings shows, numbered: dictionary by dictionary, ascending. */
#ifndef MATCH_PAGE_FEATURES_H
#define MATCH_PAGE_FEATURES_H

#include "stream/distances.h"

/* A layer's name, which means one dictionary as far as models and SAEs that are known agree; and,
 * where sides are apart, on one side. */
struct page_dictionary {
	const char *layer, *origin[ORIGINS];
	int side;
	size_t n, room, first;		/* features; the number of the first */
	uint32_t *feature;
};

struct page_features {
	bool apart;		/* a layer's name means another dictionary for columns, side 1 */
	size_t dictionaries, n;
	struct page_dictionary *dictionary;
};

/* First all features are added; then they are numbered; then their numbers are asked for. Names are
 * kept as pointers. */
void page_add(struct page_features *, const struct ids *, int side);
void page_add_one(struct page_features *, size_t dictionary, uint32_t feature);
void page_number(struct page_features *);
void page_features_free(struct page_features *);

/* The place of a dictionary, which is added when there is none; SIZE_MAX unless `add`. */
size_t page_dictionary(struct page_features *, const char *layer,
	const char *const origin[ORIGINS], int side, bool add);

#define NO_FEATURE UINT32_MAX
uint32_t page_feature(const struct page_features *, size_t dictionary, uint32_t feature);
/* Those of (n) ids that were added, to free(). */
uint32_t *page_numbers(struct page_features *, const struct ids *, int side);

#endif
