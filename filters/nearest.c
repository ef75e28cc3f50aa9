/* Distances to a matching by nearness: each row's nearest column, mutual-nearest or greedy
 * pairs. */
#include "base/die.h"
#include "kernel/assign.h"
#include "kernel/nearest.h"
#include "match/assignment_topk.h"
#include "match/distance_matching.h"

#include <math.h>
#include <stdlib.h>

static struct matching_options how = {.most = {NAN, NAN}};
static bool mutual, greedy;

static const struct opt options[] = {
	{"mutual", OPT_FLAG, &mutual, NULL, "write the pairs that are each other's nearest", 0, 0},
	{"greedy", OPT_FLAG, &greedy, NULL,
		"write the nearest pair, then the nearest of the rest, and so on", 0, 0},
	OPT_MATCHING(how), OPT_END
};

/* margin: by how much the row's second nearest column is farther than its nearest, whichever it
 * gets. Returns of how many rows a column that was not given may be nearer. */
static size_t find_pairs(struct distance_matching *m)
{
	const struct distances *d = &m->d;
	size_t n = d->row.n, cols = d->col.n;
	size_t unproved = 0;
	double *workspace = xalloc(2 * n + cols, sizeof *workspace);

	nearest_columns(m->col_of, m->paid, m->margin, d->dist, d->at, n, d->k);
	for (size_t i = 0; i < n; i++) {
		double least = topk_least_unlisted(d, i), paid = (double)m->paid[i];
		if (m->col_of[i] != UNASSIGNED)
			m->margin[i] = fmin(m->margin[i], least - paid);
		unproved += d->beyond && least < paid;
	}
	if (mutual)
		nearest_mutual(m->col_of, d->dist, d->at, workspace, n, d->k, cols);
	if (greedy)
		nearest_greedy(m->col_of, m->paid, d->dist, d->at, workspace, n, d->k, cols);
	free(workspace);
	return unproved;
}

static void say_what_is_unproved(struct sm_frame *header, const struct distances *d,
	size_t unproved, const char *name)
{
	sm_set_integer(header, "unproved", (int64_t)unproved);
	if (unproved > 0)
		note("%s: of %zu of %zu rows a column that is not given may be nearer "
			"(a larger --budget)", name, unproved, d->row.n);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "nearest [OPTION]... [FILE]",
		"Matches each row of a distance matrix with its nearest column.", 1);
	if (mutual && greedy)
		misuse("at most one of --mutual and --greedy");
	const char *method = mutual ? "mutual" : greedy ? "greedy" : "nearest";
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0}, rest = {0};

	while (sm_read_header(in, &header)) {
		struct distance_matching m;
		distance_matching_read(&m, &how, in, &header, 0);
		size_t unproved = find_pairs(&m);
		distance_matching_list(&m, &header, method);
		if (m.d.beyond)
			say_what_is_unproved(&header, &m.d, unproved, sm_reader_name(in));
		sm_write_header(out, &header);
		distance_matching_write(&m, out, &rest);
		distance_matching_free(&m);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
