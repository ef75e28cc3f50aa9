/* Streams to tables: tab-separated values with a line of names. */
#include "base/opt.h"
#include "stream/frame_json.h"
#include "stream/frame_table.h"

#include <stdlib.h>

static const char *columns;

static const struct opt options[] = {
	{"columns", OPT_TEXT, &columns, "A,B,...",
		"print these fields, of frames that have them all", 0, 0},
	OPT_END
};

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2tsv [OPTION]... [FILE]...",
		"Prints each frame as a table, with tabs between the columns.",
		1 << 20);
	struct frame_table *table = frame_table_open(columns);
	struct sm_frame header = {0};

	for (size_t i = 0; i == 0 || operand[i]; i++) {
		struct sm_reader *in = sm_reader_open(operand[i]);
		while (sm_read_header(in, &header))
			print_tables(table, in, &header);
		sm_reader_close(in);
	}
	frame_table_close(table);
	text_close();
	sm_frame_free(&header);
	free(operand);
	return 0;
}
