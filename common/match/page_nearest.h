/* Distances as a page of matchings shows them: the nearest of every feature of both sides. */
#ifndef MATCH_PAGE_NEAREST_H
#define MATCH_PAGE_NEAREST_H

#include "base/html.h"
#include "base/opt.h"
#include "match/page_features.h"

struct page_nearest {
	struct sm_frame header;
	struct distances names;		/* without their numbers */
	size_t k[2];
	uint32_t *at[2];		/* (row.n, k): columns, nearest first; (col.n, k): rows */
	float *dist[2];
};

struct page_nearest_list {
	size_t n;
	struct page_nearest *item;
};

/* Reads all the streams of the files, keeps `most` of each feature, and adds the features. */
void page_nearest_read(struct page_nearest_list *, const struct list *files, size_t most,
	struct page_features *);
void page_nearest_write(struct html *, const char *key, const struct page_nearest_list *,
	struct page_features *);
void page_nearest_free(struct page_nearest_list *);

#endif
