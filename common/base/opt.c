#include "base/opt.h"

#include "base/die.h"
#include "base/progress.h"
#include "base/standard.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char **history;
static size_t history_n;

/* -- --help --------------------------------------------------------------------------------- */

/* The option's default, in brackets; nothing where it has none. */
static void put_default(char *text, size_t room, const struct opt *o)
{
	const char *word = o->value;

	*text = '\0';
	switch (o->type) {
	case OPT_SIZE:
		if ((double)*(size_t *)o->target >= o->min)
			snprintf(text, room, " (%zu)", *(size_t *)o->target);
		break;
	case OPT_REAL:
		if (!isnan(*(double *)o->target))
			snprintf(text, room, " (%g)", *(double *)o->target);
		break;
	case OPT_TEXT:
		if (*(const char **)o->target)
			snprintf(text, room, " (%s)", *(const char **)o->target);
		break;
	case OPT_CHOICE:
		word = *(int *)o->target < 0 ? NULL : word;
		for (int i = *(int *)o->target; i > 0 && word; i--)
			if ((word = strchr(word, '|')))
				word++;
		if (word)
			snprintf(text, room, " (%.*s)", (int)strcspn(word, "|"), word);
		break;
	case OPT_THREAD_COUNT:
		snprintf(text, room, " (%d)", omp_get_max_threads());
		break;
	default:
		break;
	}
}

_Noreturn static void help(const struct opt *options, const char *usage, const char *about)
{
	char left[64], right[64];

	printf("usage: %s\n%s\n\n", usage, about);
	for (const struct opt *o = options; o->name; o++) {
		snprintf(left, sizeof left, "--%s%s%s", o->name,
			o->type == OPT_OPTIONAL ? "" : " ", o->value ? o->value : "");
		put_default(right, sizeof right, o);
		printf("  %-31s %s%s\n", left, o->help, right);
	}
	printf("  %-31s %s\n  %-31s %s\n  %-31s %s\n", "--quiet", "print no notes on stderr",
		"--help", "print this text", "--version", "print the version");
	text_close();
	exit(0);
}

_Noreturn static void version(void)
{
	printf("%s (semot) %s\n", program, VERSION);
	text_close();
	exit(0);
}

/* -- Values --------------------------------------------------------------------------------- */

static size_t whole(const struct opt *o, const char *value)
{
	char *end;

	errno = 0;
	unsigned long long x = strtoull(value, &end, 10);
	if (errno || end == value || *end || *value == '-')
		misuse("--%s: '%s' is not a whole number", o->name, value);
	if ((double)x < o->min || (double)x > o->max)
		misuse("--%s: %s is not within %.0f and %.0f", o->name, value, o->min, o->max);
	return (size_t)x;
}

static double real(const struct opt *o, const char *value)
{
	char *end;

	errno = 0;
	double x = strtod(value, &end);
	if (errno || end == value || *end || isnan(x))
		misuse("--%s: '%s' is not a number", o->name, value);
	if (x < o->min || x > o->max)
		misuse("--%s: %s is not within %g and %g", o->name, value, o->min, o->max);
	return x;
}

static struct limit limit(const struct opt *o, const char *value)
{
	struct opt chance = {.name = o->name, .max = 1};
	size_t n = strlen("chance:");

	if (strncmp(value, "chance:", n) == 0)
		return (struct limit){NAN, real(&chance, value + n)};
	return (struct limit){real(o, value), NAN};
}

static struct row_block row_block(const struct opt *o, const char *value)
{
	struct row_block p;
	int used = 0;

	if (sscanf(value, "%9zu/%9zu%n", &p.i, &p.n, &used) != 2 || value[used] || p.i < 1
			|| p.i > p.n)
		misuse("--%s: '%s' is not I/N with I from 1 to N", o->name, value);
	return p;
}

static int choice(const struct opt *o, const char *value)
{
	size_t n = strlen(value);
	int i = 0;

	for (const char *word = o->value; word; i++) {
		if (strcspn(word, "|") == n && strncmp(word, value, n) == 0)
			return i;
		if ((word = strchr(word, '|')))
			word++;
	}
	misuse("--%s: '%s' is none of %s", o->name, value, o->value);
}

static void append(struct list *list, const char *value)
{
	list->item = xrealloc(list->item, list->n + 1, sizeof *list->item);
	list->item[list->n++] = value;
}

