/* Features and their contexts as lines of text of a given width, see show(1). */
#ifndef STREAM_CONTEXT_VIEW_H
#define STREAM_CONTEXT_VIEW_H

#include "base/pool.h"
#include "stream/contexts.h"

/* Lines, one below the other; {0} at first. */
struct view_lines {
	size_t n, room;
	char **text;
	size_t *columns;			/* (n): that each takes */
};

enum { VIEW_LEAST = 24 };

struct view_style {
	size_t columns;			/* of a line: at least VIEW_LEAST */
	bool colours;			/* for activations; otherwise [brackets] mark the peak */
};

void view_lines_free(struct view_lines *);

/* The feature's name and what it is called, NULL: nothing. */
void view_name(struct view_lines *, const struct view_style *, const char *layer, uint32_t feature,
	const char *label);
/* Feature i of the contexts: how often and how strongly it fires, and on what. */
void view_contexts(struct view_lines *, const struct view_style *, const struct contexts *,
	size_t i);
/* Any text, in at most three lines. */
void view_remark(struct view_lines *, const struct view_style *, const char *text);

/* Prints lines beside lines, these from the column `at` on behind a mark. */
void view_print(const struct view_lines *left, const struct view_lines *right, size_t at);

#endif
