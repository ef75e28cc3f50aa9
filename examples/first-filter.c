/* Scales the activations of a stream: first-filter --by 0.5 <a >b */
#include "die.h"
#include "frame.h"
#include "opt.h"

#include <stdlib.h>

static double by = 1;

static const struct opt options[] = {
	{"by", OPT_REAL, &by, "C", "multiply every activation by C", 1e-30, 1e30},
	OPT_END
};

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "first-filter [OPTION]... [FILE]",
		"Scales the activations of a stream.", 1);
	struct reader *in = reader_open(operand[0]);
	struct writer *out = writer_open();
	struct frame header = {0}, frame = {0};
	float *scaled = NULL;

	while (read_header(in, &header)) {
		want_kind(in, &header, "activations", NULL);
		write_header(out, &header);
		while (read_frame(in, &frame)) {
			size_t n = ANY;
			const float *value = want(in, &frame, "value", F4, 1, &n);
			scaled = need_more(scaled, n, sizeof *scaled);
			for (size_t i = 0; i < n; i++)
				scaled[i] = (float)by * value[i];
			set_tensor(&frame, "value", F4, scaled, 1, n);
			write_frame(out, &frame);
		}
		write_end(out);
	}
	writer_close(out);
	reader_close(in);
	frame_free(&header);
	frame_free(&frame);
	free(scaled);
	free(operand);
	return 0;
}