/* What the option is for takes its value; `second` is that of a pair. */
static void set(const struct opt *o, const char *value, const char *second)
{
	const char **text = o->target;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->target = true;
		break;
	case OPT_TEXT:
		*text = value;
		break;
	case OPT_OPTIONAL:
		*(struct optional *)o->target = (struct optional){true, value};
		break;
	case OPT_PAIR:
		if (text[0])
			misuse("--%s is given twice", o->name);
		text[0] = value;
		text[1] = second;
		break;
	case OPT_LIST:
		append(o->target, value);
		break;
	case OPT_SIZE:
		*(size_t *)o->target = whole(o, value);
		break;
	case OPT_REAL:
		*(double *)o->target = real(o, value);
		break;
	case OPT_ROW_BLOCK:
		*(struct row_block *)o->target = row_block(o, value);
		break;
	case OPT_LIMIT:
		*(struct limit *)o->target = limit(o, value);
		break;
	case OPT_CHOICE:
		*(int *)o->target = choice(o, value);
		break;
	case OPT_THREAD_COUNT:
		omp_set_num_threads((int)whole(o, value));
		break;
	case OPT_SECONDS:
		progress_every(real(o, value));
		break;
	}
}

/* -- The command line ----------------------------------------------------------------------- */

static const struct opt *find(const struct opt *options, const char *name, size_t n)
{
	static const struct opt common = {"quiet", OPT_FLAG, &quiet, NULL, NULL, 0, 0};

	for (const struct opt *o = options; o->name; o++)
		if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
			return o;
	return strlen(common.name) == n && strncmp(common.name, name, n) == 0 ? &common : NULL;
}

static bool in_history(const struct opt *o)
{
	return o->type != OPT_ROW_BLOCK && o->type != OPT_THREAD_COUNT && o->type != OPT_SECONDS
		&& o->target != &quiet;
}

/* Takes the option at `at` and its values; returns the last word of them. */
static char **take_option(char **at, const struct opt *options)
{
	const char *name = *at + 2, *equals = strchr(name, '='), *value = NULL, *second = NULL;
	const struct opt *o = find(options, name, equals ? (size_t)(equals - name) : strlen(name));
	char **first = at;

	if (!o)
		misuse("unknown option %s", *at);
	if (o->type == OPT_FLAG && equals)
		misuse("--%s takes no value", o->name);
	if (o->type == OPT_OPTIONAL)
		value = equals ? equals + 1 : NULL;
	else if (o->type != OPT_FLAG && !(value = equals ? equals + 1 : *++at))
		misuse("--%s needs a value: %s", o->name, o->value);
	if (o->type == OPT_PAIR && !(second = *++at))
		misuse("--%s needs two values: %s", o->name, o->value);
	set(o, value, second);
	for (; in_history(o) && first <= at; first++)
		history[history_n++] = *first;
	return at;
}

char **opt_parse(int argc, char **argv, const struct opt *options, const char *usage,
	const char *about, size_t most)
{
	static char **operand;	/* not on the stack, which --help leaves */
	size_t n = 0;
	bool words = true;	/* until --: may an option come? */

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	standard_open();
	omp_set_num_threads(omp_get_num_procs());
	operand = xcalloc((size_t)argc + 1, sizeof *operand);
	history = xcalloc((size_t)argc + 1, sizeof *history);
	for (char **a = argv + 1; *a; a++) {
		bool operand_here = !words || **a != '-' || strcmp(*a, "-") == 0;
		if (!operand_here && strncmp(*a, "--", 2) != 0)
			misuse("unknown option %s", *a);
		if (!operand_here && strcmp(*a, "--help") == 0)
			help(options, usage, about);
		if (!operand_here && strcmp(*a, "--version") == 0)
			version();
		if (!operand_here && strcmp(*a, "--") != 0) {
			a = take_option(a, options);
			continue;
		}
		history[history_n++] = *a;
		if (operand_here)
			operand[n++] = *a;
		else
			words = false;
	}
	if (n > most)
		misuse("too many operands: %s", operand[most]);
	if (most > 0 && n == 0 && isatty(STDIN_FILENO)) {
		fprintf(stderr,
			"%s: stdin is a terminal: name a FILE, or pipe into it\nusage: %s\n",
			program, usage);
		exit(2);
	}
	return operand;
}

const char *const *opt_history(void)
{
	return history;
}
