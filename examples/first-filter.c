/* Scales the activations of a stream: first-filter --by 0.5 <a >b */
#include "base/die.h"
#include "base/opt.h"
#include "stream/stream.h"

#include <stdlib.h>

static double by = 1;

static const struct opt options[] = {
	{"by", OPT_REAL, &by, "C", "multiply every activation by C", 1e-30, 1e30},
	OPT_END
};

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "first-filter [OPTION]... [FILE]",
		"Scales the activations of a stream.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct sm_frame header = {0}, frame = {0};
	float *scaled = NULL;

	while (sm_read_header(in, &header)) {
		sm_want_kind(in, &header, "activations");
		sm_write_header(out, &header);
		while (sm_read_frame(in, &frame)) {
			size_t n = SM_ANY;
			const float *value = sm_want(in, &frame, "value", SM_F4, &n);
			scaled = xrealloc(scaled, n, sizeof *scaled);
			for (size_t i = 0; i < n; i++)
				scaled[i] = (float)by * value[i];
			sm_set_tensor(&frame, "value", SM_F4, scaled, n);
			sm_write_frame(out, &frame);
		}
		sm_write_end(out);
	}
	sm_writer_close(out);
	sm_reader_close(in);
	sm_frame_free(&header);
	sm_frame_free(&frame);
	free(scaled);
	free(operand);
	return 0;
}
