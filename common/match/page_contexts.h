/* Contexts of the features of a page of matchings: those of each feature, as columns. */
#ifndef MATCH_PAGE_CONTEXTS_H
#define MATCH_PAGE_CONTEXTS_H

#include "base/html.h"
#include "base/opt.h"
#include "match/page_features.h"

struct page_contexts;

/* Reads the files of the rows, and of the columns where they have some of their own: what they know
 * of the page's features. */
struct page_contexts *page_contexts_read(const struct list files[2],
	const struct page_features *);
void page_contexts_write(struct html *, const char *key, struct page_contexts *);
void page_contexts_free(struct page_contexts *);

#endif
