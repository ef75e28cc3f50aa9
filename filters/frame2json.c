/* Streams to lines of JSON. */
#include "die.h"
#include "opt.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

static const struct opt options[] = {OPT_END};

static void print_streams(const char *path)
{
	struct reader *in = reader_open(path);
	struct frame header = {0}, frame = {0};

	while (read_header(in, &header)) {
		size_t frames = 0;
		print_json(in, &header);
		for (; read_frame(in, &frame); frames++)
			print_json(in, &frame);
		printf("{\"end\":%zu}\n", frames);
	}
	reader_close(in);
	frame_free(&header);
	frame_free(&frame);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "frame2json [FILE]...",
		"Streams to lines of JSON: header, frames, {\"end\":frames}. json2frame is the way back.",
		1 << 20);

	for (size_t i = 0; i == 0 || operand[i]; i++)
		print_streams(operand[i]);
	text_close();
	free(operand);
	return 0;
}
