/* The strings of a vocabulary by their ids, from a file:
 *
 * - one string a line, as it is, the first of id 0;
 * - Hugging Face's tokenizer.json: model.vocab, an object, or a list of [piece, score], and
 *   added_tokens;
 * - vocab.json: an object of strings and ids.
 *
 * Texts read on from one to the next: marks of byte-level BPE, sentencepiece and WordPiece become
 * spaces and bytes. They are UTF-8; a byte of an incomplete character is \xNN. */
#ifndef FILE_VOCAB_H
#define FILE_VOCAB_H

#include <stddef.h>
#include <stdint.h>

/* How strings say where words begin. */
enum marks {
	MARKS_AUTO,		/* what a tokenizer.json says, or else what the strings look like */
	MARKS_BYTES,		/* each character is a byte by GPT-2's table: Ġ is a space */
	MARKS_SENTENCEPIECE,	/* U+2581 is a space, <0x0A> a byte */
	MARKS_WORDPIECE,	/* ## goes on with a word */
	MARKS_WORDS,		/* each string is a word, with a space before it */
	MARKS_NONE		/* strings are as they are */
};
#define MARKS_CHOICE "auto|bytes|sentencepiece|wordpiece|words|none"

struct vocab {
	const char *path;	/* the caller's */
	size_t n;		/* ids are below */
	size_t strings;		/* how many of them have one */
	enum marks marks;	/* as read, or guessed: never MARKS_AUTO */
	size_t *begin;		/* (n+1) into bytes; SIZE_MAX of an id without a string */
	char *bytes;
};

/* What is wrong with a file, or cannot be guessed, ends the program. A guess that changes strings
 * is a note. */
struct vocab vocab_open(const char *path, enum marks);
void vocab_close(struct vocab *);

/* The text of an id; NULL: there is none. */
const char *vocab_text(const struct vocab *, uint32_t id);

#endif
