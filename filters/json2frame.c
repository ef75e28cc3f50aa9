/* Lines of JSON to streams: the way back of frame2json. */
#include "base/die.h"
#include "base/opt.h"
#include "stream/json_frame.h"

#include <stdlib.h>

static const struct opt options[] = {OPT_END};

static void check_header(struct json_lines *in, const struct sm_frame *f)
{
	const struct sm_field *version = sm_find_field(f, "semot");

	if (!version)
		json_lines_bad(in, "a header {\"semot\":1, ...} has to be here");
	if (version->kind != SM_INTEGER || version->integer != 1)
		json_lines_bad(in, "a version of the stream that is not 1");
}

static bool is_end(struct json_lines *in, const struct sm_frame *f, int64_t frames)
{
	const struct sm_field *end = sm_find_field(f, "end");

	if (end && (f->n != 1 || end->kind != SM_INTEGER))
		json_lines_bad(in, "the end line has to be {\"end\":<frames>}");
	if (end && end->integer != frames)
		json_lines_bad(in, "the end line counts %lld frames, not the %lld read",
			(long long)end->integer, (long long)frames);
	return end;
}

static void pack_streams(const char *path, struct sm_writer *out)
{
	struct json_lines *in = json_lines_open(path);
	struct sm_frame frame = {0};

	while (read_json(in, &frame)) {
		check_header(in, &frame);
		sm_rewrite_header(out, &frame);
		for (int64_t frames = 0; ; frames++) {
			if (!read_json(in, &frame))
				json_lines_bad(in, "cut short: no end line "
					"(did the program before this one fail?)");
			if (is_end(in, &frame, frames))
				break;
			if (sm_find_field(&frame, "semot"))
				json_lines_bad(in,
					"a header where a frame or the end line has to be");
			sm_write_frame(out, &frame);
		}
		sm_write_end(out);
	}
	json_lines_close(in);
	sm_frame_free(&frame);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "json2frame [FILE]...",
		"Turns lines of JSON, as frame2json prints them, into streams.", 1 << 20);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());

	for (size_t i = 0; i == 0 || operand[i]; i++)
		pack_streams(operand[i], out);
	sm_writer_close(out);
	free(operand);
	return 0;
}
