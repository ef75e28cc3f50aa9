/* An .npz to a stream. */
#include "base/die.h"
#include "base/opt.h"
#include "file/npz_frame.h"

#include <stdlib.h>

static const char *kind;
static struct list set;

static const struct opt options[] = {
	{"kind", OPT_TEXT, &kind, "KIND", "of arrays that are not frame2npz's: distances, "
		"distributions, coupling or matching", 0, 0},
	{"set", OPT_LIST, &set, "NAME=TEXT", "a field of their header, or a text for all rows", 0,
		0},
	OPT_END
};

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "npz2frame [OPTION]... [FILE]",
		"Turns the arrays of an .npz into a stream.", 1);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());

	write_stream_of_npz(operand[0], kind, &set, out);
	sm_writer_close(out);
	free(set.item);
	free(operand);
	return 0;
}
