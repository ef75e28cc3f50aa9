/* Moves points into a shared reference space. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "base/progress.h"
#include "stream/stream.h"
#include "file/projection.h"

#include <cblas.h>
#include <stdlib.h>

static struct projection_options how = {.ridge = 1};
static bool identity;

static const struct opt options[] = {
	{"lift", OPT_LIST, &how.lift, "FILE",
		"replace points by the tokens' states in FILE; repeat for shards, or a pattern", 0,
		0},
	{"rows", OPT_TEXT, &how.rows, "FILE",
		"array of the row of --lift that is each token's; -1: none, leave it out", 0, 0},
	{"lift-vocab", OPT_TEXT, &how.lift_vocab, "FILE",
		"vocabulary ids of the rows of --lift, which have to be those of the tokens", 0, 0},
	{"map", OPT_TEXT, &how.map, "FILE", "apply the linear map (d, r) in FILE", 0, 0},
	{"bias", OPT_TEXT, &how.bias, "FILE", "bias of --map (r)", 0, 0},
	{"fit", OPT_PAIR, how.fit, "SRC DST",
		"apply the ridge map fitted from states SRC to states DST", 0, 0},
	{"ridge", OPT_REAL, &how.ridge, "L",
		"penalty of --fit on the squared entries of the map", 0, 1e30},
	{"identity", OPT_FLAG, &identity, NULL, "leave the points where they are", 0, 0},
	{"axes", OPT_TEXT, &how.axes, "FILE",
		"whiten and truncate by the axes that refaxes made", 0, 0},
	{"whiten", OPT_FLAG, &how.whiten, NULL,
		"scale so that the reference states have variance 1", 0, 0},
	{"dim", OPT_SIZE, &how.dims, "R",
		"keep the R directions of largest variance; 0 keeps all", 0, 1 << 20},
	{"unit", OPT_FLAG, &how.unit, NULL, "scale points to length 1, after all else", 0, 0},
	{"reference", OPT_LIST, &how.reference, "FILE",
		"reference states for --map and --identity", 0, 0},
	{"space", OPT_TEXT, &how.space, "NAME",
		"name of the space that --lift or --map leads to", 0, 0},
	OPT_STATES(&how.states), OPT_KEPT(&how.kept),
	OPT_THREADS, OPT_PROGRESS, OPT_END
};

/* stdin may hold the stream, and states are read more than once. */
static void refuse_stdin(const char *option, size_t n, const char *const *file)
{
	for (size_t i = 0; i < n; i++)
		if (file[i] && is_stdin(file[i]))
			misuse("%s: that cannot come from stdin here", option);
}

static void check_command_line(void)
{
	if ((how.lift.n > 0) + (how.map != NULL) + (how.fit[0] != NULL) + identity != 1)
		misuse("exactly one of --lift, --map, --fit and --identity is needed");
	if (how.bias && !how.map)
		misuse("--bias belongs to --map");
	if ((how.rows || how.lift_vocab) && how.lift.n == 0)
		misuse("--rows and --lift-vocab belong to --lift");
	if (how.space && !*how.space)
		misuse("--space needs a name");
	if (how.space && !how.map && how.lift.n == 0)
		misuse("--space belongs to --lift and --map");
	if (how.reference.n > 0 && !how.map && !identity)
		misuse("--reference belongs to --map and --identity");
	if (how.axes && (how.whiten || how.dims > 0 || how.reference.n > 0 || how.kept.context > 0
			|| how.kept.skip > 0 || how.kept.mask || how.kept.tokens))
		misuse("--axes has its own --whiten, --dim, --reference, --context, --skip, "
			"--mask, --tokens and --skip-ids");
	if ((how.whiten || how.dims > 0) && (how.map || identity) && how.reference.n == 0)
		misuse("--whiten and --dim need --reference: states of the space to estimate from");
	if ((how.map || identity) && how.reference.n == 0 && kept_given(&how.kept))
		misuse("--context, --skip, --tokens, --skip-ids, --mask and --drop-nonfinite "
			"choose among reference states: --reference");
	kept_check(&how.kept);
	refuse_stdin("--lift", how.lift.n, how.lift.item);
	refuse_stdin("--rows", 1, &how.rows);
	refuse_stdin("--lift-vocab", 1, &how.lift_vocab);
	refuse_stdin("--axes", 1, &how.axes);
	refuse_stdin("--fit", 2, how.fit);
	refuse_stdin("--reference", how.reference.n, how.reference.item);
}

/* The header of what comes out, with the space that the points are in there. */
static void write_header(struct sm_writer *out, struct sm_frame *header, const struct projection *p)
{
	char *space = projection_space(p, sm_get_string(header, "space", "unknown"));

	sm_set_string(header, "space", space);
	if (projection_d(p) > 0)
		sm_set_integer(header, "d", (int64_t)projection_d(p));
	sm_write_header(out, header);
	free(space);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options,
		"refproj --lift FILE | --map FILE | --fit SRC DST | --identity [OPTION]... [FILE]",
		"Moves the points of a stream into a shared reference space.", 1);
	check_command_line();
	openblas_set_num_threads(1);

	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct projection *p = projection_open(&how);
	struct sm_frame header = {0}, frame = {0};
	float *y = NULL;
	size_t room = 0;

	while (sm_read_header(in, &header)) {
		sm_want_kind(in, &header, "distributions", "activations");
		projection_want(p, in, &header);
		write_header(out, &header, p);
		progress_begin(sm_get_size(&header, "tokens"), "tokens");
		while (sm_read_frame(in, &frame)) {
			if (sm_find_field(&frame, "token"))
				projection_move(p, in, &frame, &y, &room);
			sm_write_frame(out, &frame);
		}
		progress_end();
		sm_write_end(out);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&frame);
	sm_frame_free(&header);
	projection_close(p);
	free(how.lift.item);
	free(how.reference.item);
	free(how.states.axis.item);
	free(y);
	free(operand);
	return 0;
}
