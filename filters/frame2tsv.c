/* Streams to a table: tab-separated values with a line of names. */
#include "base/opt.h"
#include "base/standard.h"
#include "file/frame_table.h"
#include "stream/frame_json.h"

#include <stdlib.h>

static const char *columns, *label_file[2];

static const struct opt options[] = {
	{"columns", OPT_TEXT, &columns, "A,B,...",
		"print these fields, of frames that have them all", 0, 0},
	OPT_LABELS(label_file), OPT_END
};

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2tsv [OPTION]... [FILE]...",
		"Prints a table of what streams hold, with tabs between the columns.",
		1 << 20);
	struct labels *labels[2];
	labels_open_sides(labels, label_file);
	struct frame_table *table = frame_table_open(columns, labels);
	struct sm_frame header = {0};

	for (size_t i = 0; i == 0 || operand[i]; i++) {
		struct sm_reader *in = sm_reader_open(operand[i]);
		while (sm_read_header(in, &header))
			print_table(table, in, &header);
		sm_reader_close(in);
	}
	frame_table_close(table);
	text_close();
	labels_tell_sides(labels, operand[0] ? operand[0] : "stdin", false);
	labels_close_sides(labels);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
