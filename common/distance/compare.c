#include "base/opt.h"
#include "distance/compare.h"

#include "base/die.h"

#include <stdlib.h>

size_t halvings;

struct comparison read_comparison(char *const *operand, const char *metric)
{
	struct comparison c = {.out = sm_writer_open(program, VERSION, opt_history())};

	c.sets = read_sets(operand, c.set);
	sets_header(c.set, c.sets, &c.header);
	sm_set_string(&c.header, "metric", metric);
	return c;
}

static struct stage stage_of(const struct set set[2], size_t sets)
{
	return (struct stage){.row = set[0].ids, .col = set[sets - 1].ids, .self = sets == 1};
}

void run_comparison(struct comparison *c, void (*open)(struct stage *, const struct set *row, const struct set *col),
	void (*close)(void *context))
{
	size_t halves = 2 * halvings, last = c->sets - 1;
	struct stage whole = stage_of(c->set, c->sets), *half = xalloc(halves, sizeof *half);
	struct set (*part)[2] = xalloc(halves, sizeof *part);
	bool *undivided[2] = {xcalloc(c->set[0].ids.n, sizeof(bool)), xcalloc(c->set[1].ids.n, sizeof(bool))};

	for (size_t h = 0; h < halves; h++) {
		for (size_t side = 0; side < c->sets; side++)
			part[h][side] = half_of(&c->set[side], h / 2, h % 2, undivided[side]);
		half[h] = stage_of(part[h], c->sets);
		half[h].chosen = true;
		open(&half[h], &part[h][0], &part[h][last]);
	}
	open(&whole, &c->set[0], &c->set[last]);
	whole.halves = halves;
	whole.half = half;
	whole.row_undivided = undivided[0];
	whole.col_undivided = undivided[last];
	if (halvings)
		sm_set_integer(&c->header, "halvings", (int64_t)halvings);
	run_stage(c->out, &c->header, &whole);
	close(whole.context);
	for (size_t h = 0; h < halves; h++) {
		close(half[h].context);
		for (size_t side = 0; side < c->sets; side++)
			half_free(&part[h][side]);
	}
	free(half);
	free(part);
	free(undivided[0]);
	free(undivided[1]);
}

void comparison_free(struct comparison *c)
{
	sm_frame_free(&c->header);
	set_free(&c->set[0]);
	set_free(&c->set[1]);
}
