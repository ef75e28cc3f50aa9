/* A map of the features that a page of matchings shows: their mean points on two axes. */
#ifndef MATCH_PAGE_MAP_H
#define MATCH_PAGE_MAP_H

#include "base/html.h"
#include "base/opt.h"
#include "match/page_features.h"

struct page_map {
	size_t n, known;	/* the page's features; how many of them have points */
	float *at[2];		/* (n): the coordinates; NaN: not known */
	double share[2];	/* of the variance of all mean points, that an axis holds */
	char *space;		/* of the points; NULL: there are none */
};

/* Reads streams of distributions, which have to be of one space. The axes are the two of largest
 * variance of the mean points m_i = sum_k w_k x_k of the page's features (Pearson 1901). */
struct page_map page_map_read(const struct list *files, struct page_features *);
void page_map_write(struct html *, const char *key, const struct page_map *);
void page_map_free(struct page_map *);

#endif
