#include "stream/matching.h"

#include <math.h>
#include <string.h>

static void read_pairs(struct sm_reader *in, struct matching *m)
{
	const struct sm_frame *f = &m->pairs;

	m->row = want_ids(in, f, "row_layer", "row_feature");
	m->col = want_ids(in, f, "col_layer", "col_feature");
	size_t n = m->row.n;
	if (m->col.n != n)
		sm_bad(in, "%zu rows are matched with %zu columns", n, m->col.n);
	m->cost = sm_want(in, f, "cost", SM_F4, &n);
	m->margin = sm_want(in, f, "margin", SM_F4, &n);
	m->chance = sm_find_field(f, "chance") ? sm_want(in, f, "chance", SM_F4, &n) : NULL;
	m->error = sm_find_field(f, "error") ? sm_want(in, f, "error", SM_F4, &n) : NULL;
	if (sm_find_field(f, "certified"))
		m->certified = sm_want(in, f, "certified", SM_U1, &n);
	for (size_t i = 0; i < n; i++)
		if (isnan(m->cost[i]) || isnan(m->margin[i]))
			sm_bad(in, "the cost or the margin of pair %zu is no number", i);
	for (size_t i = 0; i < n && m->chance; i++)
		if (!(m->chance[i] >= 0 && m->chance[i] <= 1))
			sm_bad(in, "the chance of pair %zu is %g", i, (double)m->chance[i]);
}

static void read_rest(struct sm_reader *in, struct matching *m)
{
	if (sm_find_field(&m->rest, "free_row_feature"))
		m->free_row = want_ids(in, &m->rest, "free_row_layer", "free_row_feature");
	if (sm_find_field(&m->rest, "free_col_feature"))
		m->free_col = want_ids(in, &m->rest, "free_col_layer", "free_col_feature");
}

/* A row has one column. A column has one row, too, unless each row takes its nearest. */
static void check_once(struct sm_reader *in, const struct sm_frame *header,
	const struct matching *m)
{
	const char *method = sm_get_string(header, "method", "nearest");
	bool shared = strcmp(method, "nearest") == 0 || strcmp(method, "composed") == 0;

	want_each_once(&m->row, &m->free_row, sm_reader_name(in));
	if (!shared)
		want_each_once(&m->col, &m->free_col, sm_reader_name(in));
}

void read_matching(struct sm_reader *in, const struct sm_frame *header, struct matching *m)
{
	struct sm_frame more = {0};

	*m = (struct matching){0};
	sm_want_kind(in, header, "matching");
	if (!sm_read_frame(in, &m->pairs))		/* an empty stream: no pairs */
		return;
	read_pairs(in, m);
	get_origin(&m->row, header, 0);
	get_origin(&m->col, header, 1);
	if (sm_read_frame(in, &m->rest)) {
		read_rest(in, m);
		if (sm_read_frame(in, &more))
			sm_bad(in, "a third frame, where a matching has two");
		sm_frame_free(&more);
	}
	check_once(in, header, m);
}

void set_pairs(struct sm_frame *f, const struct matching *m)
{
	size_t n = m->row.n;

	set_ids(f, "row_layer", "row_feature", &m->row);
	set_ids(f, "col_layer", "col_feature", &m->col);
	sm_set_tensor(f, "cost", SM_F4, m->cost, n);
	sm_set_tensor(f, "margin", SM_F4, m->margin, n);
	if (m->chance)
		sm_set_tensor(f, "chance", SM_F4, m->chance, n);
	if (m->error)
		sm_set_tensor(f, "error", SM_F4, m->error, n);
	if (m->certified)
		sm_set_tensor(f, "certified", SM_U1, m->certified, n);
}

void write_matching(struct sm_writer *out, struct matching *m, const uint32_t *row,
	const uint32_t *col)
{
	set_pairs(&m->pairs, m);
	sm_set_tensor(&m->pairs, "row", SM_U4, row, m->row.n);
	sm_set_tensor(&m->pairs, "col", SM_U4, col, m->row.n);
	sm_write_frame(out, &m->pairs);
	set_ids(&m->rest, "free_row_layer", "free_row_feature", &m->free_row);
	set_ids(&m->rest, "free_col_layer", "free_col_feature", &m->free_col);
	sm_write_frame(out, &m->rest);
}

void matching_free(struct matching *m)
{
	sm_frame_free(&m->pairs);
	sm_frame_free(&m->rest);
	*m = (struct matching){0};
}
