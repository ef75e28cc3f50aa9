#include "file/stack.h"

#include "base/die.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* -- What is said ------------------------------------------------------------------------------ */

/* Appends to a text. */
static char *with(char *text, const char *format, size_t a, size_t b)
{
	char *more = xasprintf(format, a, b), *longer = xasprintf("%s%s", text, more);

	free(more);
	free(text);
	return longer;
}

char *stack_shape(const struct stack *s)
{
	char *text = xasprintf("(");

	for (size_t k = 0; k < s->rank; k++)
		text = with(text, k + 1 < s->rank ? "%zu, " : "%zu)", s->shape[k], 0);
	return text;
}

char *stack_axes(const struct stack *s)
{
	char *text = xasprintf("%s", "");

	for (size_t k = 0; k + 1 < s->rank; k++)
		if (s->shape[k] != 1)
			text = with(text, *text ? ", --axis %zu=I one of %zu"
				: "--axis %zu=I takes one of %zu", k, s->shape[k]);
	return text;
}

/* -- Which rows -------------------------------------------------------------------------------- */

static void count_rows(struct stack *s)
{
	s->n = 1;
	for (size_t k = 0; k < s->dims; k++)
		s->n *= s->length[k];
}

/* Takes the number i of a dimension. */
static void take(struct stack *s, const char *text, size_t axis, size_t i)
{
	if (axis + 1 >= s->rank)
		die("%s: --axis %s: its shape is %s: dimensions before the last are 0 to %zu",
			s->name, text, stack_shape(s), s->rank - 2);
	if (i >= s->shape[axis])
		die("%s: --axis %s: its shape is %s: along dimension %zu there are %zu, counted "
			"from 0", s->name, text, stack_shape(s), axis, s->shape[axis]);
	s->first += i * s->stride[axis];
	s->length[axis] = 1;
}

static void pick(struct stack *s, const char *text)
{
	size_t axis, i;
	int n;

	if (s->rank < 3)
		die("%s: --axis %s: its shape is %s: no stack", s->name, text, stack_shape(s));
	for (const char *at = text; ; at += n + 1) {
		n = 0;
		if (!isdigit((unsigned char)*at) || sscanf(at, "%zu=%zu%n", &axis, &i, &n) != 2
				|| (at[n] && at[n] != ','))
			misuse("--axis %s: it is A=I, number I along dimension A", text);
		take(s, text, axis, i);
		if (!at[n])
			break;
	}
	s->picked = true;
}

void stack_open(struct stack *s, const char *name, const struct array *a, const char *axis)
{
	size_t left = 0;

	*s = (struct stack){.name = name, .rank = a->rank, .stored = 1, .dims = a->rank - 1};
	s->shape[s->dims] = a->shape[s->dims];
	for (size_t k = s->dims; k-- > 0; s->stored *= s->shape[k]) {
		s->shape[k] = s->length[k] = a->shape[k];
		s->stride[k] = s->stored;
	}
	if (axis)
		pick(s, axis);
	for (size_t k = 0; k < s->dims; k++)		/* one number is no dimension */
		if (s->length[k] != 1) {
			s->length[left] = s->length[k];
			s->stride[left++] = s->stride[k];
		}
	s->dims = left;
	count_rows(s);
}

bool stack_has_parts(const struct stack *s, size_t parts)
{
	size_t last = s->dims - 1;

	return s->dims > 0 && s->rank > 2 && s->stride[last] == 1 && s->length[last] == parts;
}

void stack_flatten(struct stack *s)
{
	size_t parts = s->length[--s->dims];

	s->stored /= parts;
	s->first /= parts;
	for (size_t k = 0; k < s->dims; k++)
		s->stride[k] /= parts;
	count_rows(s);
}

size_t stack_place(const struct stack *s, size_t i, size_t *run)
{
	size_t at = s->first, block = 1, inside = 0;

	for (size_t k = s->dims; k-- > 0; i /= s->length[k]) {
		size_t here = i % s->length[k];
		at += here * s->stride[k];
		if (s->stride[k] == block) {
			inside += here * block;
			block *= s->length[k];
		}
	}
	*run = block - inside;
	return at;
}

/* -- Are they tokens? -------------------------------------------------------------------------- */

bool stack_settle(const struct stack *s, size_t context, bool counted)
{
	size_t last = s->dims > 0 ? s->length[s->dims - 1] : 0;

	if (s->dims < 2 || (s->dims == 2 && (context > 0 ? context == last : counted)))
		return false;
	if (s->dims == 2 && context == 0 && s->picked)
		return true;
	char *shape = stack_shape(s), *axes = stack_axes(s);
	if (s->dims > 2)
		die("%s: an array of shape %s: which dimensions are tokens? If one is layers, %s",
			s->name, shape, axes);
	if (context > 0)
		die("%s: an array of shape %s, where sequences are of %zu tokens (--context): if "
			"one dimension is layers, %s", s->name, shape, context, axes);
	die("%s: an array of shape %s: if it is %zu sequences of %zu tokens, --context %zu; if one "
		"dimension is layers, %s", s->name, shape, s->length[0], last, last, axes);
}
