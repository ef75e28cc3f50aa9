#include "base/opt.h"

#include "base/die.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t threads = 1;
double progress_every;

static const char **history;
static size_t history_n;

static void help(const struct opt *options, const char *usage, const char *about)
{
	printf("usage: %s\n%s\n\n", usage, about);
	for (const struct opt *o = options; o->name; o++) {
		char left[64], fallback[64] = "";
		const char *word = o->value;

		snprintf(left, sizeof left, "--%s %s", o->name, o->value ? o->value : "");
		switch (o->type) {
		case OPT_SIZE:
			if (*(size_t *)o->target >= o->min)
				snprintf(fallback, sizeof fallback, " (%zu)", *(size_t *)o->target);
			break;
		case OPT_REAL:
			if (!isnan(*(double *)o->target))
				snprintf(fallback, sizeof fallback, " (%g)", *(double *)o->target);
			break;
		case OPT_TEXT:
			if (*(const char **)o->target)
				snprintf(fallback, sizeof fallback, " (%s)", *(const char **)o->target);
			break;
		case OPT_CHOICE:
			for (int i = *(int *)o->target; i > 0 && word; i--)
				if ((word = strchr(word, '|')))
					word++;
			if (word)
				snprintf(fallback, sizeof fallback, " (%.*s)", (int)strcspn(word, "|"), word);
			break;
		default:
			break;
		}
		printf("  %-28s %s%s\n", left, o->help, fallback);
	}
	printf("  %-28s %s\n  %-28s %s\n  %-28s %s\n", "--quiet", "no notes on stderr", "--help",
		"this text", "--version", "the version");
}

static void set(const struct opt *o, const char *value)
{
	char *end;

	errno = 0;
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->target = true;
		return;
	case OPT_TEXT:
		*(const char **)o->target = value;
		return;
	case OPT_PAIR:
		((const char **)o->target)[((const char **)o->target)[0] != NULL] = value;
		return;
	case OPT_LIST: {
		struct list *list = o->target;
		list->item = xrealloc(list->item, list->n + 1, sizeof *list->item);
		list->item[list->n++] = value;
		return;
	}
	case OPT_SIZE: {
		unsigned long long x = strtoull(value, &end, 10);
		if (errno || end == value || *end || *value == '-')
			misuse("--%s: '%s' is not a whole number", o->name, value);
		if ((double)x < o->min || (double)x > o->max)
			misuse("--%s: %s is not within %.0f and %.0f", o->name, value, o->min, o->max);
		*(size_t *)o->target = (size_t)x;
		return;
	}
	case OPT_REAL: {
		double x = strtod(value, &end);
		if (errno || end == value || *end || isnan(x))
			misuse("--%s: '%s' is not a number", o->name, value);
		if (x < o->min || x > o->max)
			misuse("--%s: %s is not within %g and %g", o->name, value, o->min, o->max);
		*(double *)o->target = x;
		return;
	}
	case OPT_PART: {
		struct part *part = o->target;
		int used = 0;
		if (sscanf(value, "%9zu/%9zu%n", &part->i, &part->n, &used) != 2 || value[used] || part->i < 1
				|| part->i > part->n)
			misuse("--%s: '%s' is not I/N with I from 1 to N", o->name, value);
		return;
	}
	case OPT_CHOICE: {
		size_t n = strlen(value);
		int i = 0;
		for (const char *word = o->value; word; i++) {
			if (strcspn(word, "|") == n && strncmp(word, value, n) == 0) {
				*(int *)o->target = i;
				return;
			}
			if ((word = strchr(word, '|')))
				word++;
		}
		misuse("--%s: '%s' is none of %s", o->name, value, o->value);
	}
	}
}

static const struct opt *find(const struct opt *options, const char *name, size_t n)
{
	static const struct opt common[] = {
		{"quiet", OPT_FLAG, &quiet, NULL, NULL, 0, 0}, OPT_END
	};

	for (const struct opt *o = options; o->name; o++)
		if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
			return o;
	return strlen("quiet") == n && strncmp("quiet", name, n) == 0 ? common : NULL;
}

static bool remember(const struct opt *o)
{
	return o->type != OPT_PART && o->target != &threads && o->target != &progress_every && o->target != &quiet;
}

char **opt_parse(int argc, char **argv, const struct opt *options, const char *usage, const char *about,
	size_t most)
{
	size_t n = 0;
	bool words = true;

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	threads = (size_t)omp_get_num_procs();
	char **operand = xcalloc((size_t)argc + 1, sizeof *operand);
	history = xcalloc((size_t)argc + 1, sizeof *history);
	for (char **a = argv + 1; *a; a++) {
		if (!words || strncmp(*a, "-", 1) != 0 || strcmp(*a, "-") == 0) {
			operand[n++] = *a;
			history[history_n++] = *a;
			continue;
		}
		if (strcmp(*a, "--") == 0) {
			words = false;
			continue;
		}
		if (strncmp(*a, "--", 2) != 0)
			misuse("unknown option %s", *a);
		if (strcmp(*a, "--help") == 0) {
			help(options, usage, about);
			exit(fflush(stdout) == 0 ? 0 : 1);
		}
		if (strcmp(*a, "--version") == 0) {
			printf("%s (semot) %s\n", program, VERSION);
			exit(fflush(stdout) == 0 ? 0 : 1);
		}
		const char *name = *a + 2, *equals = strchr(name, '=');
		const struct opt *o = find(options, name, equals ? (size_t)(equals - name) : strlen(name));
		if (!o)
			misuse("unknown option %s", *a);
		if (o->type == OPT_FLAG && equals)
			misuse("--%s takes no value", o->name);
		if (o->type != OPT_FLAG && !equals && !a[1])
			misuse("--%s needs a value: %s", o->name, o->value);
		if (remember(o))
			history[history_n++] = *a;
		const char *value = o->type == OPT_FLAG ? NULL : equals ? equals + 1 : *++a;
		set(o, value);
		if (remember(o) && value && !equals)
			history[history_n++] = value;
		if (o->type == OPT_PAIR) {
			if (!a[1])
				misuse("--%s needs two values: %s", o->name, o->value);
			set(o, history[history_n++] = *++a);
		}
	}
	if (n > most)
		misuse("too many operands: %s", operand[most]);
	if (most > 0 && n == 0 && isatty(STDIN_FILENO)) {
		fprintf(stderr, "%s: stdin is a terminal: name a FILE, or pipe into it\nusage: %s\n", program, usage);
		exit(2);
	}
	return operand;
}

const char *const *opt_history(void)
{
	return history;
}

void progress(size_t done, size_t total, const char *what)
{
	static time_t last;
	static int terminal = -1;
	time_t now = time(NULL);

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO), last = now;
	if (quiet || (!terminal && progress_every <= 0))
		return;
	bool finished = done == total;
	if (difftime(now, last) < (progress_every > 0 ? progress_every : 1) && !finished)
		return;
	last = now;
	fprintf(stderr, terminal ? "\r%s: %zu of %zu %s%s" : "%s: %zu of %zu %s%s", program, done, total,
		what, terminal && !finished ? "" : "\n");
}
