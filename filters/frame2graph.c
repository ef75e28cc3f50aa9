/* frame2graph: attribution graphs from a stream to JSON. */
#include "base/die.h"
#include "base/opt.h"
#include "graph/graph_to_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool collapse;

static const struct opt options[] = {
	{"collapse", OPT_FLAG, &collapse, NULL,
		"write one node per group, and sum its links", 0, 0},
	OPT_END
};

static void write_as_json(const char *name, const struct graph *g)
{
	json_t *document = graph_check(name, g);

	if (collapse && !g->group)
		die("%s: no groups to collapse: pipe the graph through supernode first", name);
	graph_to_json(name, g, document, collapse);
	json_decref(document);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2graph [OPTION]... [FILE]",
		"Turns a stream of graphs into JSON for Neuronpedia.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		if (g.document)
			write_as_json(sm_reader_name(in), &g);
		graph_free(&g);
	}
	if (ferror(stdout) || fclose(stdout) != 0)
		die("stdout: %s", strerror(errno));
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
