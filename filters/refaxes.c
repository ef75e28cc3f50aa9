/* Estimates the principal axes of reference states, for refproj --axes. */
#include "base/die.h"
#include "base/opt.h"
#include "file/axes.h"
#include "stream/stream.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

static struct axes axes;
static struct states_options how;
static struct kept_options which = {.estimates = true};

static const struct opt options[] = {
	{"whiten", OPT_FLAG, &axes.whiten, NULL,
		"scale so that the reference states have variance 1", 0, 0},
	{"dim", OPT_SIZE, &axes.dims, "R",
		"keep the R directions of largest variance; 0 keeps all", 0, 1 << 20},
	OPT_STATES(&how), OPT_KEPT(&which),
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void check_command_line(const struct list *files)
{
	if (files->n == 0)
		misuse("no FILE: the reference states");
	if (!axes.whiten && axes.dims == 0)
		misuse("--whiten or --dim is needed: without, points stay as they are");
	kept_check(&which);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "refaxes [OPTION]... FILE...",
		"Estimates the axes of reference states, for refproj --axes.", SIZE_MAX);
	struct list files = {.item = (const char **)operand};

	while (operand[files.n])
		files.n++;
	check_command_line(&files);
	openblas_set_num_threads(1);

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct states *states = states_open(&files, &how);

	kept_open(&axes.kept, &which, states, states_name(states), states_rows(states), NULL);
	axes_estimate(&axes, states);
	axes_write(&axes, out);
	sm_writer_close(out);
	states_close(states);
	axes_free(&axes);
	free(how.axis.item);
	free(operand);
	return 0;
}
