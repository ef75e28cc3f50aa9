/* Lists of supernodes, [[name, member, ...], ...], as groups of a graph's nodes: those of a
 * document's qParams, and those of files of their own. One reader for all programs:
 *
 * Members are node_id or jsNodeId, also both in one list (node_names.h). A node of any type can be
 * a member. A node in several supernodes is in the first; two supernodes of one name are two. What
 * is no such list ends the program. */
#ifndef GRAPH_SUPERNODE_LIST_H
#define GRAPH_SUPERNODE_LIST_H

#include "graph/graph.h"

#include <jansson.h>

struct supernode_list {
	size_t listed;			/* supernodes, whatever they hold */
	size_t n;			/* those with as many nodes as were asked for */
	const char **name;		/* (n), in the list's order; the list's text */
	int32_t *group;			/* (nodes): the first of these that has the node, or -1 */
	size_t members;			/* that are nodes, counted in each supernode once */
	size_t missing;			/* that are none */
};

/* Takes the supernodes of which `least` different members or more are nodes. `where` begins every
 * complaint. NULL and null are an empty list. */
void supernode_list_read(struct supernode_list *, const char *where, const json_t *list,
	const struct graph *, size_t least);
void supernode_list_free(struct supernode_list *);

/* circuit-tracer saves the lists of qParams as texts: pinnedIds as "a,b", and supernodes as JSON.
 * They become lists in the tree; false where supernodes is the text of no list. */
bool query_lists(json_t *query);

/* A file that holds such lists: "FILE", or "FILE:KEY" for another key than "supernodes". It holds
 * a list, an object with a list under this key, a graph's JSON with it in its qParams, an object
 * that has one of these for each slug, or a list of such objects with their slugs in them, of which
 * the first counts. Or it holds links (graph_link.h), one a line, each of which is such an object;
 * and the spec may be a link itself. Ends the program when it is none of this. */
struct supernode_file {
	char *path, *key;
	json_t *json;
};

struct supernode_file supernode_file_open(const char *spec);
/* The list for the graph of this slug; die() when there is none. It belongs to the file. */
const json_t *supernode_file_list(const struct supernode_file *, const char *slug);
void supernode_file_close(struct supernode_file *);

#endif
