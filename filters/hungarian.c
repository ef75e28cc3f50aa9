/* Distances to a matching: the optimal assignment, with its proof. */
#include "base/die.h"
#include "kernel/assign.h"
#include "match/assignment.h"
#include "match/assignment_topk.h"
#include "match/column_generation.h"
#include "match/distance_matching.h"

#include <math.h>
#include <stdlib.h>

static struct matching_options how = {.most = {NAN, NAN}};
static bool list_open;
static char *complete[3];		/* the sets of the rows and of the columns */

static const struct opt options[] = {
	OPT_MATCHING(how),
	{"complete", OPT_PAIR, complete, "A B",
		"solve more pairs of A and B, until the optimum is proved", 0, 0},
	{"open", OPT_FLAG, &list_open, NULL,
		"list missing pairs that could improve the assignment", 0, 0},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* The duals, and of k nearest columns what is open or had to be solved for them to hold for all
 * pairs. */
struct proof {
	double *row_dual, *col_dual;
	struct open_pairs open;
	size_t solved;
};

/* The assignment of the smaller side to the larger: of rows, or, flipped, of columns. */
static void take(struct distance_matching *m, struct proof *proof, struct assignment *a,
	bool flipped)
{
	for (size_t i = 0; i < m->d.row.n; i++) {
		uint32_t j = m->col_of[i] = flipped ? a->row_of[i] : a->col_of[i];
		size_t x = flipped ? j : i;
		if (j == UNASSIGNED)
			continue;
		m->paid[i] = a->paid[x];
		m->margin[i] = a->margin[x];
	}
	proof->row_dual = flipped ? a->v : a->u;
	proof->col_dual = flipped ? a->u : a->v;
	a->u = a->v = NULL;
}

static bool assign_matrix(struct distance_matching *m, struct proof *proof)
{
	const struct distances *d = &m->d;
	bool flipped = d->row.n > d->col.n;
	size_t n = flipped ? d->col.n : d->row.n, most = flipped ? d->row.n : d->col.n;
	struct assignment a;
	bool found = assignment_of_matrix(&a, d->dist, n, most, m->ceiling, true);

	if (found)
		take(m, proof, &a, flipped);
	assignment_free(&a);
	return found;
}

static bool assign_topk(struct distance_matching *m, struct proof *proof,
	const struct sm_frame *header)
{
	const struct distances *d = &m->d;
	bool flipped = d->row.n > d->col.n, found;
	size_t n = flipped ? d->col.n : d->row.n, most = flipped ? d->row.n : d->col.n;
	struct candidates *lists = topk_lists(d, flipped);
	struct assignment a;

	if (complete[0]) {
		struct column_generation *all = column_generation_open(d, header, complete, lists,
			flipped);
		column_generation_assign(all, &a, m->ceiling);
		proof->solved = column_generation_close(all);
		found = true;
	} else {
		bool forced = m->ceiling == INFINITY && d->k < d->col.n;
		double alone = forced ? topk_worst_cost(d) : m->ceiling;
		found = assignment_of_lists(&a, lists, n, most, alone, NULL, NULL);
		if (found)
			assignment_margins(&a);
	}
	if (found)
		take(m, proof, &a, flipped);
	assignment_free(&a);
	lists_free(lists, n + 1);
	if (found && !complete[0])
		proof->open = open_pairs_of(d, proof->row_dual, proof->col_dual, list_open);
	return found;
}

static void say_what_is_open(struct sm_frame *header, const struct distances *d,
	const struct proof *proof, const char *name)
{
	size_t given = d->row.n * d->k;

	sm_set_integer(header, "open", (int64_t)proof->open.n);
	sm_set_integer(header, "pairs", (int64_t)(given + proof->solved));
	if (complete[0])
		note("%s: %zu pairs were solved beside the %zu given, of %zu: "
			"the assignment is optimal for all pairs",
			name, proof->solved, given, d->row.n * d->col.n);
	if (proof->open.n > 0)
		note("%s: the assignment is optimal among the pairs given; %zu other pairs "
			"could improve it (--complete A B, or a larger --top)", name,
			proof->open.n);
}

static void set_proof(struct sm_frame *rest, const struct proof *proof, const struct distances *d)
{
	const struct open_pairs *open = &proof->open;

	sm_set_tensor(rest, "row_dual", SM_F8, proof->row_dual, d->row.n);
	sm_set_tensor(rest, "col_dual", SM_F8, proof->col_dual, d->col.n);
	if (open->row) {
		sm_set_tensor(rest, "open_row", SM_U4, open->row, open->n);
		sm_set_tensor(rest, "open_col", SM_U4, open->col, open->n);
		sm_set_tensor(rest, "open_least", SM_F4, open->least, open->n);
		sm_set_tensor(rest, "open_below", SM_F4, open->below, open->n);
	}
}

static void match_stream(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header)
{
	const char *name = sm_reader_name(in);
	struct distance_matching m;
	struct proof proof = {0};
	struct sm_frame rest = {0};

	distance_matching_read(&m, &how, in, header, WIDE);
	if (!(m.d.at ? assign_topk(&m, &proof, header) : assign_matrix(&m, &proof)))
		die("%s: infinite distances leave no assignment: "
			"--max-cost lets rows stay unmatched", name);
	distance_matching_list(&m, header, "assignment");
	if (m.d.at)
		say_what_is_open(header, &m.d, &proof, name);
	sm_write_header(out, header);
	set_proof(&rest, &proof, &m.d);
	distance_matching_write(&m, out, &rest);
	free(proof.row_dual);
	free(proof.col_dual);
	open_pairs_free(&proof.open);
	distance_matching_free(&m);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "hungarian [OPTION]... [FILE]",
		"Matches rows of a distance matrix with columns, one to one, at the least sum.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		match_stream(in, out, &header);
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
