/* graph2frame: an attribution graph from JSON to a stream. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "graph/graph_influence.h"
#include "graph/graph_json.h"
#include "graph/graph_labels.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The whole file, or stdin, with a NUL after its n bytes. */
static char *read_text(const char *name, int fd, size_t *n)
{
	size_t room = 1 << 16;
	char *text = xalloc(room, 1);

	*n = 0;
	for (size_t k; (k = read_some(fd, name, text + *n, room - *n - 1)) != 0; ) {
		*n += k;
		if (room - *n == 1)
			text = xrealloc(text, room *= 2, 1);
	}
	text[*n] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	static const char *labels_file;
	static const struct opt options[] = {
		{"labels", OPT_TEXT, &labels_file, "FILE",
			"what features without a clerp are called", 0, 0},
		OPT_END
	};
	char **operand = opt_parse(argc, argv, options, "graph2frame [OPTION]... [FILE]",
		"Turns an attribution graph (Neuronpedia's JSON) into a stream.", 1);
	bool standard = is_stdin(operand[0]);
	const char *name = standard ? "stdin" : operand[0];
	int fd = standard ? STDIN_FILENO : open_file(name);
	struct sm_frame header = {0};
	struct graph g;
	size_t n;

	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	char *text = read_text(name, fd, &n);
	graph_from_json(&g, &header, name, text, n);
	if (!graph_has_shares(&g))
		note("%s: influence is no cumulative share: links decide which nodes come first",
			name);
	if (labels_file) {
		struct labels *labels = labels_open(labels_file);
		graph_take_labels(name, &g, labels);
		labels_close(labels);
	}
	sm_write_header(out, &header);
	write_graph(out, &g);
	sm_writer_close(out);
	graph_free(&g);
	sm_frame_free(&header);
	free(text);
	free(operand);
	return 0;
}
