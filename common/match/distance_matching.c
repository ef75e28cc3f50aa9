#include "match/distance_matching.h"

#include "base/die.h"
#include "kernel/assign.h"
#include "match/certify.h"
#include "match/chance.h"

#include <math.h>
#include <stdlib.h>

static double ceiling(const struct distance_matching *m, const struct sm_reader *in)
{
	const struct matching_options *o = m->options;

	if (!isnan(o->most.number))
		return o->maximize ? -o->most.number : o->most.number;
	if (isnan(o->most.chance) || m->d.row.n == 0)
		return INFINITY;
	if (m->seconds == 0)
		sm_bad(in, "--max-cost chance needs the two nearest columns of each row");
	return (double)chance_ceiling(m->second, m->seconds, o->most.chance);
}

void distance_matching_read(struct distance_matching *m, const struct matching_options *options,
	struct sm_reader *in, const struct sm_frame *header, unsigned wide)
{
	struct distances *d = &m->d;

	*m = (struct distance_matching){.options = options};
	read_distances(in, header, d, NEAREST | wide | (options->maximize ? SIMILARITIES : 0));
	if (d->row.n > 0 && same_ids(&d->row, &d->col))
		note("%s: rows and columns are the same features: each is its own match",
			sm_reader_name(in));
	if (options->certified_only && !d->error && d->row.n > 0)
		sm_bad(in, "--certified needs distances with their errors: "
			"--error of the distance stage");
	m->second = xalloc(d->row.n, sizeof *m->second);
	m->seconds = second_nearest(m->second, d);
	m->ceiling = ceiling(m, in);
	m->col_of = xalloc(d->row.n, sizeof *m->col_of);
	m->paid = xalloc(d->row.n, sizeof *m->paid);
	m->margin = xalloc(d->row.n, sizeof *m->margin);
	m->pairs = pair_list_open(d->row.n);
	m->pairs.chances = m->seconds > 0;
	m->pairs.errors = m->pairs.verdicts = d->error != NULL;
}

void distance_matching_free(struct distance_matching *m)
{
	free(m->col_of);
	free(m->paid);
	free(m->margin);
	free(m->second);
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
		pair.chance = m->seconds
			? share_as_near(m->second, m->seconds, (float)m->paid[i]) : 0;
		certified += pair.certified;
		if (pair.certified || !o->certified_only)
			pair_list_add(&m->pairs, &d->row, &d->col, &pair);
	}
	sm_set_string(header, "kind", "matching");
	sm_set_string(header, "method", method);
	if (m->ceiling < INFINITY)
		sm_set_real(header, "max_cost", o->maximize ? -m->ceiling : m->ceiling);
	sm_set_integer(header, "matched", (int64_t)m->pairs.n);
	sm_set_real(header, "total", m->pairs.total);
	if (d->error)
		sm_set_integer(header, "certified", (int64_t)certified);
}

void distance_matching_write(const struct distance_matching *m, struct sm_writer *out,
	struct sm_frame *rest)
{
	const struct sm_field *random = sm_find_field(&m->d.ids, "random");

	if (m->seconds > 0)
		sm_set_tensor(rest, "second", SM_F4, m->second, m->seconds);
	if (random && random->kind == SM_TENSOR && random->tensor.rank == 1)
		sm_set_tensor(rest, "random", random->tensor.dtype, random->tensor.data,
			random->tensor.shape[0]);
	pair_list_write(out, &m->pairs, &m->d.row, &m->d.col, rest);
	sm_write_end(out);
}
