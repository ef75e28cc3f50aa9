#include "stream/coupled_texts.h"

#include "base/die.h"

#include <stdlib.h>

static void read_one_coupling(struct coupled_texts *c, const char *path)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame more = {0};

	sm_read_header(in, &c->header);
	read_coupling(in, &c->header, &c->coupling);
	c->side[0] = xasprintf("the row text of %s", sm_reader_name(in));
	c->side[1] = xasprintf("the column text of %s", sm_reader_name(in));
	if (sm_read_header(in, &more))
		sm_bad(in, "a second stream, where one coupling is read");
	sm_frame_free(&more);
	sm_reader_close(in);
}

static void note_alone(const struct coupled_texts *c, const char *const file[2])
{
	const struct coupling *p = &c->coupling;
	uint8_t *met = xcalloc(p->cols, sizeof *met);
	size_t rows = 0, cols = p->cols;

	for (size_t s = 0; s < p->rows; s++)
		rows += p->g.indptr[s] == p->g.indptr[s + 1];
	for (size_t e = 0; e < p->g.indptr[p->rows]; e++) {
		cols -= !met[p->g.index[e]];
		met[p->g.index[e]] = 1;
	}
	if (rows + cols > 0)
		note("%zu of %zu tokens of %s and %zu of %zu tokens of %s have no partner and do "
			"not count", rows, p->rows, file[0], cols, p->cols, file[1]);
	free(met);
}

size_t read_coupled_texts(struct coupled_texts *c, const char *path, const char *const file[2],
	struct activation_streams *all)
{
	const struct coupling *p = &c->coupling;

	*c = (struct coupled_texts){0};
	read_one_coupling(c, path);
	all->tokens = (struct token_list){c->side[0], p->rows, p->row_token, p->row_vocab};
	read_activations(file[0], all);
	size_t first = all->n;
	all->tokens = (struct token_list){c->side[1], p->cols, p->col_token, p->col_vocab};
	read_activations(file[1], all);
	note_alone(c, file);
	return first;
}

void coupled_texts_header(struct sm_frame *to, const struct coupled_texts *c)
{
	sm_join_header(to, &c->header);
	sm_drop(to, "row_model", "row_layer", "col_model", "col_layer");
}

void coupled_texts_free(struct coupled_texts *c)
{
	coupling_free(&c->coupling);
	sm_frame_free(&c->header);
	free(c->side[0]);
	free(c->side[1]);
}
