#include "match/pair_list.h"

#include "base/die.h"

#include <stdlib.h>

struct pair_list pair_list_open(size_t most)
{
	struct pair_list p = {0};
	struct pool *m = &p.memory;

	p.row = pool_alloc(m, most, sizeof *p.row);
	p.col = pool_alloc(m, most, sizeof *p.col);
	p.row_layer = pool_alloc(m, most, sizeof *p.row_layer);
	p.col_layer = pool_alloc(m, most, sizeof *p.col_layer);
	p.row_feature = pool_alloc(m, most, sizeof *p.row_feature);
	p.col_feature = pool_alloc(m, most, sizeof *p.col_feature);
	p.cost = pool_alloc(m, most, sizeof *p.cost);
	p.margin = pool_alloc(m, most, sizeof *p.margin);
	p.chance = pool_alloc(m, most, sizeof *p.chance);
	p.error = pool_alloc(m, most, sizeof *p.error);
	p.certified = pool_alloc(m, most, sizeof *p.certified);
	return p;
}

void pair_list_free(struct pair_list *p)
{
	pool_free(&p->memory);
	*p = (struct pair_list){0};
}

void pair_list_add(struct pair_list *p, const struct ids *row, const struct ids *col,
	const struct pair *new)
{
	size_t k = p->n++;

	p->row[k] = (uint32_t)new->row;
	p->col[k] = (uint32_t)new->col;
	p->row_layer[k] = row->layer[new->row];
	p->col_layer[k] = col->layer[new->col];
	p->row_feature[k] = row->feature[new->row];
	p->col_feature[k] = col->feature[new->col];
	p->cost[k] = (float)new->cost;
	p->margin[k] = new->margin;
	p->chance[k] = new->chance;
	p->error[k] = new->error;
	p->certified[k] = new->certified;
	p->total += new->cost;
}

struct matching pair_list_matching(const struct pair_list *p)
{
	return (struct matching){
		.row = {.n = p->n, .layer = p->row_layer, .feature = p->row_feature},
		.col = {.n = p->n, .layer = p->col_layer, .feature = p->col_feature},
		.cost = p->cost,
		.margin = p->margin,
		.chance = p->chances ? p->chance : NULL,
		.error = p->errors ? p->error : NULL,
		.certified = p->verdicts ? p->certified : NULL,
	};
}

/* Those of `all` that are at none of the n places; for ids_free(). */
static struct ids others(const struct ids *all, const uint32_t *place, size_t n)
{
	bool *taken = xcalloc(all->n, sizeof *taken);
	struct ids left = {0};

	ids_room(&left, all->n, false);
	for (size_t i = 0; i < n; i++)
		taken[place[i]] = true;
	for (size_t i = 0; i < all->n; i++)
		if (!taken[i]) {
			left.own.layer[left.n] = all->layer[i];
			left.own.feature[left.n++] = all->feature[i];
		}
	free(taken);
	return left;
}

void pair_list_write(struct sm_writer *out, const struct pair_list *p, const struct ids *row,
	const struct ids *col, struct sm_frame *rest)
{
	struct matching m = pair_list_matching(p);

	m.free_row = others(row, p->row, p->n);
	m.free_col = others(col, p->col, p->n);
	m.rest = *rest;
	*rest = (struct sm_frame){0};
	write_matching(out, &m, p->row, p->col);
	ids_free(&m.free_row);
	ids_free(&m.free_col);
	matching_free(&m);
}
