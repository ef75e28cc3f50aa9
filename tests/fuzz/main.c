/* The program:
 *
 *	fuzzer TARGET TIMES SEED FILE...	TIMES changes of the FILEs, which SEED
 *						chooses; of 0, the FILEs as they are
 *	fuzzer					the names of all targets
 *
 * What a target takes and what it refuses is well, and is counted; a crash, what a sanitizer finds,
 * ten seconds, and 512 MB of memory are not: the file fuzz-TARGET is left with the input.
 *
 * With -DLIBFUZZER the program is clang's libFuzzer, TARGET is FUZZ in the environment, and the
 * names are those without it. */
#define _GNU_SOURCE
#include "fuzz.h"

#include "base/die.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed);

static const struct target *target;
static size_t runs, reads;
static bool taken;			/* was the last input? */

static bool read_once(const struct input *in)
{
	char path[FOLDER + 66];

	if (target->folder)
		snprintf(path, sizeof path, "%s", folder);
	else
		input_path(path, &in->part[0]);
	sandbox_begin();
	bool fine = attempt(target->run, path);
	sandbox_end();
	return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in;

	if (!input_unpack(&in, bytes, n))
		return 0;
	input_write(&in);
	for (size_t i = dice = 0; i < n; i++)		/* what a reader asks below() */
		dice = 31 * dice + bytes[i];
	current = &in;
	taken = target->main ? filter_once(target, &in) : read_once(&in);
	runs++;
	reads += taken;
	input_remove(&in);
	return 0;
}

static void end(void)
{
	rmdir(folder);
	fprintf(stderr, "%s: %zu inputs, %zu were read, %zu ways to refuse one\n", target->name,
		runs, reads, refusals);
}

_Noreturn static void list_targets(void)
{
	const struct target *t;

	for (size_t i = 0; (t = target_number(i)); i++)
		puts(t->name);
	exit(0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ"), *where = getenv("TMPDIR");

	(void)argc, (void)argv;
	if (!name)
		list_targets();
	target = target_find(name);
	snprintf(folder, FOLDER, "%s/fuzz-XXXXXX",
		where && strlen(where) < FOLDER - 12 ? where : ".");
	if (!target || !mkdtemp(folder))
		die("no target %s", name);
#ifdef LIBFUZZER
	atexit(end);
#endif
	sandbox_open();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
	dice = seed;
	return change_input(bytes, n, most);
}

/* -- Without libFuzzer ------------------------------------------------------------------------- */

#ifndef LIBFUZZER
enum { SECONDS = 10, INPUTS = 1 << 16 };

static uint8_t now[ROOM];
static size_t now_n;
static struct bytes all[INPUTS];
static size_t n_all;

static void leave(int number)
{
	char name[128];

	snprintf(name, sizeof name, "fuzz-%s", target->name);
	FILE *f = fopen(name, "wb");
	if (f) {
		fwrite(now, 1, now_n, f);
		fclose(f);
	}
	fprintf(stderr, "%s: signal %d, input %zu: see %s\n", target->name, number, runs, name);
	signal(number, SIG_DFL);
	raise(number);
}

static void read_input(const char *path)
{
	struct stat s;
	FILE *f = fopen(path, "rb");

	if (!f || fstat(fileno(f), &s) != 0)
		die("%s: cannot be read", path);
	uint8_t *bytes = xalloc((size_t)s.st_size, 1);
	if (s.st_size > ROOM || n_all == INPUTS
			|| fread(bytes, 1, (size_t)s.st_size, f) != (size_t)s.st_size)
		die("%s: cannot be read", path);
	fclose(f);
	all[n_all++] = (struct bytes){bytes, (size_t)s.st_size};
}

int main(int argc, char **argv)
{
	program = "fuzzer";
	if (argc == 1)
		list_targets();
	if (argc < 5)
		return 2;
	size_t times = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
	setenv("FUZZ", argv[1], 1);
	for (int i = 4; i < argc; i++)
		read_input(argv[i]);
	LLVMFuzzerInitialize(&argc, &argv);
	signal(SIGALRM, leave);
	signal(SIGABRT, leave);
	signal(SIGSEGV, leave);
	signal(SIGFPE, leave);
	for (size_t i = 0; n_all > 0 && i < (times ? times : n_all); i++) {
		dice = seed << 32 ^ i;
		struct bytes b = all[times ? below(n_all) : i];
		memcpy(now, b.bytes, now_n = b.n);
		for (size_t k = times ? 1 + below(4) : 0; k > 0; k--)
			now_n = LLVMFuzzerCustomMutator(now, now_n, ROOM,
				(unsigned)below(UINT32_MAX));
		alarm(SECONDS);
		LLVMFuzzerTestOneInput(now, now_n);
		if (getenv("SAY"))
			printf("%zu: %s\n", i, taken ? "read" : refusal);
	}
	alarm(0);
	end();
	return runs == 0;
}
#endif
