/* Streams to lines of JSON. */
#include "base/die.h"
#include "base/opt.h"
#include "base/standard.h"
#include "stream/frame_json.h"

#include <stdio.h>
#include <stdlib.h>

static const struct opt options[] = {OPT_END};

static void print_streams(const char *path)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0}, frame = {0};

	while (sm_read_header(in, &header)) {
		size_t frames = 0;
		print_json(in, &header);
		for (; sm_read_frame(in, &frame); frames++)
			print_json(in, &frame);
		printf("{\"end\":%zu}\n", frames);
	}
	sm_reader_close(in);
	sm_frame_free(&header);
	sm_frame_free(&frame);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2json [FILE]...",
		"Prints streams as lines of JSON, which json2frame turns into streams again.",
		1 << 20);

	for (size_t i = 0; i == 0 || operand[i]; i++)
		print_streams(operand[i]);
	text_close();
	free(operand);
	return 0;
}
