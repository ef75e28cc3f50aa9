#include "match/distance_matching.h"

#include "base/die.h"
#include "kernel/assign.h"
#include "match/certify.h"

#include <math.h>
#include <stdlib.h>

void distance_matching_read(struct distance_matching *m, const struct matching_options *options,
	struct sm_reader *in, const struct sm_frame *header, unsigned wide)
{
	struct distances *d = &m->d;

	*m = (struct distance_matching){.options = options, .ceiling = options->max_cost};
	if (options->maximize && m->ceiling < INFINITY)
		m->ceiling = -m->ceiling;
	read_distances(in, header, d, NEAREST | wide | (options->maximize ? SIMILARITIES : 0));
	if (d->row.n > 0 && same_ids(&d->row, &d->col))
		note("%s: rows and columns are the same features: each is its own match",
			sm_reader_name(in));
	if (options->certified_only && !d->error && d->row.n > 0)
		sm_bad(in, "--certified needs distances with their errors: "
			"--error of the distance stage");
	m->col_of = xalloc(d->row.n, sizeof *m->col_of);
	m->paid = xalloc(d->row.n, sizeof *m->paid);
	m->margin = xalloc(d->row.n, sizeof *m->margin);
	m->pairs = pair_list_open(d->row.n);
	m->pairs.errors = m->pairs.verdicts = d->error != NULL;
}

void distance_matching_free(struct distance_matching *m)
{
	free(m->col_of);
	free(m->paid);
	free(m->margin);
	pair_list_free(&m->pairs);
	distances_free(&m->d);
}

void distance_matching_list(struct distance_matching *m, struct sm_frame *header,
	const char *method)
{
	const struct matching_options *o = m->options;
	const struct distances *d = &m->d;
	size_t certified = 0;

	for (size_t i = 0; i < d->row.n; i++) {
		if (m->col_of[i] == UNASSIGNED || (double)m->paid[i] > m->ceiling)
			continue;
		struct pair pair = {.row = i, .col = m->col_of[i], .margin = (float)m->margin[i]};
		pair.cost = o->maximize ? -(double)m->paid[i] : (double)m->paid[i];
		pair.certified = d->error && certify_pair(&pair.error, d, i, m->col_of[i]);
		certified += pair.certified;
		if (pair.certified || !o->certified_only)
			pair_list_add(&m->pairs, &d->row, &d->col, &pair);
	}
	sm_set_string(header, "kind", "matching");
	sm_set_string(header, "method", method);
	if (o->max_cost < INFINITY)
		sm_set_real(header, "max_cost", o->max_cost);
	sm_set_integer(header, "matched", (int64_t)m->pairs.n);
	sm_set_real(header, "total", m->pairs.total);
	if (d->error)
		sm_set_integer(header, "certified", (int64_t)certified);
}

void distance_matching_write(const struct distance_matching *m, struct sm_writer *out,
	struct sm_frame *rest)
{
	pair_list_write(out, &m->pairs, &m->d.row, &m->d.col, rest);
	sm_write_end(out);
}
