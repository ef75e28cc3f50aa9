/* Values of Python's pickle, as torch.save writes it, protocols 2 to 5. Nothing is looked up and
 * nothing is called: a name is two texts, a call an object of what would be called and with what.
 * An opcode that torch.save does not use ends the program, and so does more than a file of weights
 * needs. */
#ifndef FILE_PICKLE_H
#define FILE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
	PICKLE_NONE, PICKLE_BOOL, PICKLE_INT, PICKLE_FLOAT, PICKLE_TEXT, PICKLE_TUPLE, PICKLE_LIST,
	PICKLE_MAP,		/* item: key, value, key, value, ... */
	PICKLE_GLOBAL,		/* item: module, name: texts */
	PICKLE_OBJECT,		/* made by item[0] of item[1]; what is set in it is `map` */
	PICKLE_STORED,		/* item: what names it */
	PICKLE_OPAQUE		/* bytes, or an integer of more than 64 bits */
};

struct pickle_value {
	enum pickle_kind kind;
	bool visited;		/* for those who walk the values, which may hold themselves */
	union {
		int64_t integer;	/* and of PICKLE_BOOL */
		double real;
		struct {
			const char *at;		/* in the bytes of the pickle, n of them */
			size_t n;
		} text;
		uint32_t map;		/* 0: none */
	};
	uint32_t *item, items;	/* numbers of values */
};

struct pickle {
	struct pickle_value *value;
	uint32_t values, root;
};

/* `name` is for the error line. The bytes have to stay as long as the texts are read. */
struct pickle pickle_read(const char *name, const void *bytes, size_t n);
void pickle_free(struct pickle *);

/* Is value v the global `module`.`name`? */
bool pickle_is_global(const struct pickle *, uint32_t v, const char *module, const char *name);
/* Is value v this text? */
bool pickle_is_text(const struct pickle *, uint32_t v, const char *text);

#endif
