/* The command line: long options from a table, the same words in every program.
 *
 *	static size_t support = 64;
 *	static const struct opt options[] = {
 *		{"support", OPT_SIZE, &support, "K",
 *			"keep at most K points per feature", 1, 1 << 20},
 *		OPT_END
 *	};
 *	char **operand = opt_parse(argc, argv, options, "featdist [OPTION]... [FILE]",
 *		"what it does", 1);
 *
 * The value that a variable has before is the default, and --help shows it. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>

enum opt_type {
	OPT_FLAG,	/* bool */
	OPT_SIZE,	/* size_t in [min, max] */
	OPT_REAL,	/* double in [min, max] */
	OPT_TEXT,	/* const char * */
	OPT_OPTIONAL,	/* struct optional: --name, or --name=VALUE */
	OPT_PAIR,	/* const char *[2], NULL at first: takes two words, once */
	OPT_LIST,	/* struct list: may be given several times */
	OPT_CHOICE,	/* int: index of a word in value, "a|b|c"; -1: none unless given */
	OPT_ROW_BLOCK,	/* struct row_block */
	OPT_LIMIT,	/* struct limit: a number in [min, max], or chance:P, P in [0, 1] */
	OPT_THREAD_COUNT, OPT_SECONDS	/* no target: see OPT_THREADS, OPT_PROGRESS */
};

/* Block i of n, 1 <= i <= n, written I/N. */
struct row_block {
	size_t i, n;
};

struct optional {
	bool given;
	const char *value;	/* or NULL */
};

/* What is not given is NaN. */
struct limit {
	double number, chance;
};

struct list {
	size_t n;
	const char **item;
};

struct opt {
	const char *name;
	enum opt_type type;
	void *target;
	const char *value, *help;
	double min, max;
};

#define OPT_END {0}

/* --threads: as many as OpenMP starts for a parallel region and omp_get_max_threads() tells; all
 * CPUs unless given. */
#define OPT_THREADS {"threads", OPT_THREAD_COUNT, NULL, "T", \
	"use T threads; the output does not depend on T", 1, 1024}
/* --progress: how often base/progress.h says something. */
#define OPT_PROGRESS {"progress", OPT_SECONDS, NULL, "SEC", \
	"report progress every SEC seconds; 0: never", 0, 1e9}

/* Sets the targets and returns the operands, to free(): NULL at the end, at most `most` of them.
 * Handles --help, --version and --quiet; a wrong command line is misuse(), and so is a terminal
 * on stdin where the program would read a stream from it (most >= 1 and no operand). */
char **opt_parse(int argc, char **argv, const struct opt *options, const char *usage,
	const char *about, size_t most);

/* The arguments that made the result, for the history: all but --threads, --progress, --quiet
 * and --rows. NULL at the end. */
const char *const *opt_history(void);

#endif
