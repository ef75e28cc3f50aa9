/* Included before every filters/x.c, whose main() becomes filter_main() of the target FILTER. */
#ifndef FUZZ_FILTER_H
#define FUZZ_FILTER_H

void filter_add(const char *name, int (*main)(int, char **));

#ifdef FILTER
static int filter_main(int, char **);

__attribute__((constructor)) static void add_filter(void)
{
	filter_add(FILTER, filter_main);
}
#endif

#endif
