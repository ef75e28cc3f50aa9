/* The tables that are in the frames of a stream, kind by kind: fields of one length, to be printed
 * or looked up row by row.
 *
 *	struct frame_views v = {0};
 *	frame_views_open(&v, &header);
 *	while (frame_views_read(&v, in))
 *		for (size_t i = 0; i < v.n; i++)
 *			... v.view[i] ...
 *	frame_views_free(&v);
 *
 * A frame is a table as it is: its first column and all others of that length. Of some kinds it is
 * first another one, made of it and of the stream's first frame, which holds names. */
#ifndef STREAM_FRAME_VIEW_H
#define STREAM_FRAME_VIEW_H

#include "base/pool.h"
#include "base/spelled.h"
#include "stream/stream.h"

enum { MADE_VIEWS = 2 };

struct frame_views {
	const struct view_kind *kind;	/* NULL: frames are tables as they are */
	struct sm_frame names;		/* of what others refer to: empty where there is none */
	bool begun;
	struct sm_frame frame;		/* the frame that was read last */
	struct sm_frame made[MADE_VIEWS];	/* tables of it; they point into all of this */
	struct pool pool;			/* what they point to, until the next frame */
	struct spelled spelled;		/* beside or out of the entries of all frames so far */
	size_t n;
	struct sm_frame *view[MADE_VIEWS + 1];	/* (n): what to print comes first */
	bool first;			/* is view[0] the kind's own table? */
};

void frame_views_open(struct frame_views *, const struct sm_frame *header);
/* The next frame and its tables; false after the end mark. What refers to nothing is sm_bad(). */
bool frame_views_read(struct frame_views *, struct sm_reader *);
void frame_views_free(struct frame_views *);

/* spelled_fits(), or sm_bad(). */
void spelled_add(struct spelled *, const struct sm_reader *, const char *text);

/* Is the field a column, a tensor that has rows or a list of strings; and of how many rows? */
bool is_column(const struct sm_field *);
size_t column_rows(const struct sm_field *);

#endif
