/* A stream to an .npz. */
#include "base/die.h"
#include "base/opt.h"
#include "file/frame_npz.h"

#include <stdlib.h>

static size_t stream;

static const struct opt options[] = {
	{"stream", OPT_SIZE, &stream, "N", "the N-th of several streams", 1, UINT32_MAX},
	OPT_END
};

/* Reads all streams, so that what is wrong with a later one is known before anything is written. */
static struct frame_npz *read_one(struct sm_reader *in, struct sm_frame *header)
{
	struct sm_frame other = {0}, frame = {0};
	struct frame_npz *held = NULL;
	size_t wanted = stream ? stream : 1, at = 0;

	while (sm_read_header(in, held ? &other : header)) {
		if (++at == wanted)
			held = frame_npz_read(in, header);
		else if (stream == 0)
			sm_bad(in, "an .npz holds one stream: --stream N says which");
		else
			while (sm_read_frame(in, &frame))
				;
	}
	if (!held)
		die("%s: no stream %zu: there are %zu", sm_reader_name(in), wanted, at);
	sm_frame_free(&other);
	sm_frame_free(&frame);
	return held;
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2npz [OPTION]... [FILE]",
		"Turns a stream into an .npz, arrays that NumPy reads.", 1);
	struct npz_writer *out = npz_writer_open();
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_frame header = {0};
	struct frame_npz *held = read_one(in, &header);

	frame_npz_write(held, out);
	npz_writer_close(out);
	frame_npz_free(held);
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
