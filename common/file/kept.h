/* Which tokens count: not the first of every sequence, and not those that a mask, their vocabulary
 * id or a state that is not finite leaves out. The options are the same in every program, so that
 * estimates and streams are of the same tokens. */
#ifndef FILE_KEPT_H
#define FILE_KEPT_H

#include "base/opt.h"
#include "file/array.h"
#include "file/states.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct kept_options {
	size_t context, skip;
	const char *mask, *tokens, *skip_ids;
	bool finite;
	bool estimates;			/* tokens are left out of estimates, as notes say */
	bool counted;			/* there are as many tokens as something else has */
};

#define OPT_KEPT(o) \
	{"context", OPT_SIZE, &(o)->context, "N", \
		"length of a sequence in tokens, of which states are whole ones", 0, UINT32_MAX}, \
	{"skip", OPT_SIZE, &(o)->skip, "K", \
		"leave out the first K tokens of every sequence", 0, UINT32_MAX}, \
	{"tokens", OPT_TEXT, &(o)->tokens, "FILE", "vocabulary ids of the tokens", 0, 0}, \
	{"skip-ids", OPT_TEXT, &(o)->skip_ids, "ID,...", \
		"leave out the tokens with these vocabulary ids", 0, 0}, \
	{"mask", OPT_TEXT, &(o)->mask, "FILE", \
		"leave out the tokens where FILE holds 0 or false", 0, 0}, \
	{"drop-nonfinite", OPT_FLAG, &(o)->finite, NULL, \
		"leave out the tokens whose state is not finite", 0, 0}

/* Ends the program where --skip or --skip-ids lack what they need. */
void kept_check(const struct kept_options *);

/* {0} keeps all. */
struct kept_tokens {
	size_t rows, context, skip;
	uint8_t *gone;			/* (rows), 1: left out by all but --skip; NULL: none is */
	char *words;			/* how many a mask and ids leave out, a digest; or NULL */
	bool finite;			/* --drop-nonfinite */
};

/* Which of `rows` tokens; `name` is for the error line. The ids are those of vocab, NULL: those of
 * --tokens. What is said of the tokens has to fit their states, NULL: there are none, as
 * states_settle() says. Notes how many are left out. */
void kept_open(struct kept_tokens *, const struct kept_options *, const struct states *,
	const char *name, size_t rows, const struct array *vocab);
/* Is any of the options given? */
bool kept_given(const struct kept_options *);
/* Notes where a stream of this header was made without other tokens than estimates are: these are
 * of the space that its name says, but seldom what was meant. */
void kept_compare(const struct kept_tokens *, const char *name, const struct sm_frame *header);
/* With --drop-nonfinite, leaves out the tokens whose state is not finite: how many. One pass. */
size_t kept_finite(struct kept_tokens *, const struct states *);
struct kept_tokens kept_copy(const struct kept_tokens *);
void kept_free(struct kept_tokens *);

static inline bool kept(const struct kept_tokens *k, size_t row)
{
	return !(k->skip > 0 && row % k->context < k->skip) && !(k->gone && k->gone[row]);
}

#endif
