#include "stream/scores.h"

#include "base/die.h"

#include <stdlib.h>

static size_t columns_of(const struct scores *s)
{
	size_t n = 0;

	while (s->column[n])
		n++;
	return n;
}

void scores_add(struct scores *s, const char *name, const double *number)
{
	size_t columns = columns_of(s);

	s->name = xrealloc(s->name, s->n + 1, sizeof *s->name);
	s->name[s->n] = xasprintf("%s", name);
	if (!s->number)
		s->number = xcalloc(columns, sizeof *s->number);
	for (size_t c = 0; c < columns; c++) {
		s->number[c] = xrealloc(s->number[c], s->n + 1, sizeof *s->number[c]);
		s->number[c][s->n] = number[c];
	}
	s->n++;
}

void scores_set(struct sm_frame *f, const struct scores *s)
{
	sm_set_strings(f, "score", s->n, (const char *const *)s->name);
	for (size_t c = 0; s->column[c]; c++)
		sm_set_tensor(f, s->column[c], SM_F8, s->number ? s->number[c] : NULL, s->n);
}

void scores_free(struct scores *s)
{
	for (size_t k = 0; k < s->n; k++)
		free(s->name[k]);
	for (size_t c = 0; s->number && s->column[c]; c++)
		free(s->number[c]);
	free(s->name);
	free(s->number);
	*s = (struct scores){.column = s->column};
}
