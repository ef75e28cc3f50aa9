#include "match/page_nearest.h"

#include "base/die.h"
#include "kernel/k_nearest.h"

#include <math.h>
#include <stdlib.h>

static void keep(struct page_nearest *n, int side, size_t i, float dist, uint32_t j)
{
	size_t k = n->k[side];
	float *of = n->dist[side] + i * k;
	uint32_t *at = n->at[side] + i * k;

	if (k > 0 && k_nearest_nearer(of, at, dist, j))
		k_nearest_replace(of, at, k, dist, j);
}

static void take_nearest(struct page_nearest *n, const struct distances *d, size_t most)
{
	for (int side = 0; side < 2; side++) {
		size_t own = side ? d->col.n : d->row.n, other = side ? d->row.n : d->col.n;
		size_t k = n->k[side] = most < other ? most : other;
		n->at[side] = xalloc(own * k, sizeof *n->at[side]);
		n->dist[side] = xalloc(own * k, sizeof *n->dist[side]);
		for (size_t i = 0; i < own && k > 0; i++)
			k_nearest_begin(n->dist[side] + i * k, n->at[side] + i * k, k);
	}
	for (size_t i = 0; i < d->row.n; i++)
		for (size_t e = 0; e < d->k; e++) {
			size_t j = d->at ? d->at[i * d->k + e] : e;
			float dist = d->dist[i * d->k + e];
			if (dist == INFINITY)
				continue;
			keep(n, 0, i, dist, (uint32_t)j);
			keep(n, 1, j, dist, (uint32_t)i);
		}
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < (side ? d->col.n : d->row.n) && n->k[side] > 0; i++)
			k_nearest_sort(n->dist[side] + i * n->k[side], n->at[side] + i * n->k[side],
				n->k[side]);
}

void page_nearest_read(struct page_nearest_list *list, const struct list *files, size_t most,
	struct page_features *p)
{
	for (size_t i = 0; i < files->n; i++) {
		struct sm_reader *in = sm_reader_open(files->item[i]);
		struct page_nearest n = {0};
		for (; sm_read_header(in, &n.header); n = (struct page_nearest){0}) {
			struct distances *d = &n.names;
			read_distances(in, &n.header, d, NEAREST);
			take_nearest(&n, d, most);
			free(d->dist);
			free(d->at);
			d->dist = NULL;
			d->at = NULL;
			page_add(p, &d->row, 0);
			page_add(p, &d->col, 1);
			list->item = xrealloc(list->item, list->n + 1, sizeof *list->item);
			list->item[list->n++] = n;
		}
		sm_frame_free(&n.header);
		sm_reader_close(in);
	}
}

/* The features of one side, and the k nearest of each; NO_FEATURE fills up. */
static void write_side(struct html *h, const struct page_nearest *n, int side,
	const uint32_t *const number[2])
{
	size_t own = side ? n->names.col.n : n->names.row.n, k = n->k[side];
	uint32_t *near = xalloc(own * k, sizeof *near);

	for (size_t i = 0; i < own * k; i++)
		near[i] = n->at[side][i] == UINT32_MAX ? NO_FEATURE : number[!side][n->at[side][i]];
	html_open(h, side ? "col" : "row", '{');
	html_integer(h, "k", (int64_t)k);
	html_naturals(h, "feature", number[side], own);
	html_naturals(h, "near", near, own * k);
	html_floats(h, "dist", n->dist[side], own * k);
	html_close(h, '}');
	free(near);
}

void page_nearest_write(struct html *h, const char *key, const struct page_nearest_list *list,
	struct page_features *p)
{
	html_open(h, key, '[');
	for (size_t i = 0; i < list->n; i++) {
		const struct page_nearest *n = &list->item[i];
		uint32_t *row = page_numbers(p, &n->names.row, 0);
		uint32_t *col = page_numbers(p, &n->names.col, 1);
		html_open(h, NULL, '{');
		write_side(h, n, 0, (const uint32_t *const[]){row, col});
		write_side(h, n, 1, (const uint32_t *const[]){row, col});
		html_close(h, '}');
		free(row);
		free(col);
	}
	html_close(h, ']');
}

void page_nearest_free(struct page_nearest_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct page_nearest *n = &list->item[i];
		sm_frame_free(&n->header);
		distances_free(&n->names);
		for (int side = 0; side < 2; side++) {
			free(n->at[side]);
			free(n->dist[side]);
		}
	}
	free(list->item);
	*list = (struct page_nearest_list){0};
}
