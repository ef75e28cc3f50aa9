/* How far long work is, on stderr: on a terminal once it takes longer than two seconds, or every
 * --progress seconds. The clock is looked at for nothing else, and not at all where nothing is
 * shown.
 *
 *	progress_begin(rows, "rows");
 *	for (...)
 *		progress_add(1);
 *	progress_end();
 *
 * A program has one work at a time. Any thread may call what stands between the beginning and the
 * end. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include "base/die.h"

#include <stddef.h>

void progress_every(double seconds);	/* what --progress says; 0: nothing is shown */

/* Work on `total` things begins, and any other ends; 0: nobody knows how many. `what` outlives the
 * work. */
void progress_begin(size_t total, const char *what);
void progress_add(size_t n);		/* n more are done */
void progress_to(size_t done);		/* this many are done */
void progress_detail(const char *format, ...) PRINTF(1, 2);	/* ends the lines from now on */
void progress_end(void);		/* says what the work took, if any of it was shown */

#endif
