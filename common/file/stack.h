/* The rows of an array of hidden states that are tokens. Of more dimensions than (tokens, d) one
 * can be layers of a stack, of which --axis takes one, or sequences and their tokens. */
#ifndef FILE_STACK_H
#define FILE_STACK_H

#include "file/array.h"

/* Of the rows of d numbers, the n that count: first + sum_k i_k stride[k], 0 <= i_k < length[k],
 * the last of the dimensions the fastest. */
struct stack {
	const char *name;		/* of the file, for error lines */
	size_t rank, shape[ARRAY_RANK];	/* of the array */
	size_t stored;			/* all its rows */
	size_t n, first, dims, length[ARRAY_RANK], stride[ARRAY_RANK];
	bool picked;			/* by axis */
};

/* All rows of an array of two dimensions or more, or of the numbers "A=I,B=J" along its dimensions
 * A and B. The name has to stay. What does not fit ends the program. */
void stack_open(struct stack *, const char *name, const struct array *, const char *axis);

/* Is the last dimension before d of so many parts? Then it can be taken as one with d. */
bool stack_has_parts(const struct stack *, size_t parts);
void stack_flatten(struct stack *);

/* Ends the program unless it is said that what is left are tokens, in order. One dimension beside d
 * is; two are sequences and their tokens where these are `context`, or context is 0 and the number
 * of tokens is `counted` to be right; else after --axis alone, and true is returned. */
bool stack_settle(const struct stack *, size_t context, bool counted);

/* "(3, 96, 24)", and the options that take layers out of it; to free(). */
char *stack_shape(const struct stack *);
char *stack_axes(const struct stack *);

/* Where row i of those that count lies among all, and how many that count follow there in order, it
 * included. */
size_t stack_place(const struct stack *, size_t i, size_t *run);

#endif
