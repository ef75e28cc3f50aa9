/* frame2graph: attribution graphs from a stream to JSON. */
#include "base/die.h"
#include "base/opt.h"
#include "base/standard.h"
#include "graph/graph_groups.h"
#include "graph/graph_link.h"
#include "graph/graph_to_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool collapse;
static int viewer = -1;		/* enum link_viewer, or none */

static const struct opt options[] = {
	{"collapse", OPT_FLAG, &collapse, NULL,
		"write one node per group, and sum its links", 0, 0},
	{"link", OPT_CHOICE, &viewer, "neuronpedia|circuit-tracer",
		"write a link that opens the graph with its groups", 0, 0},
	OPT_END
};

/* Of a graph without groups, with the supernodes of its file. */
static void write_link(const char *name, struct graph *g, const json_t *document)
{
	if (!g->group) {
		struct graph_groups had = graph_groups_of(name, g,
			json_object_get(document, "qParams"));
		graph_set_groups(g, had.group, had.n, had.name);
	}
	char *link = graph_link(name, g, document, (enum link_viewer)viewer);
	puts(link);
	free(link);
}

static void write_graph_of(const char *name, struct graph *g)
{
	json_t *document = graph_check(name, g);

	if (collapse && !g->group)
		die("%s: no groups to collapse: pipe the graph through supernode first", name);
	if (viewer >= 0)
		write_link(name, g, document);
	else
		graph_to_json(name, g, document, collapse);
	json_decref(document);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "frame2graph [OPTION]... [FILE]",
		"Turns a stream of graphs into JSON for Neuronpedia, or into links.", 1);
	if (collapse && viewer >= 0)
		misuse("--link opens the graph itself: --collapse and --link exclude each other");
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_frame header = {0};

	while (sm_read_header(in, &header)) {
		struct graph g;
		read_graph(in, &header, &g);
		if (g.document)
			write_graph_of(sm_reader_name(in), &g);
		graph_free(&g);
	}
	text_close();
	sm_reader_close(in);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
