/* Estimates the principal axes of reference states, for refproj --axes. */
#include "base/die.h"
#include "base/opt.h"
#include "file/axes.h"
#include "stream/stream.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

static struct axes axes;

static const struct opt options[] = {
	{"whiten", OPT_FLAG, &axes.whiten, NULL,
		"scale so that the reference states have variance 1", 0, 0},
	{"dim", OPT_SIZE, &axes.dims, "R",
		"keep the R directions of largest variance; 0 keeps all", 0, 1 << 20},
	{"context", OPT_SIZE, &axes.context, "N",
		"length of a sequence in tokens, for --skip", 0, UINT32_MAX},
	{"skip", OPT_SIZE, &axes.skip, "K",
		"estimate without the first K tokens of every sequence", 0, UINT32_MAX},
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

static void check_command_line(const struct list *files)
{
	if (files->n == 0)
		misuse("no FILE: the reference states");
	if (!axes.whiten && axes.dims == 0)
		misuse("--whiten or --dim is needed: without, points stay as they are");
	if (axes.skip > 0 && axes.skip >= axes.context)
		misuse("--skip %zu needs a longer --context", axes.skip);
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
	struct states *states = states_open(&files);

	axes_estimate(&axes, states);
	axes_write(&axes, out);
	sm_writer_close(out);
	states_close(states);
	axes_free(&axes);
	free(operand);
	return 0;
}
