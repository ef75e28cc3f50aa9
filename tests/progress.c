/* progress SCRIPT...: long work as the words say, by a clock of its own: begin:TOTAL, wait:SECONDS,
 * add:N, to:N, detail:TEXT, note:TEXT, die:TEXT, end. --progress and
 * --quiet are as everywhere. */
#include "base/opt.h"
#include "base/progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now = 1000;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	t->tv_sec = (time_t)now;
	t->tv_nsec = (long)((now - (double)t->tv_sec) * 1e9);
	return 0;
}

static void run(const char *word)
{
	const char *value = strchr(word, ':') ? strchr(word, ':') + 1 : "";
	double number = strtod(value, NULL);

	if (strncmp(word, "begin:", 6) == 0)
		progress_begin((size_t)number, "tokens");
	else if (strncmp(word, "wait:", 5) == 0)
		now += number;
	else if (strncmp(word, "add:", 4) == 0)
		progress_add((size_t)number);
	else if (strncmp(word, "to:", 3) == 0)
		progress_to((size_t)number);
	else if (strncmp(word, "detail:", 7) == 0)
		progress_detail("%s", value);
	else if (strncmp(word, "note:", 5) == 0)
		note("%s", value);
	else if (strncmp(word, "die:", 4) == 0)
		die("%s", value);
	else if (strcmp(word, "end") == 0)
		progress_end();
	else
		misuse("'%s' is no word of the script", word);
}

int main(int argc, char **argv)
{
	static const struct opt options[] = {OPT_PROGRESS, OPT_END};
	char **word = opt_parse(argc, argv, options, "progress [OPTION]... WORD...",
		"Work that is long by its own clock.", (size_t)argc);

	for (char **at = word; *at; at++)
		run(*at);
	free(word);
	return 0;
}
