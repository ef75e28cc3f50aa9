/* What a page of matchings shows: a matching, or a flow. */
#ifndef MATCH_PAGE_VIEW_H
#define MATCH_PAGE_VIEW_H

#include "base/html.h"
#include "match/page_features.h"
#include "stream/matching.h"

enum { FLOW_FRAMES = 4 };

struct page_view {
	struct sm_frame header;
	bool flow;
	struct matching match;			/* of a matching */
	struct scale {
		const float *at;		/* (n), ascending */
		size_t n;
	} second, random;			/* what chances are from; of random pairs */
	struct sm_frame frame[FLOW_FRAMES];	/* of a flow: layers, pairs, chains, merges */
	size_t frames;
	size_t *dictionary;			/* (layers): of a flow */
};

struct page_views {
	size_t n;
	struct page_view *item;
};

/* Reads all the streams of the operands, and adds their features. */
void page_views_read(struct page_views *, char *const *operand, struct page_features *);
void page_views_write(struct html *, const char *key, const struct page_views *,
	struct page_features *);
void page_views_free(struct page_views *);

#endif
