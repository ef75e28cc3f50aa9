/* Moves points into a shared reference space:
 *
 *	point -> [the token's row of states | point map + bias] -> (. - mean) axes -> unit length */
#ifndef FILE_PROJECTION_H
#define FILE_PROJECTION_H

#include "base/opt.h"
#include "file/kept.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* Where points go. */
struct projection_options {
	struct list lift;		/* to the rows of these states, ... */
	const char *rows, *lift_vocab;	/* which a row map names, if there is one, and whose ids are
					 * those of the stream's tokens; or NULL; ... */
	const char *map, *bias;		/* ... by this map, with or without a bias, ... */
	const char *fit[2];		/* ... by the map fitted from these states to those, ... */
	double ridge;			/* ... with this penalty; or nowhere */
	struct list reference;		/* the reference states where lift and fit name none */
	const char *space;	/* what lift and map lead to; NULL: it is named after their files */
	const char *axes;		/* file of axes; NULL: they are estimated, ... */
	bool whiten, unit;
	size_t dims;			/* ... as struct axes says, of which the file has its own */
	struct kept_options kept;	/* of the reference states: what is estimated from */
	struct states_options states;	/* of lift, reference and fit */
};

struct projection;

/* Reads and estimates what is needed. The options have to stay until the projection is closed. What
 * is wrong with a file ends the program. */
struct projection *projection_open(const struct projection_options *);
/* Notes how many tokens were left out of the streams. */
void projection_close(struct projection *);

/* The name of the space that points of the space `own` are in afterwards, to free(): equal names,
 * equal spaces. And their dimensions there; 0: as before. */
char *projection_space(const struct projection *, const char *own);
size_t projection_d(const struct projection *);

/* Ends the program when the stream of this header is of another number of tokens than the row map,
 * or, without one, than the states of the lift, so that row n would be another token; a stream that
 * does not say passes. Notes where the stream leaves out other tokens than the estimates do. */
void projection_want(const struct projection *, const struct sm_reader *,
	const struct sm_frame *header);

/* Replaces the frame's points. Tokens of activations that have no row and, with --drop-nonfinite,
 * those whose state in the lift is not finite are taken out of the frame; in distributions they end
 * the program. So does an id in the vocabulary that is not that of the row. The points are
 * in *y until its next use, which grows as needed: NULL and *room 0 at first, to free(). */
void projection_move(struct projection *, const struct sm_reader *, struct sm_frame *,
	float **y, size_t *room);

#endif
