#include "graph/slug_scores.h"

#include "base/die.h"

#include <stdlib.h>

const char *const value_column[] = {"value", NULL};

void write_slug_scores(struct sm_writer *out, struct sm_frame *header, const struct scores *s)
{
	const char **slug = xalloc(s->n, sizeof *slug);
	struct sm_frame frame = {0};

	for (size_t i = 0; i < s->n; i++)
		slug[i] = sm_get_string(header, "slug", "");
	sm_set_string(header, "kind", "scores");
	sm_write_header(out, header);
	scores_set(&frame, s);
	sm_set_strings(&frame, "slug", s->n, slug);
	if (s->n > 0)
		sm_write_frame(out, &frame);
	sm_write_end(out);
	sm_frame_free(&frame);
	free(slug);
}
