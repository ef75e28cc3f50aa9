/* graph2html: attribution graphs as one page to look at. */
#include "base/die.h"
#include "base/opt.h"
#include "base/standard.h"
#include "graph/graph_to_json.h"
#include "graph/page.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static struct list files;
	static const struct opt options[] = {
		{"contexts", OPT_LIST, &files, "FILE", "what features fire on: streams of contexts",
			0, 0},
		OPT_END
	};
	char **operand = opt_parse(argc, argv, options, "graph2html [OPTION]... [FILE]",
		"Makes an HTML page of a stream of graphs, for the browser.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_frame header = {0};
	struct member_contexts contexts = {0};
	size_t graphs = 0;

	for (size_t i = 0; i < files.n; i++)
		read_contexts(files.item[i], &contexts.streams);
	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		if (g.document) {
			json_t *document = graph_check(sm_reader_name(in), &g);
			page_graph(sm_reader_name(in), &g, document, graphs++, &contexts);
			json_decref(document);
		}
		graph_free(&g);
	}
	page_end(graphs);
	text_close();
	sm_reader_close(in);
	sm_frame_free(&header);
	member_contexts_free(&contexts);
	free(files.item);
	free(operand);
	return 0;
}
