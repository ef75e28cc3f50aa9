/* Readers of files and whole filters, again and again on input that was changed: main.c says how it
 * is run, tests/oracle/fuzz.py makes what it begins with.
 *
 * A new filter needs nothing here: every filters/x.c is a target, on the command lines that
 * tests/x.bats has ("# contract:" and "# fuzz:"). A new reader is a file here, with TARGET(). */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- Inputs: files of a folder, each "NAME LENGTH\n" and its bytes: input.c -------------------- */

enum { PARTS = 8, ROOM = 1 << 18, FOLDER = 60 };

struct part {
	char name[64];
	const uint8_t *bytes;
	size_t n;
};

struct input {
	struct part part[PARTS];
	size_t parts;
};

extern char folder[FOLDER];			/* where the parts are files while a target runs */

bool input_unpack(struct input *, const uint8_t *bytes, size_t n);
size_t input_pack(uint8_t *to, size_t most, const struct input *);	/* 0: it has no room */
const struct part *input_find(const struct input *, const char *name);	/* or NULL */
void input_write(const struct input *);
void input_remove(const struct input *);
void input_path(char path[FOLDER + 66], const struct part *);

struct bytes {
	uint8_t *bytes;
	size_t n;
};

/* -- Targets ----------------------------------------------------------------------------------- */

struct target {
	const char *name;
	void (*run)(const char *path);	/* of the input's first file */
	bool folder;			/* path is the folder's */
	int (*main)(int, char **);	/* of a filter, in place of run */
};

extern const struct input *current;	/* the input that is run */

void target_add(struct target);
const struct target *target_find(const char *name);	/* NULL: there is none */
const struct target *target_number(size_t i);		/* from 0; NULL: there is none */

#define TARGET(NAME, RUN, TAKES_FOLDER) \
	__attribute__((constructor)) static void add_##NAME(void) \
	{ \
		target_add((struct target){.name = #NAME, .run = RUN, .folder = TAKES_FOLDER}); \
	}

/* -- What ends a run: sandbox.c ---------------------------------------------------------------- */

extern char refusal[1024];		/* the line of the last die(), or "" */
extern size_t refusals;			/* how many kinds of such lines there were */

/* Does the step come to its end, without die()? */
bool attempt(void (*step)(const char *), const char *argument);
void sandbox_open(void);
void sandbox_begin(void);
/* Gives back what the run left: memory, files, mappings; variables become what they were. */
void sandbox_end(void);

/* Runs a filter with these bytes as its stdin: its exit status, and what it wrote, which stays
 * until the next run of the same `slot`, 0 to 2. */
int filter_run(const struct target *, char **argument, struct bytes in, int slot,
	struct bytes *out);
/* Runs it as the input says: does it succeed? Aborts where it does, and what it wrote as a stream
 * is none. */
bool filter_once(const struct target *, const struct input *);

/* -- Streams: stream.c ------------------------------------------------------------------------- */

enum { PLAIN = 1, LZ4 = 2 };

struct object {
	uint8_t type;
	const uint8_t *bytes;
	size_t n;
};

/* How many objects there are before what is none; at most `most` of them. */
size_t find_objects(struct object *, size_t most, const uint8_t *bytes, size_t n);
bool is_end(const struct object *);
void unpack_lz4(struct object *);	/* what cannot be stays as it is; until the next call */
bool payload_is_sound(const uint8_t *bytes, size_t n);	/* one value, whose counts are right */
bool stream_is_whole(struct bytes);	/* one or more, to the end marks and checksums */

/* -- Changes: change.c, change_file.c, change_stream.c, change_json.c -------------------------- */

extern uint64_t dice;
size_t below(size_t n);

/* In place, with room for `most`: how many bytes there are then. */
size_t change_bytes(uint8_t *bytes, size_t n, size_t most);
size_t change_file(uint8_t *bytes, size_t n, size_t most);	/* of whatever kind it is */
size_t change_json(uint8_t *bytes, size_t n, size_t most);
size_t change_stream(uint8_t *bytes, size_t n, size_t most);
size_t change_input(uint8_t *bytes, size_t n, size_t most);	/* one of its parts */

/* A word or a number that readers look for. */
struct word {
	const char *text;
	size_t n;
};

struct word some_word(void);
struct word some_number(void);
int64_t some_integer(void);
double some_real(void);

#endif
